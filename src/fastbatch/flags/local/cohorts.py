"""
Cohorts: groups of filters, joined by AND or OR, that conditions and other cohorts name by id.

A cohort that is not among the definitions is static: only the server knows its members, and as with a cohort that is
not understood, nothing else decides a flag that comes to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fastbatch.flags.local.context import Context, Matcher
from fastbatch.flags.local.doubt import SERVER_ONLY, UNSUPPORTED, Doubt, graver
from fastbatch.flags.local.notes import Notes, short

__all__ = ["MAX_DEPTH", "Cohorts"]

MAX_DEPTH = 50
"""How many groups and cohorts may stand in one another."""


class _Entry(NamedTuple):
    match: Matcher
    negated: bool


class Cohorts:
    """Compiles filters that name a cohort; each cohort once, when it is first named."""

    def __init__(self, raw: Mapping[str, Any], compile_filter: Callable[[Any, Notes], Matcher]) -> None:
        self._raw = raw
        self._compile_filter = compile_filter
        self._compiled: dict[str, tuple[Matcher, Notes] | None] = {}
        """None while it is being compiled."""
        self._depth = 0

    @property
    def problems(self) -> list[str]:
        """What was not understood in those that were named."""
        return [line for compiled in self._compiled.values() if compiled for line in compiled[1].problems]

    def compile(self, raw: dict[str, Any], notes: Notes) -> Matcher:
        """Return the matcher of a filter with a cohort's id as its value."""
        name, operator = str(raw.get("value")), raw.get("operator") or "exact"
        if name not in self._raw:
            notes.refuse(f"cohort {short(name)} is not among the definitions; the server knows it")
            return _server_only
        if operator not in ("exact", "in", "not_in"):
            notes.refuse(f"cohort {short(name)}: unknown operator {short(operator)}")
            return lambda _properties, _context: UNSUPPORTED
        match, facts = self._cohort(name)
        notes.add(facts)
        return _not(match) if operator == "not_in" else match

    def _cohort(self, name: str) -> tuple[Matcher, Notes]:
        notes = Notes(f"cohort {short(name)}")
        if name not in self._compiled:
            self._compiled[name] = None
            self._compiled[name] = self._group(self._raw[name], notes), notes
        compiled = self._compiled[name]
        if compiled is None:
            return _server_only, notes
        return compiled

    def _group(self, raw: Any, notes: Notes) -> Matcher:
        if raw == {}:
            return _everybody
        kind = raw.get("type") if isinstance(raw, dict) else None
        values = raw.get("values") if isinstance(raw, dict) else None
        if kind not in ("AND", "OR") or not isinstance(values, list) or self._depth == MAX_DEPTH:
            notes.refuse(f"a group is no AND or OR of a list, or deeper than {MAX_DEPTH}")
            return _server_only
        self._depth += 1
        try:
            return _joined(tuple([self._entry(each, notes) for each in values]), kind == "AND")
        finally:
            self._depth -= 1

    def _entry(self, raw: Any, notes: Notes) -> _Entry:
        if isinstance(raw, dict) and (raw == {} or "values" in raw or raw.get("type") in ("AND", "OR")):
            return _Entry(self._group(raw, notes), False)
        return _Entry(self._compile_filter(raw, notes), isinstance(raw, dict) and bool(raw.get("negation")))


def _joined(entries: tuple[_Entry, ...], every: bool) -> Matcher:
    """Return the matcher of a group: of every entry, or of any."""
    if not entries:
        return _everybody

    def match(properties: Mapping[str, Any], context: Context) -> bool | Doubt:
        decided: bool | None = None
        doubt: Doubt | None = None
        for entry in entries:
            outcome = entry.match(properties, context)
            if isinstance(outcome, Doubt):
                if outcome.requires_server:
                    return outcome
                doubt = graver(doubt, outcome)
            elif (outcome is entry.negated) is every:
                decided = not every
        if decided is not None:
            return decided
        return every if doubt is None else doubt

    return match


def _not(match: Matcher) -> Matcher:
    def opposite(properties: Mapping[str, Any], context: Context) -> bool | Doubt:
        outcome = match(properties, context)
        return outcome if isinstance(outcome, Doubt) else not outcome

    return opposite


def _everybody(_properties: Mapping[str, Any], _context: Context) -> bool:
    return True


def _server_only(_properties: Mapping[str, Any], _context: Context) -> Doubt:
    return SERVER_ONLY
