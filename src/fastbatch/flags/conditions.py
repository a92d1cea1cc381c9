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

__all__ = ["Condition", "Conditions", "Plan", "Rollout"]


class Condition:
    """
    Filters, and which part of those who meet them are in.

    Args:
        matchers: Of the filters, all of which are to be met.
        bound: The least digest that is out; None when everybody is in.
        group: The type of group that the condition speaks of, when that is not the flag's own audience.
        results: One for each variant and one for none; or one alone, when there is no choice.
        out: The outcome for those who meet the filters and are out.
    """

    __slots__ = ("bound", "group", "matchers", "out", "results")

    def __init__(
        self,
        matchers: tuple[Matcher, ...],
        bound: bytes | None,
        group: str | None,
        results: tuple[Evaluation, ...],
        out: Evaluation,
    ) -> None:
        self.matchers = matchers
        self.bound = bound
        self.group = group
        self.results = results
        self.out = out

    def meets(self, properties: Mapping[str, Any], context: Context) -> bool | Doubt:
        """Tell whether all filters are met; a doubt about one is of no matter when another is not met."""
        doubt: Doubt | None = None
        for match in self.matchers:
            outcome = match(properties, context)
            if outcome is True:
                continue
            if outcome is False:
                return False
            # The server is needed only when nothing else was in doubt before.
            doubt = _first_or_graver(doubt, outcome)
        return True if doubt is None else doubt


def _first_or_graver(doubt: Doubt | None, other: Any) -> Doubt:
    if doubt is None:
        return other  # type: ignore[no-any-return]
    return doubt if doubt.requires_server else graver(doubt, other)


class Plan(NamedTuple):
    """What a definition says besides its conditions."""

    key: str
    whose: Callable[[Context], Audience | None] | None
    """Finds those whom the flag speaks of; None for the person."""
    absent: Evaluation
    """The outcome for a subject that has no such thing."""
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
        audience = context.person if self._whose is None else self._whose(context)
        if audience is None:
            return self._plan.absent
        missed, doubt = self._missed, None
        digests: dict[bytes, bytes] = {}
        for condition in self._conditions:
            whom = audience if condition.group is None else context.group(condition.group)
            if whom is None:
                continue
            outcome = condition.meets(whom.properties, context)
            if outcome is False:
                continue
            if outcome is not True:
                if outcome.requires_server:
                    return self._undecided(outcome)
                doubt = graver(doubt, outcome)
            elif condition.bound is None or self._is_in(whom.bucket, condition.bound, digests):
                return self._result(condition, whom.bucket)
            else:
                missed = condition.out if missed is self._missed else missed
                if self._plan.early_exit:
                    break
        return missed if doubt is None else self._undecided(doubt)

    def _is_in(self, bucket: bytes, bound: bytes, digests: dict[bytes, bytes]) -> bool:
        found = digests.get(bucket)
        if found is None:
            found = digests[bucket] = digest(self._seed, bucket)
        return found < bound

    def _result(self, condition: Condition, bucket: bytes) -> Evaluation:
        results = condition.results
        if len(results) == 1:
            return results[0]
        return results[bisect_right(self._plan.variant_ends, digest(self._seed, bucket + VARIANT_SALT))]


class Rollout:
    """A flag with nothing to ask: a part of all people is in."""

    __slots__ = ("_bound", "_in", "_out", "_seed")

    def __init__(self, bound: bytes, condition: Condition, plan: Plan) -> None:
        self._seed = seed(f"{plan.key}.")
        self._bound = bound
        self._in = condition.results[0]
        self._out = condition.out

    def decide(self, context: Context) -> Evaluation:
        """Return the outcome for a subject."""
        return self._in if digest(self._seed, context.person.bucket) < self._bound else self._out
