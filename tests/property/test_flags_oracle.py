"""Random definitions and random people: what we say, and what the `posthog` package says."""

from __future__ import annotations

from collections import Counter
from typing import Any, get_args

from hypothesis import given, settings

from fastbatch.flags.local.definitions import compile_definitions
from fastbatch.flags.local.evaluation import Evaluation, Unresolved
from fastbatch.flags.local.subject import Subject
from tests.support.flag_oracle import Answer, Oracle, answer_of
from tests.support.flag_worlds import World, seeds

ORACLE = Oracle()

KINDS = {
    *get_args(Unresolved), "bool", "str", "NoneType",
    "condition_match", "no_condition_match", "out_of_rollout_bound", "no_group_type", "super_condition_value",
    "holdout_condition_value", "disabled", "undecided", "requires_server",
}  # fmt: skip


def agree(payload: dict[str, Any], subject: Subject, ours: dict[str, Answer]) -> None:
    """Ask the package for each flag, with the values that it gives the flags before as what they depend on."""
    answers: dict[str, Answer] = {}
    for key in ours:
        answers[key] = ORACLE.evaluate(key, subject, answers)
    assert ours == answers
    # A flag that asks for no other is also what the package says when nothing is arranged for it.
    for key in set(answers) - dependents(payload):
        assert ORACLE.evaluate(key, subject) == answers[key]


def kinds_of(evaluation: Evaluation) -> tuple[str, str, str]:
    """Return what an outcome is an example of."""
    return evaluation.reason, evaluation.unresolved, type(evaluation.value).__name__


def dependents(payload: dict[str, Any]) -> set[str]:
    """Return the flags that ask for another."""
    return {
        flag["key"]
        for flag in payload["flags"]
        for condition in flag["filters"]["groups"] or []
        for each in condition["properties"] or []
        if each["type"] == "flag"
    }


def test_flags_are_what_posthog_says():
    """Values, payloads, reasons, and whether the server is needed at once; each kind of outcome often enough."""
    seen: Counter[str] = Counter()

    @settings(max_examples=400, deadline=None)
    @given(seeds)
    def compare(seed):
        world = World(seed)
        for _ in range(10):
            payload = world.definitions()
            compiled = compile_definitions(payload)
            ORACLE.load(payload)
            for subject in (world.subject(), world.subject(), world.subject()):
                found = compiled.evaluate_all(subject)
                assert {key: compiled.evaluate(key, subject) for key in compiled} == found
                agree(payload, subject, {key: answer_of(each) for key, each in found.items()})
                seen.update(kind for each in found.values() for kind in kinds_of(each))

    compare()
    assert {kind: seen[kind] for kind in KINDS if seen[kind] < 20} == {}
