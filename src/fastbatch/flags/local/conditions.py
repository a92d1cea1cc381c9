"""The conditions of a flag: the first that is met decides."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from fastbatch.flags.local.constant import Constant
from fastbatch.flags.local.context import Audience, Context, Matcher
from fastbatch.flags.local.dependencies import Decides
from fastbatch.flags.local.doubt import graver
from fastbatch.flags.local.evaluation import Evaluation
from fastbatch.flags.local.hashing import VARIANT_SALT, digest, seed
from fastbatch.flags.local.outcomes import Outcomes

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["Condition", "Conditions", "Plan", "Rollout", "quickest"]


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
    missed: Evaluation
    """The outcome for those who meet no condition."""
    absent: Evaluation
    """The outcome for a subject that has not what ``whose`` finds."""
    whose: Callable[[Context], Audience | None] | None = None
    """Finds those whom the flag speaks of; None for the person."""
    early_exit: bool = False
    """Whether the first condition with filters that are met is the last."""
    variant_ends: tuple[bytes, ...] = ()


class Rollout(NamedTuple):
    """A flag for a part of all persons, whatever is known of them."""

    seed: _Hash
    bound: bytes
    inside: Evaluation
    outside: Evaluation

    def decide(self, context: Context) -> Evaluation:
        """Return the outcome for a subject."""
        return self.inside if digest(self.seed, context.bucket) < self.bound else self.outside


class Conditions:
    """
    A flag that is decided by its conditions.

    Args:
        conditions: In the order in which they are tried.
        plan: What else the definition says.
        outcomes: Makes the outcomes.
        seeded: The hash of the flag's key.
    """

    __slots__ = ("_conditions", "_outcomes", "_plan", "_seed", "_whose", "missed")

    def __init__(self, conditions: tuple[Condition, ...], plan: Plan, outcomes: Outcomes, seeded: _Hash) -> None:
        self._conditions = conditions
        self._plan = plan
        self._outcomes = outcomes
        self._seed = seeded
        self._whose = plan.whose
        self.missed = plan.missed

    def decide(self, context: Context) -> Evaluation:
        """Return the outcome for a subject."""
        audience = context if self._whose is None else self._whose(context)
        if audience is None:
            return self._plan.absent
        missed, doubt = self.missed, None
        digests: dict[bytes, bytes] = {}
        for meets, bound, group, results, out in self._conditions:
            whom = audience if group is None else context.group(group)
            if whom is None:
                continue
            outcome = meets is None or meets(whom.properties, context)
            if outcome is False:
                continue
            if outcome is True:
                if bound is None or self._is_in(whom.bucket, bound, digests):
                    return results[0] if len(results) == 1 else results[self._variant(whom.bucket)]
                missed = out if missed is self.missed else missed
                if self._plan.early_exit:
                    break
            elif outcome.requires_server:
                return self._outcomes.undecided(outcome)
            else:
                doubt = graver(doubt, outcome)
        return missed if doubt is None else self._outcomes.undecided(doubt)

    def _is_in(self, bucket: bytes, bound: bytes, digests: dict[bytes, bytes]) -> bool:
        found = digests.get(bucket)
        if found is None:
            found = digests[bucket] = digest(self._seed, bucket)
        return found < bound

    def _variant(self, bucket: bytes) -> int:
        return bisect_right(self._plan.variant_ends, digest(self._seed, bucket + VARIANT_SALT))

    # What flags with the same filters are told apart by.

    @property
    def filters(self) -> tuple[Matcher | None, ...] | None:
        """Those of the conditions, in their order; None when some condition speaks of others than the person."""
        if self._whose is not None or any(condition.group is not None for condition in self._conditions):
            return None
        return tuple([condition.meets for condition in self._conditions])

    def met(self, number: int) -> Decides:
        """Return what decides the flag for those who meet the filters of this condition, and none of those before."""
        first, *later = self._conditions[number:]
        return quickest((first._replace(meets=None), *later), self._plan, self._outcomes, self._seed)


class OneCondition(Conditions):
    """A flag of persons with one condition and no variants to choose from, as most are."""

    __slots__ = ("_bound", "_in", "_meets", "_out")

    def __init__(self, condition: Condition, meets: Matcher, plan: Plan, outcomes: Outcomes, seeded: _Hash) -> None:
        super().__init__((condition,), plan, outcomes, seeded)
        self._meets = meets
        self._bound = condition.bound
        self._in = condition.results[0]
        self._out = condition.out

    def decide(self, context: Context) -> Evaluation:
        """Return the outcome for a subject."""
        outcome = self._meets(context.properties, context)
        if outcome is not True:
            return self.missed if outcome is False else self._outcomes.undecided(outcome)
        return self._in if self._bound is None or digest(self._seed, context.bucket) < self._bound else self._out


def quickest(conditions: tuple[Condition, ...], plan: Plan, outcomes: Outcomes, seeded: _Hash | None = None) -> Decides:
    """Return the least that decides these conditions; ``seeded`` is the hash of the flag's key, where it is at hand."""
    constant = _constant(conditions, plan)
    if constant is not None:
        return Constant(constant)
    seeded = seeded or seed(f"{plan.key}.")
    if plan.whose is None and len(conditions) == 1:
        (condition,) = conditions
        meets, bound, group, results, out = condition
        if group is None and len(results) == 1:
            if meets is not None:
                return OneCondition(condition, meets, plan, outcomes, seeded)
            if bound is not None:
                return Rollout(seeded, bound, results[0], out)
    return Conditions(conditions, plan, outcomes, seeded)


def _constant(conditions: tuple[Condition, ...], plan: Plan) -> Evaluation | None:
    """Return what a flag is for everybody; None when that depends."""
    if plan.whose is not None:
        return None
    if not conditions:
        return plan.missed
    meets, bound, group, results, _ = conditions[0]
    return results[0] if meets is None and bound is None and group is None and len(results) == 1 else None
