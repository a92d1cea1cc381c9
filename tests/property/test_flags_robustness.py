"""Whatever the server sends, and whatever a program says of a person: nothing raises, and the rest goes on."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastbatch.flags.local.definitions import MAX_PROBLEMS, compile_definitions
from fastbatch.flags.local.evaluation import Evaluation
from fastbatch.flags.local.subject import Subject
from tests.support.flag_differences import depends_on, flag, of, where
from tests.support.flag_worlds import definitions, subjects

NAMES = st.sampled_from(
    [
        "key",
        "active",
        "filters",
        "groups",
        "properties",
        "operator",
        "value",
        "type",
        "values",
        "rollout_percentage",
        "variant",
        "variants",
        "multivariate",
        "payloads",
        "aggregation_group_type_index",
        "early_exit",
        "holdout",
        "id",
        "exclusion_percentage",
        "feature_enrollment",
        "dependency_chain",
        "negation",
        "bucketing_identifier",
        "ensure_experience_continuity",
        "has_experiment",
        "version",
    ]
)
WORDS = st.sampled_from(
    [
        "cohort",
        "flag",
        "AND",
        "OR",
        "regex",
        "gt",
        "is_date_after",
        "semver_caret",
        "flag_evaluates_to",
        "it",
        "[",
        "-1d",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | WORDS
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=20
)
SOUND = flag("sound", [where("plan", "pro")])
PRO = Subject("u", person_properties={"plan": "pro"})


def harmless(payload: Any, subject: Subject) -> dict[str, Evaluation]:
    """Compile and evaluate, check the form of what comes out, and that a sound flag among the rest works."""
    before = copy.deepcopy(payload)
    payload["flags"].append(SOUND)
    compiled = compile_definitions(payload)
    payload["flags"].pop()
    assert repr(payload) == repr(before)
    assert compiled.evaluate("sound", PRO).value is True
    found = compiled.evaluate_all(subject)
    assert list(found) == list(compiled)
    for key, each in found.items():
        assert each.key == key
        assert isinstance(each.value, (bool, str)) is (each.unresolved == "")
        assert compiled.evaluate(key, subject) == each
    assert all("\n" not in line for line in compiled.problems)
    return found


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.fixed_dictionaries(
        {
            "flags": st.lists(
                JSON | st.dictionaries(NAMES, JSON, max_size=6).map(lambda raw: {**raw, "key": "it", "active": True}),
                max_size=4,
            )
        },
        optional={
            "cohorts": JSON | st.dictionaries(st.sampled_from("12"), JSON),
            "group_type_mapping": JSON,
            "property_matching_version": JSON,
        },
    ),
    subjects(),
)
def test_any_json_can_be_compiled_and_evaluated(payload, subject):
    """Shapes that have nothing to do with flags, and shapes that nearly have."""
    harmless(payload, subject)


def mutated(value: Any, path: list[int], put: Any) -> Any:
    """Return ``value`` with something else at a place that the path leads to."""
    if not path or not isinstance(value, (dict, list)) or not value:
        return put
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = keys[path[0] % len(keys)]
    changed = copy.copy(value)
    changed[key] = mutated(value[key], path[1:], put)
    return changed


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    definitions(),
    st.lists(st.tuples(st.lists(st.integers(0, 30), min_size=1, max_size=9), JSON), max_size=3),
    subjects(),
)
def test_definitions_with_a_few_wrong_parts_can_be_compiled_and_evaluated(payload, mutations, subject):
    """Nearly right is what is easiest to get wrong."""
    for path, put in mutations:
        payload["flags"] = mutated(payload["flags"], path, put)
        payload["cohorts"] = mutated(payload["cohorts"], path, put)
    if isinstance(payload["flags"], list):
        harmless(payload, subject)


class Hostile:
    """Raises whenever it is looked at."""

    def __eq__(self, other: object) -> bool:
        raise OSError

    def __str__(self) -> str:
        raise OSError

    __hash__ = None  # type: ignore[assignment]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(definitions(), st.sampled_from([Hostile(), {"plan": Hostile()}, None, 7, {"plan": [[Hostile()]]}]))
def test_any_subject_can_be_asked_for(payload, odd):
    """What cannot be looked at is missing context."""
    for subject in (Subject("u", None, odd, odd, odd), Subject(odd, odd, {"company": odd}, {}, {"company": odd})):  # type: ignore[arg-type]
        harmless(payload, subject)


@pytest.mark.parametrize("payload", [None, [], "x", {}, {"flags": None}, {"flags": {}}, {"flags": "x"}, b"{}"])
def test_a_payload_without_a_list_of_flags_is_refused(payload):
    """That is no definitions at all."""
    with pytest.raises(ValueError, match="object with a list of flags"):
        compile_definitions(payload)


def nested(depth: int, inner: Any, wrap: Any) -> Any:
    """Return ``inner`` wrapped so many times."""
    for _ in range(depth):
        inner = wrap(inner)
    return inner


@pytest.mark.parametrize("depth", [49, 60, 5_000, 100_000])
def test_deep_nesting_harms_its_own_flag_alone(depth):
    """Of groups, of cohorts in cohorts, of values, of properties."""
    member = {"type": "cohort", "value": "deep", "key": "id"}
    group = nested(depth, where("plan", "pro"), lambda inner: {"type": "AND", "values": [inner]})
    chain = {
        str(number): {"type": "OR", "values": [{**member, "value": str(number + 1)}]}
        for number in range(min(depth, 5_000))
    }
    value = nested(depth, 1, lambda inner: [inner])
    payload = of(
        SOUND,
        flag("groups", [member]),
        flag("cohorts", [{**member, "value": "0"}]),
        flag("values", [where("t", value)]),
        flag("exact", [where("t", "x")]),
        cohorts={"deep": group, **chain, str(len(chain)): {"type": "AND", "values": [where("plan", "pro")]}},
    )
    compiled = compile_definitions(payload)
    found = compiled.evaluate_all(Subject("u", person_properties={"plan": "pro", "t": value}))
    assert found["sound"].value is True
    assert found["groups"].value is (True if depth < 50 else None)
    assert found["cohorts"].value is (True if depth < 50 else None)
    assert all(each.value in {True, False, None} for each in found.values())


def test_a_long_chain_of_flags_is_no_deep_recursion():
    """As the server sends it, with all flags before a flag in its chain."""
    keys = [f"flag-{number}" for number in range(600)]
    chained = [flag(key, [depends_on(keys[number], *keys[:number])]) for number, key in enumerate(keys[1:])]
    compiled = compile_definitions(of(flag(keys[0], []), *chained))
    assert compiled.problems == ()
    assert compiled.evaluate(keys[-1], PRO).value is True
    assert {each.value for each in compiled.evaluate_all(PRO).values()} == {True}


def test_a_chain_that_leaves_out_the_flags_before_ends_as_unresolved_at_worst():
    """Python's limit of recursion is met, and nobody else is."""
    chained = [flag(f"flag-{number}", [depends_on(f"flag-{number - 1}")]) for number in range(1, 3_000)]
    compiled = compile_definitions(of(*reversed(chained), flag("flag-0", []), SOUND))
    assert compiled.evaluate("flag-9", PRO).value is True
    assert compiled.evaluate("flag-2999", PRO).value is None
    assert compiled.evaluate_all(PRO)["sound"].value is True


def test_five_megabytes_of_definitions():
    """Many flags, each with something wrong: the problems are told, but not all of them."""
    broken = [flag(f"flag-{number}", [where("plan", "x" * 400, f"operator-{number}")]) for number in range(10_000)]
    payload = json.loads(json.dumps(of(SOUND, *broken)))
    assert len(json.dumps(payload)) > 5_000_000
    compiled = compile_definitions(payload)
    assert len(compiled.problems) == MAX_PROBLEMS + 1
    assert compiled.problems[-1] == f"and {10_000 - MAX_PROBLEMS} more"
    assert "x" * 9 not in "".join(compiled.problems)
    assert compiled.evaluate_all(PRO)["sound"].value is True
