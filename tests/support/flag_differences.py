"""
Where local evaluation differs from posthog-python 7.91.1, on purpose.

`docs/guide/flags.md` lists the same names, and `tests/unit/flags/test_flags_differences.py` shows each of them.
"""

from __future__ import annotations

import sys
from datetime import datetime, tzinfo
from enum import IntEnum
from typing import Any, NamedTuple

from fastbatch.flags.local.cohorts import MAX_DEPTH
from fastbatch.flags.local.patterns import MAX_LENGTH
from fastbatch.flags.local.subject import Subject
from tests.support.flag_oracle import CRASHED, Answer

__all__ = ["DIFFERENCES", "Case", "Difference", "depends_on", "explained", "flag", "of"]

TRUE, FALSE = Answer(True), Answer(False)
UNSUPPORTED = Answer(None, None, "unsupported_definition")
UNRESOLVED = Answer(None, None, "unresolved_dependency")
MISSING = Answer(None, None, "missing_context")
BROKEN = Answer(None, None, CRASHED)
SERVER = Answer(None, None, "unsupported_definition", requires_server=True)


class Case(NamedTuple):
    """One filter and one property on which the two differ."""

    operator: str
    filter_value: Any
    property_value: Any
    ours: Answer
    theirs: Answer


def explained(case: Case) -> bool:
    """Tell whether a difference in the grid of operators is one of those below."""
    if sys.version_info < (3, 11) and isinstance(case.property_value, IntEnum):
        return True  # its text was its name then, which is what the package compares; here it is always its number
    too_long = "regex" in case.operator and len(str(case.filter_value)) > MAX_LENGTH
    return too_long and case.ours == UNSUPPORTED


class Difference(NamedTuple):
    """A case of a difference."""

    name: str
    payload: dict[str, Any]
    """The flag ``it`` is the one that is asked for."""
    subject: Subject
    ours: Answer
    theirs: Answer | None
    """None where the package is not asked, because its answer depends on the machine or takes for ever."""


