"""From the filters of a definition to matchers: of properties, of cohorts, of other flags."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from fastbatch.flags.local.cohorts import Cohorts
from fastbatch.flags.local.context import IMPLICIT, MISSING, Context, Matcher
from fastbatch.flags.local.dependencies import Dependencies
from fastbatch.flags.local.doubt import SERVER_ONLY, UNSUPPORTED, Doubt, graver
from fastbatch.flags.local.notes import Notes, short
from fastbatch.flags.local.operators import NO_MATCH_FOR_NULL, UnusableError, operators

__all__ = ["Filters"]


class Filters:
    """
    Compiles filters.

    Args:
        cohorts: The definitions of cohorts, by id.
        dependencies: Compiles the filters that ask for a flag.
        version: Of the rules by which properties are matched.
    """

    def __init__(self, cohorts: Mapping[str, Any], dependencies: Dependencies, version: object) -> None:
        self.cohorts = Cohorts(cohorts, self.compile)
        self._dependencies = dependencies
        self._operators = operators(2 if version == 2 else 1)
        self._made: dict[tuple[str, str, str], Matcher] = {}
        """Many flags have the same filters: equal ones are one."""
        self._joined: dict[tuple[Matcher, ...], Matcher] = {}
        """And so are the equal filters of conditions."""

    def compile_all(self, raw: list[Any], notes: Notes) -> Matcher | None:
        """Return the matcher that all of some filters are met, the same one for the same filters; None without any."""
        matchers = tuple([self.compile(each, notes) for each in raw])
        if len(matchers) < 2:
            return matchers[0] if matchers else None
        if matchers not in self._joined:
            self._joined[matchers] = _both(*matchers) if len(matchers) == 2 else _every(matchers)
        return self._joined[matchers]

    def compile(self, raw: Any, notes: Notes) -> Matcher:
        """Return the matcher of a filter. One that is not understood is always in doubt, and noted."""
        if not isinstance(raw, dict):
            notes.refuse("a filter is no object")
            return _always(SERVER_ONLY)
        kind = raw.get("type")
        if kind == "cohort":
            return self.cohorts.compile(raw, notes)
        if kind == "flag":
            return self._dependencies.compile(raw, notes)
        return self._property(raw, notes)

    def _property(self, raw: dict[str, Any], notes: Notes) -> Matcher:
        key, name = raw.get("key"), raw.get("operator") or "exact"
        if not isinstance(key, str):
            notes.refuse("the key of a filter is no text")
            return _always(UNSUPPORTED)
        make = self._operators.get(name) if isinstance(name, str) else None
        if make is None:
            notes.refuse(f"property {short(key)}: unknown operator {short(name)}")
            return _always(UNSUPPORTED)
        notes.implicit |= key in IMPLICIT
        value = raw.get("value")
        same = (name, key, repr(value))
        try:
            if same not in self._made:
                self._made[same] = make(sys.intern(str.__str__(key)), value)
            return self._made[same]
        except UnusableError as error:
            notes.refuse(f"property {short(key)}: {name} cannot be evaluated here: {error}")
            return _unless_null(key) if name in NO_MATCH_FOR_NULL else _always(UNSUPPORTED)


def _every(matchers: tuple[Matcher, ...]) -> Matcher:
    """Return the matcher that all of some are met; a doubt about one is of no matter when another is not met."""

    def match(properties: Mapping[str, Any], context: Context) -> bool | Doubt:
        doubt: Doubt | None = None
        for each in matchers:
            outcome = each(properties, context)
            if outcome is True:
                continue
            if outcome is False:
                return False
            doubt = outcome if doubt is None else _worse(doubt, outcome)
        return True if doubt is None else doubt

    return match


def _both(first: Matcher, second: Matcher) -> Matcher:
    """Return the same of two, the most common number: a tenth faster than by the loop."""

    def match(properties: Mapping[str, Any], context: Context) -> bool | Doubt:
        outcome = first(properties, context)
        if outcome is False:
            return False
        other = second(properties, context)
        if outcome is True or other is False:
            return other
        return outcome if other is True else _worse(outcome, other)

    return match


def _worse(first: Doubt, second: Doubt) -> Doubt:
    # The server is needed at once only when nothing else was in doubt before.
    return first if first.requires_server else graver(first, second)


def _always(doubt: Doubt) -> Matcher:
    return lambda _properties, _context: doubt


def _unless_null(key: str) -> Matcher:
    def match(properties: Mapping[str, Any], _: Context) -> bool | Doubt:
        return False if properties.get(key, MISSING) is None else UNSUPPORTED

    return match
