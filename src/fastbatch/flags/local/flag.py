"""From a flag's definition to something that decides: what is compiled once, so that evaluating is cheap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from fastbatch.flags.local.conditions import Condition, Plan, quickest
from fastbatch.flags.local.constant import Constant
from fastbatch.flags.local.context import Context
from fastbatch.flags.local.dependencies import Decides
from fastbatch.flags.local.doubt import CONTINUITY, UNSUPPORTED
from fastbatch.flags.local.evaluation import Evaluation
from fastbatch.flags.local.filters import Filters
from fastbatch.flags.local.hashing import above
from fastbatch.flags.local.notes import Notes, short
from fastbatch.flags.local.outcomes import Outcomes
from fastbatch.flags.local.special import Enrollment, held_out
from fastbatch.flags.local.variants import MalformedError, Variants, percentage

__all__ = ["Project", "compile_flag"]


class Project(NamedTuple):
    """What all flags of a project share."""

    filters: Filters
    group_types: Mapping[str, str]


def compile_flag(key: str, raw: Mapping[str, Any], project: Project, notes: Notes) -> Decides:
    """Return a flag, ready. One that is not understood has no value for anybody, and is noted."""
    reading = _Reading(key, raw, project, notes)
    try:
        return reading.flag()
    except MalformedError as error:
        notes.refuse(str(error))
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a definition harms its own flag alone
        notes.refuse(f"it cannot be read ({type(error).__name__})")
    return Constant(reading.outcomes.undecided(UNSUPPORTED))


class _Reading:
    """One definition while it is read."""

    def __init__(self, key: str, raw: Mapping[str, Any], project: Project, notes: Notes) -> None:
        self._key = key
        self._raw = raw
        self._project = project
        self._notes = notes
        self._rules: dict[str, Any] = {}
        self.outcomes = Outcomes(key, raw)

    def flag(self) -> Decides:
        if not self._raw.get("active"):
            return Constant(self.outcomes.value(False, "disabled"))
        if self._raw.get("ensure_experience_continuity"):
            return Constant(self.outcomes.undecided(CONTINUITY))
        self._rules = _object(self._raw.get("filters"), "filters")
        variants = Variants(_object(self._rules.get("multivariate"), "multivariate").get("variants"))
        conditions = self._conditions(variants)
        self.outcomes.unsupported = self._notes.unsupported
        plan = self._plan(variants)
        if self._rules.get("feature_enrollment") is True:
            return Enrollment(plan, self.outcomes)
        holdout = _object(self._rules.get("holdout"), "holdout")
        return held_out(holdout, quickest(conditions, plan, self.outcomes), plan, self.outcomes)

    def _plan(self, variants: Variants) -> Plan:
        plan = Plan(
            self._key,
            missed=self.outcomes.value(False, "no_condition_match"),
            absent=self.outcomes.without_device(),
            early_exit=bool(self._rules.get("early_exit")),
            variant_ends=variants.ends,
        )
        index = self._rules.get("aggregation_group_type_index")
        if index is not None:
            kind = self._project.group_types.get(str(index))
            if not kind:
                raise MalformedError(f"group type {short(index)} is unknown")
            absent = self.outcomes.value(False, "no_group_type")
            return plan._replace(whose=lambda context: context.group(kind), absent=absent)
        bucketed_by = self._raw.get("bucketing_identifier") or self._rules.get("bucketing_identifier")
        return plan._replace(whose=Context.device) if bucketed_by == "device_id" else plan

    def _conditions(self, variants: Variants) -> tuple[Condition, ...]:
        read = [self._condition(*each, variants) for each in enumerate(_list(self._rules.get("groups"), "groups"))]
        return tuple([condition for condition in read if condition is not None])

    def _condition(self, index: int, raw: Any, variants: Variants) -> Condition | None:
        """Return a condition; None when nobody can be meant by it."""
        if not isinstance(raw, dict):
            raise MalformedError("a condition is no object")
        group, meant = self._group(raw)
        properties = _list(raw.get("properties"), "the properties of a condition")
        meets = self._project.filters.compile_all(properties, self._notes)
        share = raw.get("rollout_percentage")
        bound = None if share is None else above(percentage(share, "the rollout of a condition") / 100)
        out = self.outcomes.value(False, "out_of_rollout_bound", index)
        return Condition(meets, bound, group, self._values(index, raw, variants), out) if meant else None

    def _group(self, raw: dict[str, Any]) -> tuple[str | None, bool]:
        """Return the type of group that a condition speaks of, None for the flag's own; and whether it is known."""
        of_flag = self._rules.get("aggregation_group_type_index")
        index = raw.get("aggregation_group_type_index", of_flag)
        if index == of_flag or index is None:
            return None, True
        kind = self._project.group_types.get(str(index))
        if not kind:
            self._notes.problem(f"group type {short(index)} is unknown: nobody meets its condition")
        return kind, bool(kind)

    def _values(self, index: int, raw: dict[str, Any], variants: Variants) -> tuple[Evaluation, ...]:
        """Return what those who meet a condition get: by variant, and last beyond all variants."""
        override = raw.get("variant")
        chosen: list[bool | str] = [override] if override and override in variants.keys else [*variants.keys, True]
        return tuple([self.outcomes.value(value or True, "condition_match", index) for value in chosen])


def _object(value: Any, what: str) -> dict[str, Any]:
    if isinstance(value or {}, dict):
        return value or {}
    raise MalformedError(f"{what}: no object")


def _list(value: Any, what: str) -> list[Any]:
    if isinstance(value or [], list):
        return value or []
    raise MalformedError(f"{what}: no list")