def of(*flags: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return definitions."""
    return {"flags": list(flags), "group_type_mapping": {"0": "company"}, **more}


def flag(key: str, *conditions: Any, **rules: Any) -> dict[str, Any]:
    """Return a flag; a condition is given as the list of its filters, or whole."""
    groups = [{"properties": each} if isinstance(each, list) else each for each in conditions]
    return {"key": key, "active": True, "filters": {"groups": groups, **rules}}


def where(key: str, value: Any, operator: str = "exact") -> dict[str, Any]:
    """Return a filter."""
    return {"key": key, "value": value, "operator": operator, "type": "person"}


def depends_on(key: str, *before: str, value: Any = True) -> dict[str, Any]:
    """Return a filter that asks for a flag."""
    chain = [*before, key]
    return {"type": "flag", "key": key, "operator": "flag_evaluates_to", "value": value, "dependency_chain": chain}


def cohort(number: object) -> dict[str, Any]:
    """Return a filter that asks for membership in a cohort."""
    return {"type": "cohort", "key": "id", "value": number}


def _deep(depth: int) -> dict[str, Any]:
    group: dict[str, Any] = {}
    for _ in range(depth):
        group = {"type": "AND", "values": [group]}
    return group


class _Nowhere(tzinfo):
    """A time zone that does not know its offset."""

    def utcoffset(self, dt: datetime | None) -> None:
        return None


PRO = where("plan", "pro")
NOBODY = Subject("u-1")
IN_ACME = Subject(
    "u-1", groups={"company": "acme"}, person_properties={"plan": "pro"}, group_properties={"company": {"plan": "free"}}
)
COMPANY = {"aggregation_group_type_index": 0}

DIFFERENCES = [
    Difference(
        "one value a flag", of(flag("base", [PRO], **COMPANY), flag("it", [depends_on("base")])), IN_ACME, FALSE, TRUE
    ),
    Difference(
        "one value a flag", of(flag("base", [PRO]), flag("it", [depends_on("base")], **COMPANY)), IN_ACME, TRUE, FALSE
    ),
    Difference(
        "one value a flag",
        of(flag("base", {**COMPANY, "properties": []}), flag("it", [depends_on("base")])),
        IN_ACME,
        TRUE,
        FALSE,
    ),
    Difference(
        "only the flag that is asked for",
        of(flag("first", [PRO]), flag("base", [depends_on("first")], []), flag("it", [depends_on("base", "first")])),
        NOBODY,
        TRUE,
        UNRESOLVED,
    ),
    Difference(
        "chains with a gap",
        of(
            flag("first", [PRO]),
            flag("other", []),
            flag("it", [depends_on("first")], [depends_on("missing", "first"), PRO], [depends_on("other", "missing")]),
        ),
        NOBODY,
        UNSUPPORTED,
        TRUE,
    ),
    Difference(
        "cycles of flags",
        of(flag("a", [depends_on("it")]), flag("it", [depends_on("a")])),
        NOBODY,
        UNRESOLVED._replace(unresolved="unsupported_definition"),
        BROKEN,
    ),
    Difference(
        "cycles of cohorts",
        of(flag("it", [cohort(1)]), cohorts={"1": {"type": "AND", "values": [cohort(1)]}}),
        NOBODY,
        SERVER,
        BROKEN,
    ),
    Difference("malformed definitions", of(flag("it", "not a condition")), NOBODY, UNSUPPORTED, BROKEN),
    Difference("malformed definitions", of(flag("it", ["not a filter"])), NOBODY, SERVER, BROKEN),
    Difference(
        "malformed definitions",
        of(flag("it", {"properties": [PRO], "rollout_percentage": "50"})),
        Subject("u", person_properties={"plan": "free"}),
        UNSUPPORTED,
        FALSE,
    ),
    Difference(
        "malformed definitions",
        of(flag("it", [PRO], multivariate={"variants": [{"key": "a"}]})),
        Subject("u", person_properties={"plan": "free"}),
        UNSUPPORTED,
        FALSE,
    ),
    Difference("malformed definitions", of(flag("it", [where(["plan"], "pro")])), NOBODY, UNSUPPORTED, BROKEN),
    Difference("malformed definitions", of(flag("it", [where(7, "pro")])), NOBODY, UNSUPPORTED, MISSING),
    Difference(
        "percentages that are none", of(flag("it", {"rollout_percentage": float("nan")})), NOBODY, UNSUPPORTED, TRUE
    ),
    Difference("percentages that are none", of(flag("it", {"rollout_percentage": True})), NOBODY, UNSUPPORTED, FALSE),
    Difference(
        "percentages that are none",
        of(flag("it", [], multivariate={"variants": [{"key": "a", "rollout_percentage": -5}]})),
        NOBODY,
        UNSUPPORTED,
        TRUE,
    ),
    Difference(
        "percentages that are none",
        of(flag("it", holdout={"id": 1, "exclusion_percentage": "100"})),
        NOBODY,
        UNSUPPORTED,
        Answer("holdout-1"),
    ),
    Difference(
        "patterns beyond the limits",
        of(flag("it", [where("t", "x" * (MAX_LENGTH + 1), "regex")])),
        Subject("u", person_properties={"t": "x"}),
        UNSUPPORTED,
        FALSE,
    ),
    Difference(
        "patterns beyond the limits",
        of(flag("it", [where("t", "[ab]{0,3000}[ab]{0,3000}c", "regex")])),
        Subject("u", person_properties={"t": "ab" * 2000}),
        UNSUPPORTED,
        None,
    ),
    Difference("nesting", of(flag("it", [cohort(1)]), cohorts={"1": _deep(MAX_DEPTH + 1)}), NOBODY, SERVER, TRUE),
    Difference(
        "values that cannot be looked at",
        of(flag("it", [where("t", "2024-01-01", "is_date_after")])),
        Subject("u", person_properties={"t": datetime(2025, 1, 1, tzinfo=_Nowhere())}),
        MISSING,
        BROKEN,
    ),
    Difference(
        "values that cannot be looked at",
        of(flag("it", {"rollout_percentage": 50})),
        Subject("\ud800"),
        MISSING,
        BROKEN,
    ),
    Difference(
        "payloads that are no text",
        of(flag("it", [], payloads={"true": {"a": [1, None]}})),
        NOBODY,
        Answer(True, '{"a":[1,null]}'),
        Answer(True, {"a": [1, None]}),
    ),  # type: ignore[arg-type]
]
