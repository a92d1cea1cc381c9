"""
All flags of a project at once.

A large project has few different filters: flags whose conditions have the same ones are kept together, and what they
have in common is found out once for a person. What is left of each flag then was prepared with the definitions: an
outcome, or the question whether the person is in a rollout.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeAlias, TypeVar

from fastbatch.flags.local.conditions import Conditions, Rollout
from fastbatch.flags.local.constant import Constant
from fastbatch.flags.local.context import Context, Matcher
from fastbatch.flags.local.dependencies import Decides
from fastbatch.flags.local.evaluation import Evaluation

__all__ = ["AllFlags"]

T = TypeVar("T")

_Filters: TypeAlias = "tuple[Matcher | None, ...]"

_MOST_CONDITIONS = 8
"""Flags with more are decided one by one: what is prepared grows by the square of their number."""

_NONE: Mapping[str, Decides] = {}


class AllFlags(Generic[T]):
    """
    Decides all flags, with as few questions about a person as there are different ones.

    Args:
        flags: By key.
        told: What is told of an outcome.
        failed: Returns the outcome of a flag that some property of the person made raise.
    """

    __slots__ = ("_alike", "_failed", "_flags", "_found", "_rest", "_told")

    def __init__(
        self, flags: Mapping[str, Decides], told: Callable[[Evaluation], T], failed: Callable[[str], Evaluation]
    ) -> None:
        self._flags = flags
        self._told = told
        self._failed = failed
        by_filters = _by_filters(flags)
        self._alike = [_Alike(filters, alike, told) for filters, alike in by_filters.items() if len(alike) > 1]
        grouped = {key for each in self._alike for key in each.flags}
        self._rest = _Rest({key: flag for key, flag in flags.items() if key not in grouped}, told)
        self._found: dict[str, Any] = dict.fromkeys(flags)
        """Has all keys in their order."""

    def of(self, context: Context) -> dict[str, T]:
        """Return all of them, in the order of definition."""
        found: dict[str, T] = dict(self._found)
        self._decide(self._rest.decide(context, found), context, found)
        for alike in self._alike:
            self._decide(alike.decide(context, found), context, found)
        return found

    def some(self, context: Context, keys: Iterable[str]) -> dict[str, T]:
        """Return those of ``keys`` that there are, in the order of definition."""
        wanted = set(keys)
        found: dict[str, T] = {}
        self._decide({key: flag for key, flag in self._flags.items() if key in wanted}, context, found)
        return found

    def none(self, keys: Iterable[str] | None) -> dict[str, T]:
        """Return the same, or all of them, for somebody at whom nobody can look."""
        wanted = self._flags.keys() if keys is None else set(keys)
        return {
            key: self._told(flag.outcome if isinstance(flag, Constant) else self._failed(key))
            for key, flag in self._flags.items()
            if key in wanted
        }

    def _decide(self, flags: Mapping[str, Decides], context: Context, found: dict[str, T]) -> None:
        for key, flag in flags.items():
            try:
                outcome = flag.decide(context)
            except Exception:  # noqa: BLE001 - what a caller's values do when they are looked at harms this flag alone
                outcome = self._failed(key)
            found[key] = self._told(outcome)


class _Rest(Generic[T]):
    """Flags that have no filters in common, or of which these have been asked."""

    __slots__ = ("_constant", "_others", "_rollouts")

    def __init__(self, flags: Mapping[str, Decides], told: Callable[[Evaluation], T]) -> None:
        self._constant = {key: told(flag.outcome) for key, flag in flags.items() if isinstance(flag, Constant)}
        self._rollouts = [
            (key, flag.seed, flag.bound, told(flag.inside), told(flag.outside))
            for key, flag in flags.items()
            if isinstance(flag, Rollout)
        ]
        self._others = {key: flag for key, flag in flags.items() if not isinstance(flag, (Constant, Rollout))}

    def decide(self, context: Context, found: dict[str, T]) -> Mapping[str, Decides]:
        """Put in what needs nothing but a hash, and return the flags that need more."""
        found.update(self._constant)
        bucket = context.bucket
        for key, seed, bound, inside, outside in self._rollouts:
            # As `digest` does; here a call more would be felt, since most flags of most projects come to this line.
            copy = seed.copy()
            copy.update(bucket)
            found[key] = inside if copy.digest() < bound else outside
        return self._others


class _Alike(Generic[T]):
    """Flags of persons with as many conditions, which have the same filters in the same order."""

    __slots__ = ("_filters", "_met", "_missed", "flags")

    def __init__(self, filters: _Filters, flags: Mapping[str, Conditions], told: Callable[[Evaluation], T]) -> None:
        self.flags = flags
        self._filters = filters
        self._missed = {key: told(flag.missed) for key, flag in flags.items()}
        self._met = [
            _Rest({key: flag.met(number) for key, flag in flags.items()}, told) for number in range(len(filters))
        ]

    def decide(self, context: Context, found: dict[str, T]) -> Mapping[str, Decides]:
        """Put in what the common filters lead to, and return the flags that need more."""
        try:
            for meets, rest in zip(self._filters, self._met, strict=True):
                outcome = meets is None or meets(context.properties, context)
                if outcome is True:
                    return rest.decide(context, found)
                if outcome is not False:
                    return self.flags
        except Exception:  # noqa: BLE001 - each of them will raise it, when it is decided by itself
            return self.flags
        found.update(self._missed)
        return _NONE


def _by_filters(flags: Mapping[str, Decides]) -> Mapping[_Filters, dict[str, Conditions]]:
    """Return the flags that may be decided together."""
    found: defaultdict[_Filters, dict[str, Conditions]] = defaultdict(dict)
    for key, flag in flags.items():
        filters = flag.filters if isinstance(flag, Conditions) else None
        if isinstance(flag, Conditions) and filters is not None and len(filters) <= _MOST_CONDITIONS:
            found[filters][key] = flag
    return found
