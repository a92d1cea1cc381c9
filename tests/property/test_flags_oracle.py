"""Random definitions and random people: what we say, and what the `posthog` package says."""

from __future__ import annotations

from collections import Counter
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastbatch.flags.definitions import Definitions, compile_definitions
from fastbatch.flags.evaluation import Unresolved
from fastbatch.flags.subject import Subject
from tests.support.flag_oracle import Answer, Oracle, answer_of
from tests.support.flag_worlds import definitions, subjects

ORACLE = Oracle()

REASONS = {
    "condition_match", "no_condition_match", "out_of_rollout_bound", "no_group_type", "super_condition_value",
    "holdout_condition_value", "disabled", "undecided", "requires_server",
}  # fmt: skip


def own_values(keys: Definitions, subject: Subject) -> dict[str, Answer]:
    """Ask the package for each flag, with the values that it gives the flags before as what they depend on."""
    answers: dict[str, Answer] = {}
    for key in keys:
        answers[key] = ORACLE.evaluate(key, subject, answers)
    return answers


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

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(definitions(), st.lists(subjects(), min_size=1, max_size=4))
    def compare(payload, people):
        compiled = compile_definitions(payload)
        ORACLE.load(payload)
        for subject in people:
            expected = own_values(compiled, subject)
            found = compiled.evaluate_all(subject)
            assert {key: answer_of(each) for key, each in found.items()} == expected
            assert {key: compiled.evaluate(key, subject) for key in compiled} == found
            # Without flags that ask for others, that is also what the package says when nothing is arranged for it.
            for key in set(expected) - dependents(payload):
                assert ORACLE.evaluate(key, subject) == expected[key]
            seen.update(
                kind for each in found.values() for kind in (each.reason, each.unresolved, type(each.value).__name__)
            )

    compare()
    print(seen)
    kinds = {*get_args(Unresolved), *REASONS, "bool", "str", "NoneType"}
    assert {kind: seen[kind] for kind in kinds if seen[kind] < 5} == {}
