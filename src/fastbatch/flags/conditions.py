"""The conditions of a flag: the first that is met decides."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fastbatch.flags.context import Audience, Context, Matcher
from fastbatch.flags.doubt import Doubt, graver
from fastbatch.flags.evaluation import Evaluation
from fastbatch.flags.hashing import VARIANT_SALT, digest, seed
from fastbatch.flags.outcomes import Outcomes

__all__ = ["Condition", "Conditions", "OneCondition", "Plan", "every"]


def every(matchers: tuple[Matcher, ...]) -> Matcher:
    """Return the matcher that all of some are met; a doubt about one is of no matter when another is not met."""
    if len(matchers) == 1:
        return matchers[0]

    def match(properties: Mapping[str, Any], context: Context) -> bool | Doubt:
        doubt: Doubt | None = None
        for each in matchers:
            outcome = each(properties, context)
            if outcome is True:
                continue
            if outcome is False:
                return False
            # The server is needed at once only when nothing else was in doubt before.
            if doubt is None:
                doubt = outcome
            elif not doubt.requires_server:
                doubt = graver(doubt, outcome)
        return True if doubt is None else doubt

    return match


class Condition(NamedTuple):
    """Filters, and which part of those who meet them are in."""

    meets: Matcher | None
    """All filters; None when there is none."""
    bound: bytes | None
    """The least digest that is out; None when everybody is in."""
    group: str | None
    """The type of group that the condition speaks of, when that is not the flag's own audience."""
    results: tuple[Evaluation, ...]
    """One for each variant and one for none; or one alone, when there is no choice."""
    out: Evaluation
    """The outcome for those who meet the filters and are out."""


class Plan(NamedTuple):
    """What a definition says besides its conditions."""

    key: str
    absent: Evaluation
    """The outcome for a subject that has not what ``whose`` finds."""
    whose: Callable[[Context], Audience | None] | None = None
    """Finds those whom the flag speaks of; None for the person."""
    early_exit: bool = False
    """Whether the first condition with filters that are met is the last."""
    variant_ends: tuple[bytes, ...] = ()


class Conditions:
    """
    A flag that is decided by its conditions.

    Args:
        conditions: In the order in which they are tried.
        plan: What else the definition says.
        outcomes: Makes the outcomes.
    """

    __slots__ = ("_conditions", "_missed", "_plan", "_seed", "_undecided", "_whose")

    def __init__(self, conditions: tuple[Condition, ...], plan: Plan, outcomes: Outcomes) -> None:
        self._conditions = conditions
        self._plan = plan
        self._whose = plan.whose
        self._seed = seed(f"{plan.key}.")
        self._missed = outcomes.value(False, "no_condition_match")
        self._undecided = outcomes.undecided

    def decide(self, context: Context) -> Evaluation:
        """Return the outcome for a subject."""
        audience = context if self._whose is None else self._whose(context)
        if audience is None:
            return self._plan.absent
        missed, doubt = self._missed, None
        digests: dict[bytes, bytes] = {}
        for meets, bound, group, results, out in self._conditions:
            whom = audience if group is None else context.group(group)
            if whom is None:
                continue
            outcome = meets is None or meets(whom.properties, context)
            if outcome is True:
                if bound is None or self._is_in(whom.bucket, bound, digests):
                    return results[0] if len(results) == 1 else results[self._variant(whom.bucket)]
                missed = out if missed is self._missed else missed
                if self._plan.early_exit:
                    break
            elif outcome is not False:
                if outcome.requires_server:
                    return self._undecided(outcome)
                doubt = graver(doubt, outcome)
        return missed if doubt is None else self._undecided(doubt)

    def _is_in(self, bucket: bytes, bound: bytes, digests: dict[bytes, bytes]) -> bool:
        found = digests.get(bucket)
        if found is None:
            found = digests[bucket] = digest(self._seed, bucket)
        return found < bound

    def _variant(self, bucket: bytes) -> int:
        return bisect_right(self._plan.variant_ends, digest(self._seed, bucket + VARIANT_SALT))


class OneCondition:
    """A flag of persons with one condition and no variants to choose from, as most are."""

    __slots__ = ("_bound", "_in", "_meets", "_missed", "_out", "_seed", "_undecided")

    def __init__(self, condition: Condition, plan: Plan, outcomes: Outcomes) -> None:
        self._meets = condition.meets
        self._bound = condition.bound
        self._in = condition.results[0]
        self._out = condition.out
        self._seed = seed(f"{plan.key}.")
        self._missed = outcomes.value(False, "no_condition_match")
        self._undecided = outcomes.undecided

    def decide(self, context: Context) -> Evaluation:
        """Return the outcome for a subject."""
        if self._meets is not None:
            outcome = self._meets(context.properties, context)
            if outcome is not True:
                return self._missed if outcome is False else self._undecided(outcome)
        if self._bound is None:
            return self._in
        # As `digest` does; here a call more would be felt, since most flags of most projects come to this line.
        copy = self._seed.copy()
        copy.update(context.bucket)
        return self._in if copy.digest() < self._bound else self._out
