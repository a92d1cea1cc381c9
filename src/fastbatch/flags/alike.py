"""
All flags of a project at once.

A large project has few different filters: flags whose conditions have the same ones are kept together, and what they
have in common is found out once for a person. What is left of each flag then was prepared with the definitions: an
outcome, or the question whether the person is in a rollout.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from fastbatch.flags.conditions import Conditions, Rollout
from fastbatch.flags.constant import Constant
from fastbatch.flags.context import Context, Matcher
from fastbatch.flags.dependencies import Decides
from fastbatch.flags.evaluation import Evaluation

__all__ = ["Together"]

_Filters: TypeAlias = "tuple[Matcher | None, ...]"

_MOST_CONDITIONS = 8
"""Flags with more are decided one by one: what is prepared grows by the square of their number."""

_NONE: Mapping[str, Decides] = {}


class Together:
    """
    Decides flags with as few questions about a person as there are different ones.

    Args:
        flags: By key.
    """

    __slots__ = ("_alike", "_rest")

    def __init__(self, flags: Mapping[str, Decides]) -> None:
        by_filters: defaultdict[_Filters, dict[str, Conditions]] = defaultdict(dict)
        rest = dict(flags)
        for key, flag in flags.items():
            filters = flag.filters if isinstance(flag, Conditions) else None
            if isinstance(flag, Conditions) and filters is not None and len(filters) <= _MOST_CONDITIONS:
                by_filters[filters][key] = flag
        self._alike = [_Alike(filters, alike) for filters, alike in by_filters.items() if len(alike) > 1]
        for each in self._alike:
            for key in each.flags:
                del rest[key]
        self._rest = _Rest(rest)

    def decide(self, context: Context, found: dict[str, Evaluation]) -> Iterator[Mapping[str, Decides]]:
        """Put outcomes in ``found``, and return what is to be decided flag by flag."""
        yield self._rest.decide(context, found)
        for each in self._alike:
            yield each.decide(context, found)


class _Rest:
    """Flags that have no filters in common, or of which these have been asked."""

    __slots__ = ("_constant", "_others", "_rollouts")

    def __init__(self, flags: Mapping[str, Decides]) -> None:
        self._constant = {key: flag.outcome for key, flag in flags.items() if isinstance(flag, Constant)}
        rollouts = {key: flag for key, flag in flags.items() if isinstance(flag, Rollout)}
        self._rollouts = [(key, one.seed, one.bound, one.inside, one.outside) for key, one in rollouts.items()]
        self._others = {key: flag for key, flag in flags.items() if not isinstance(flag, (Constant, Rollout))}

    def decide(self, context: Context, found: dict[str, Evaluation]) -> Mapping[str, Decides]:
        """Put in the outcomes that need nothing but a hash, and return the flags that need more."""
        found.update(self._constant)
        bucket = context.bucket
        for key, seed, bound, inside, outside in self._rollouts:
            # As `digest` does; here a call more would be felt, since most flags of most projects come to this line.
            copy = seed.copy()
            copy.update(bucket)
            found[key] = inside if copy.digest() < bound else outside
        return self._others


class _Alike:
    """Flags of persons with as many conditions, which have the same filters in the same order."""

    __slots__ = ("_filters", "_met", "_missed", "flags")

    def __init__(self, filters: _Filters, flags: Mapping[str, Conditions]) -> None:
        self.flags = flags
        self._filters = filters
        self._missed = {key: flag.missed for key, flag in flags.items()}
        self._met = [_Rest({key: flag.met(number) for key, flag in flags.items()}) for number in range(len(filters))]

    def decide(self, context: Context, found: dict[str, Evaluation]) -> Mapping[str, Decides]:
        """Put in the outcomes that the common filters lead to, and return the flags that need more."""
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
