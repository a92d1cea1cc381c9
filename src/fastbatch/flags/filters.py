"""From the filters of a definition to matchers: of properties, of cohorts, of other flags."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from fastbatch.flags.cohorts import Cohorts
from fastbatch.flags.context import IMPLICIT, MISSING, Context, Matcher
from fastbatch.flags.dependencies import Dependencies
from fastbatch.flags.doubt import SERVER_ONLY, UNSUPPORTED, Doubt
from fastbatch.flags.notes import Notes, short
from fastbatch.flags.operators import NO_MATCH_FOR_NULL, UnusableError, operators

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


def _always(doubt: Doubt) -> Matcher:
    return lambda _properties, _context: doubt


def _unless_null(key: str) -> Matcher:
    def match(properties: Mapping[str, Any], _: Context) -> bool | Doubt:
        return False if properties.get(key, MISSING) is None else UNSUPPORTED

    return match
