"""Flags that something decides before their conditions, or in their place."""

from __future__ import annotations

from typing import Any

from fastbatch.flags.local.conditions import Plan
from fastbatch.flags.local.context import MISSING, Context
from fastbatch.flags.local.dependencies import Decides
from fastbatch.flags.local.doubt import CONTEXT, UNSUPPORTED
from fastbatch.flags.local.evaluation import Evaluation
from fastbatch.flags.local.hashing import above, digest, seed
from fastbatch.flags.local.outcomes import Outcomes
from fastbatch.flags.local.variants import MalformedError, percentage

__all__ = ["Enrollment", "Holdout", "held_out"]

_HOLDOUT = seed("holdout-")


class Enrollment:
    """A flag for those who chose the feature themselves: a property of the person says so."""

    __slots__ = ("_enrolled", "_key", "_not_enrolled", "_plan", "_undecided")

    def __init__(self, plan: Plan, outcomes: Outcomes) -> None:
        self._key = f"$feature_enrollment/{plan.key}"
        self._plan = plan
        self._enrolled = outcomes.value(True, "super_condition_value")
        self._not_enrolled = outcomes.value(False, "super_condition_value")
        self._undecided = outcomes.undecided

    def decide(self, context: Context) -> Evaluation:
        """Return the outcome for a subject; groups have no such property."""
        audience = context if self._plan.whose is None else self._plan.whose(context)
        if audience is None:
            return self._plan.absent
        if audience.is_group:
            return self._undecided(UNSUPPORTED)
        given = audience.properties.get(self._key, MISSING)
        if given is MISSING:
            return self._undecided(CONTEXT)
        return self._enrolled if given is True or given == "true" else self._not_enrolled


class Holdout:
    """A flag from which some are held out, whatever its conditions say."""

    __slots__ = ("_bound", "_flag", "_held", "_plan")

    def __init__(self, bound: bytes | None, held: Evaluation, plan: Plan, flag: Decides) -> None:
        self._bound = bound
        self._held = held
        self._plan = plan
        self._flag = flag

    def decide(self, context: Context) -> Evaluation:
        """Return the outcome for a subject."""
        audience = context if self._plan.whose is None else self._plan.whose(context)
        if audience is None:
            return self._plan.absent
        if self._bound is None or digest(_HOLDOUT, audience.bucket) < self._bound:
            return self._held
        return self._flag.decide(context)


def held_out(raw: dict[str, Any], flag: Decides, plan: Plan, outcomes: Outcomes) -> Decides:
    """Return the flag with its holdout, if it has one."""
    share, number = raw.get("exclusion_percentage"), raw.get("id")
    if share is None or number is None:
        return flag
    if not isinstance(number, (int, str)):
        raise MalformedError("the id of the holdout is no number")
    bound = above(percentage(share, "the holdout") / 100)
    return Holdout(bound, outcomes.value(f"holdout-{number}", "holdout_condition_value"), plan, flag)
