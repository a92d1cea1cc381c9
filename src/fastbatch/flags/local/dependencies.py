"""
Filters that ask for another flag's value.

A flag has one value for a subject, whoever asks for it, as on the server. The chain in such a filter names the flags
that have to be evaluated before, the one that is asked for last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from fastbatch.flags.local.context import Context, Matcher
from fastbatch.flags.local.doubt import DEPENDENCY, SERVER_DEPENDENCY, UNSUPPORTED, Doubt
from fastbatch.flags.local.evaluation import REQUIRES_SERVER, Evaluation
from fastbatch.flags.local.notes import Notes, short

__all__ = ["Decides", "Dependencies", "Dependency", "Shared", "break_cycles"]


class Decides(Protocol):
    """A flag, made ready."""

    def decide(self, context: Context, /) -> Evaluation:
        """Return its outcome for a subject."""
        ...


class Shared:
    """A flag that others ask for: evaluated once for a subject, whoever asks first."""

    __slots__ = ("_flag", "_key")

    def __init__(self, key: str, flag: Decides) -> None:
        self._key = key
        self._flag = flag

    def decide(self, context: Context) -> Evaluation:
        """Return its outcome for a subject."""
        known = context.values.get(self._key)
        if known is None:
            known = context.values[self._key] = self._flag.decide(context)
        return known


class Dependencies:
    """
    Compiles filters that ask for a flag.

    Args:
        keys: Of all flags that are defined.
        flags: Filled as they are compiled; looked up when a filter is evaluated.
    """

    def __init__(self, keys: frozenset[str], flags: Mapping[str, Decides]) -> None:
        self._keys = keys
        self._flags = flags

    def compile(self, raw: dict[str, Any], notes: Notes) -> Matcher:
        """Return the matcher of a filter; one of a wrong shape is met by nobody, as on the server."""
        key, expected, chain = raw.get("key"), raw.get("value"), raw.get("dependency_chain")
        name = f"dependency on {short(key)}"
        if raw.get("operator", "exact") != "flag_evaluates_to" or not key or expected is None:
            notes.problem(f"{name}: no flag, no value or another operator than flag_evaluates_to: nobody meets it")
            return lambda _properties, _context: False
        if not isinstance(chain, list) or not chain:
            notes.refuse(f"{name}: its chain is empty, as it is in a cycle, or no list")
        elif missing := [each for each in chain if not isinstance(each, str) or each not in self._keys]:
            notes.refuse(f"{name}: flag {short(missing[0])} is not defined")
        elif key not in chain:
            notes.refuse(f"{name}: its chain leads elsewhere")
        else:
            dependency = Dependency(key, tuple(chain), expected, self._flags)
            notes.dependencies.append(dependency)
            return dependency.match
        return lambda _properties, _context: UNSUPPORTED


class Dependency:
    """A filter that asks for a flag's value."""

    __slots__ = ("_expected", "_flags", "chain", "in_cycle", "key")

    def __init__(self, key: str, chain: tuple[str, ...], expected: object, flags: Mapping[str, Decides]) -> None:
        self.key = key
        self.chain = chain
        self.in_cycle = False
        """Found out when all flags are known, before the first is evaluated."""
        self._expected = expected
        self._flags = flags

    def match(self, _properties: Mapping[str, Any], context: Context) -> bool | Doubt:
        """Tell whether the flag has the value, once those before it in the chain have been evaluated."""
        if self.in_cycle:
            return UNSUPPORTED
        # In the order of the chain, so that a long one is no deep recursion.
        for key in self.chain:
            if key not in context.values:
                context.values[key] = self._flags[key].decide(context)
        found = context.values[self.key]
        if found.value is None:
            return SERVER_DEPENDENCY if found.reason == REQUIRES_SERVER else DEPENDENCY
        return _meets(found.value, self._expected)


def _meets(value: bool | str, expected: object) -> bool:
    """Any variant is true; a variant by name is that one, in the same case."""
    if isinstance(expected, bool):
        return (value is not False) is expected
    return isinstance(expected, str) and value == expected


def break_cycles(notes: Mapping[str, Notes]) -> None:
    """Mark the dependencies that are part of a cycle, or lie between two of them."""
    needs = {key: {each for one in facts.dependencies for each in one.chain} for key, facts in notes.items()}
    users = _reversed(needs)
    caught = _leading_to_cycles(needs, users) & _leading_to_cycles(users, needs)
    for key in sorted(caught):
        for dependency in notes[key].dependencies:
            if not caught.isdisjoint(dependency.chain):
                dependency.in_cycle = True
                notes[key].refuse(f"dependency on {short(dependency.key)} is part of a cycle")


def _reversed(edges: Mapping[str, set[str]]) -> dict[str, set[str]]:
    opposite: dict[str, set[str]] = {key: set() for key in edges}
    for key, others in edges.items():
        for other in others:
            opposite[other].add(key)
    return opposite


def _leading_to_cycles(edges: Mapping[str, set[str]], opposite: Mapping[str, set[str]]) -> set[str]:
    """Take away what leads nowhere until that changes nothing, and return the rest."""
    left = {key: len(others) for key, others in edges.items()}
    ends = [key for key, count in left.items() if not count]
    while ends:
        for key in opposite[ends.pop()]:
            left[key] -= 1
            if not left[key]:
                ends.append(key)
    return {key for key, count in left.items() if count}
