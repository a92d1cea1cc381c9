"""Flags as the server defines them: compiled when they arrive, evaluated from then on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from fastbatch.flags.local.alike import AllFlags
from fastbatch.flags.local.constant import Constant
from fastbatch.flags.local.context import Context
from fastbatch.flags.local.dependencies import Decides, Dependencies, Shared, break_cycles
from fastbatch.flags.local.doubt import CONTEXT
from fastbatch.flags.local.evaluation import Evaluation
from fastbatch.flags.local.filters import Filters
from fastbatch.flags.local.flag import Project, compile_flag
from fastbatch.flags.local.notes import Notes, short
from fastbatch.flags.local.outcomes import Outcomes, has_payloads, payload_of
from fastbatch.flags.local.subject import Subject

__all__ = ["MAX_PROBLEMS", "Definitions", "compile_definitions"]

T = TypeVar("T")

MAX_PROBLEMS = 1_000
"""Lines; of what is beyond them only the number is told."""


def compile_definitions(payload: Any) -> Definitions:
    """
    Return what the definitions endpoint sent, ready to be evaluated.

    Whatever is wrong inside a flag harms that flag alone; see `Definitions.problems`.

    Raises:
        ValueError: The payload is no object with a list of flags.
    """
    if not isinstance(payload, dict) or not isinstance(payload.get("flags"), list):
        raise ValueError("flag definitions must be an object with a list of flags")
    return Definitions(payload)


class Definitions:
    """
    All flags of a project. Nothing in it changes, so threads share it without a lock.

    Args:
        payload: An object with a list of flags. It is kept, and neither changed nor to be changed.
    """

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self.raw_flags: list[dict[str, Any]] = [flag for flag in payload["flags"] if isinstance(flag, dict)]
        """The flags as received."""
        self.group_types: dict[str, str] = _texts(payload.get("group_type_mapping"))
        """The names of the types of group, by index."""
        self.minimal_flag_called_events: bool = payload.get("minimal_flag_called_events") is True
        """Whether ``$feature_flag_called`` events of flags without experiment are to be short."""
        problems: list[str] = []
        self._raw = _by_key(payload["flags"], problems)
        compiled, notes = self._compile(payload, problems)
        self._implicit = any(facts.implicit for facts in notes.values())
        shared = {key for facts in notes.values() for one in facts.dependencies for key in one.chain}
        self._flags = {
            key: Shared(key, flag) if key in shared and not isinstance(flag, Constant) else flag
            for key, flag in compiled.items()
        }
        self._with_payloads = [key for key, raw in self._raw.items() if has_payloads(raw)]
        self._failed = partial(_failed, self._raw)
        self._all = AllFlags(self._flags, lambda outcome: outcome, self._failed)
        self._all_values = AllFlags(self._flags, lambda outcome: outcome.value, self._failed)
        self.problems: tuple[str, ...] = _at_most(problems)
        """What could not be understood, a line each; no property of a person is in it."""

    def _compile(self, payload: Mapping[str, Any], problems: list[str]) -> tuple[dict[str, Decides], dict[str, Notes]]:
        compiled: dict[str, Decides] = {}
        notes = {key: Notes(f"flag {short(key)}") for key in self._raw}
        cohorts = payload.get("cohorts")
        filters = Filters(
            cohorts if isinstance(cohorts, dict) else {},
            Dependencies(frozenset(self._raw), compiled),
            payload.get("property_matching_version"),
        )
        project = Project(filters, self.group_types)
        for key, raw in self._raw.items():
            compiled[key] = compile_flag(key, raw, project, notes[key])
        break_cycles(notes)
        problems += [line for facts in notes.values() for line in facts.problems]
        problems += filters.cohorts.problems
        return compiled, notes

    def __contains__(self, key: object) -> bool:
        return key in self._flags

    def __iter__(self) -> Iterator[str]:
        return iter(self._flags)

    def __len__(self) -> int:
        return len(self._flags)

    def evaluate(self, key: str, subject: Subject, now: datetime | None = None) -> Evaluation:
        """
        Return what a flag is for a subject.

        Args:
            key: The flag's.
            subject: For whom.
            now: What relative dates are counted back from; None for the current time.

        Raises:
            KeyError: There is no such flag.
        """
        flag = self._flags[key]
        if type(flag) is Constant:
            return flag.outcome
        try:
            return flag.decide(Context(subject, now, self._implicit))
        except Exception:  # noqa: BLE001 - what a caller's values do when they are looked at is beyond us
            return self._failed(key)

    def evaluate_all(
        self, subject: Subject, keys: Iterable[str] | None = None, now: datetime | None = None
    ) -> dict[str, Evaluation]:
        """Return what all flags are for a subject, or those of ``keys`` that there are, in the order of definition."""
        return self._each(self._all, subject, keys, now)

    def values(
        self, subject: Subject, keys: Iterable[str] | None = None, now: datetime | None = None
    ) -> dict[str, bool | str | None]:
        """Return the values of the same flags alone, which takes less time."""
        return self._each(self._all_values, subject, keys, now)

    def _each(
        self, flags: AllFlags[T], subject: Subject, keys: Iterable[str] | None, now: datetime | None
    ) -> dict[str, T]:
        try:
            context = Context(subject, now, self._implicit)
        except Exception:  # noqa: BLE001 - as in evaluate
            return flags.none(keys)
        return flags.of(context) if keys is None else flags.some(context, keys)

    def payloads(self, values: Mapping[str, bool | str | None]) -> dict[str, str]:
        """Return what the definitions attach to values of flags, JSON text, of those to which they attach anything."""
        found = {key: self.payload(key, value) for key in self._with_payloads if (value := values.get(key)) is not None}
        return {key: payload for key, payload in found.items() if payload is not None}

    def payload(self, key: str, value: bool | str) -> str | None:
        """Return what a flag's definition attaches to a value, JSON text; raises KeyError."""
        return payload_of(self._raw[key], value)


def _failed(raw: Mapping[str, Mapping[str, Any]], key: str) -> Evaluation:
    return Outcomes(key, raw[key]).undecided(CONTEXT)


def _at_most(problems: list[str]) -> tuple[str, ...]:
    more = len(problems) - MAX_PROBLEMS
    return (*problems[:MAX_PROBLEMS], f"and {more} more") if more > 0 else tuple(problems)


def _by_key(flags: list[Any], problems: list[str]) -> dict[str, dict[str, Any]]:
    raw: dict[str, dict[str, Any]] = {}
    for number, flag in enumerate(flags):
        key = flag.get("key") if isinstance(flag, dict) else None
        if not isinstance(key, str):
            problems.append(f"flag number {number}: no object with a key")
            continue
        if key in raw:
            problems.append(f"flag {short(key)}: defined more than once; the last one counts")
        raw[key] = flag
    return raw


def _texts(raw: Any) -> dict[str, str]:
    pairs = raw.items() if isinstance(raw, dict) else ()
    return {str(key): value for key, value in pairs if isinstance(value, str)}
