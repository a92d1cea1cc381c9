"""Definitions as a whole: what they tell about themselves, and what an evaluation says besides the value."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone
from threading import Thread

import pytest

from fastbatch.flags.local.definitions import compile_definitions
from fastbatch.flags.local.evaluation import Evaluation
from fastbatch.flags.local.subject import Subject
from tests.support.flag_differences import cohort, depends_on, flag, of, where

PRO = Subject("u-1", person_properties={"plan": "pro"})
NOW = datetime(2026, 3, 31, 12, tzinfo=timezone.utc)


def only(*conditions, subject=PRO, now=None, **rules) -> Evaluation:
    """Evaluate a flag that is the only one."""
    return compile_definitions(of(flag("it", *conditions, **rules))).evaluate("it", subject, now)


def test_definitions_are_a_collection_of_keys():
    """In the order of definition; the last of several with one key counts, in the place of the first."""
    compiled = compile_definitions(
        of(flag("b", []), flag("a", []), {**flag("b", []), "active": False}, "junk", {"key": 7})
    )
    assert list(compiled) == list(compiled.evaluate_all(PRO)) == ["b", "a"]
    assert len(compiled) == 2
    assert "a" in compiled
    assert "c" not in compiled
    assert compiled.evaluate("b", PRO).reason == "disabled"
    assert [each["key"] for each in compiled.raw_flags] == ["b", "a", "b", 7]
    assert compiled.problems == (
        "flag 'b': defined more than once; the last one counts",
        "flag number 3: no object with a key",
        "flag number 4: no object with a key",
    )


def test_an_unknown_flag_is_a_key_error():
    """By itself; among many it is left out."""
    compiled = compile_definitions(of(flag("a", []), flag("b", [where("plan", "pro")]), flag("c", [])))
    with pytest.raises(KeyError):
        compiled.evaluate("nope", PRO)
    with pytest.raises(KeyError):
        compiled.payload("nope", True)
    assert list(compiled.evaluate_all(PRO, ["c", "nope", "b"])) == ["b", "c"]
    assert compiled.evaluate_all(PRO, []) == {}


@pytest.mark.parametrize(
    ("given", "minimal"), [(True, True), (False, False), (None, False), ("true", False), (1, False)]
)
def test_what_the_server_says_of_called_events(given, minimal):
    """Only true is true."""
    assert compile_definitions(of(minimal_flag_called_events=given)).minimal_flag_called_events is minimal
    assert compile_definitions(of()).minimal_flag_called_events is False


def test_group_types_are_names_by_index():
    """What is no name is left out."""
    compiled = compile_definitions({"flags": [], "group_type_mapping": {"0": "company", 1: "team", "2": None}})
    assert compiled.group_types == {"0": "company", "1": "team"}


def test_an_evaluation_repeats_what_the_definition_says_of_itself():
    """Id, version and experiment, where they have the right type."""
    facts = {"id": 7, "version": 3, "has_experiment": True}
    found = compile_definitions(of({**flag("it", [], payloads={"true": '{"a": 1}'}), **facts})).evaluate("it", PRO)
    assert found == Evaluation("it", True, '{"a": 1}', "condition_match", 0, "", 7, 3, True)
    odd = {"id": "7", "version": True, "has_experiment": "yes"}
    found = compile_definitions(of({**flag("it", []), **odd})).evaluate("it", PRO)
    assert (found.flag_id, found.version, found.has_experiment) == (None, None, None)


def test_payloads_belong_to_values():
    """Of true, of false, of a variant, also one that nobody gets."""
    variants = {"variants": [{"key": "red", "rollout_percentage": 100}]}
    compiled = compile_definitions(
        of(
            flag("on", [], payloads={"true": "1"}),
            flag("off", [where("plan", "free")], payloads={"false": "0", "true": "1"}),
            flag("red", [], multivariate=variants, payloads={"red": '"r"', "true": "1"}),
        )
    )
    assert {key: each.payload for key, each in compiled.evaluate_all(PRO).items()} == {
        "on": "1",
        "off": "0",
        "red": '"r"',
    }
    assert (compiled.payload("red", True), compiled.payload("red", "blue"), compiled.payload("off", True)) == (
        "1",
        None,
        "1",
    )


def test_the_reason_says_which_condition_decided():
    """The first that is met; without one, the first that failed by its rollout alone."""
    free, pro = [where("plan", "free")], [where("plan", "pro")]
    out = {"properties": pro, "rollout_percentage": 0}
    assert only(free, pro, pro).condition_index == 1
    assert only(free, free) == Evaluation("it", False, None, "no_condition_match")
    assert only(free, out, out, free) == Evaluation("it", False, None, "out_of_rollout_bound", 1)
    assert only(out, pro).value is True
    assert only(out, pro, early_exit=True) == Evaluation("it", False, None, "out_of_rollout_bound", 0)
    assert only([], aggregation_group_type_index=0) == Evaluation("it", False, None, "no_group_type")
    assert only([], holdout={"id": 3, "exclusion_percentage": 100}) == Evaluation(
        "it", "holdout-3", None, "holdout_condition_value"
    )
    enrolled = Subject("u", person_properties={"$feature_enrollment/it": "true"})
    assert only(feature_enrollment=True, subject=enrolled) == Evaluation("it", True, None, "super_condition_value")
    assert only([where("age", 1)]) == Evaluation("it", None, None, "undecided", None, "missing_context")
    assert only([cohort(9)]) == Evaluation("it", None, None, "requires_server", None, "unsupported_definition")


def test_ids_count_as_properties_unless_given():
    """The person's in conditions on persons, the group's in those on groups."""
    grouped = Subject("u-1", groups={"company": "acme"})
    assert only([where("distinct_id", "u-1")]).value is True
    assert (
        only([where("distinct_id", "u-1")], subject=Subject("u-1", person_properties={"distinct_id": "x"})).value
        is False
    )
    group_key = [where("$group_key", "acme")]
    assert only(group_key, subject=grouped, aggregation_group_type_index=0).value is True
    assert only(group_key, subject=grouped).unresolved == "missing_context"
    assert only({"properties": group_key, "aggregation_group_type_index": 0}, subject=grouped).value is True
    given = Subject("u-1", groups={"company": "acme"}, group_properties={"company": {"$group_key": "other"}})
    assert only(group_key, subject=given, aggregation_group_type_index=0).value is False


@pytest.mark.parametrize(
    ("relative", "bound"),
    [
        ("-2m", "2026-01-28"),
        ("1m", "2026-02-28"),
        ("-1y", "2025-03-31"),
        ("-31d", "2026-02-28"),
        ("4w", "2026-03-03"),
        ("-12h", "2026-03-31"),
    ],
)
def test_relative_dates_are_counted_back_from_the_time_that_is_given(relative, bound):
    """Month by month, each cut to its last day on the way."""
    hour = "00" if relative.endswith("h") else "12"
    for minute, expected in ((f"{bound}T{hour}:00:00Z", False), (f"{bound}T{hour}:00:01Z", True)):
        subject = Subject("u", person_properties={"t": minute})
        assert only([where("t", relative, "is_date_after")], subject=subject, now=NOW).value is expected


def test_a_leap_day_a_year_ago_is_the_28th():
    """And four years ago as well, because years are counted one by one."""
    leap = datetime(2028, 2, 29, tzinfo=timezone.utc)
    for relative, year in (("-1y", 2027), ("-4y", 2024)):
        subject = Subject("u", person_properties={"t": f"{year}-02-28T00:00:01Z"})
        assert only([where("t", relative, "is_date_after")], subject=subject, now=leap).value is True


def test_a_date_that_has_ceased_to_exist_is_unsupported():
    """The year of the definition's arrival is not the year of the evaluation."""
    subject = Subject("u", person_properties={"t": "2020-01-01"})
    early = datetime(900, 1, 1, tzinfo=timezone.utc)
    assert (
        only([where("t", "-1000y", "is_date_after")], subject=subject, now=early).unresolved == "unsupported_definition"
    )
    assert only([where("t", "-1000y", "is_date_after")], subject=subject, now=NOW).value is True


PROBLEMS = [
    (flag("it", [where("plan", "x", "sounds_like")]), "property 'plan': unknown operator 'sounds_like'"),
    (
        flag("it", [where("age", "x", "gt")]),
        "property 'age': gt cannot be evaluated here: its value is no finite number",
    ),
    (
        flag("it", [where("t", "(?=secret)", "regex")]),
        "property 't': regex cannot be evaluated here: only the server surely understands what begins at character 1",
    ),
    (flag("it", [cohort(9)]), "cohort '9' is not among the definitions; the server knows it"),
    (flag("it", [depends_on("nope")]), "dependency on 'nope': flag 'nope' is not defined"),
    (flag("it", [depends_on("it")]), "dependency on 'it' is part of a cycle"),
    (
        flag("it", [{**depends_on("it"), "dependency_chain": []}]),
        "dependency on 'it': its chain is empty, as it is in a cycle, or no list",
    ),
    (
        flag("it", [{**depends_on("it"), "operator": "exact"}]),
        "dependency on 'it': no flag, no value or another operator than flag_evaluates_to: nobody meets it",
    ),
    (flag("it", [], aggregation_group_type_index=5), "group type 5 is unknown"),
    (flag("it", {"aggregation_group_type_index": 5}), "group type 5 is unknown: nobody meets its condition"),
    (flag("it", {"rollout_percentage": "x"}), "the rollout of a condition is no number"),
    (flag("it", [], multivariate={"variants": [{}]}), "a variant has no key"),
    ({**flag("it"), "filters": 7}, "filters: no object"),
]


@pytest.mark.parametrize(("raw", "line"), PROBLEMS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_problem_names_flag_and_part(raw, line):
    """In one line, and nothing that a person's properties are compared with."""
    (problem,) = compile_definitions(of(raw)).problems
    assert problem == f"flag 'it': {line}"


def test_a_problem_is_a_line_whatever_the_flag_is_called():
    """Printable, and not longer than a line can be."""
    (problem,) = compile_definitions(of(flag("a\nb\u2028" * 99, [cohort("c" * 999)]))).problems
    assert problem.startswith("flag 'a\\nb\\u2028a")
    assert problem.isprintable()
    assert len(problem) < 250


def test_the_problem_of_a_cohort_is_told_once():
    """However many flags ask for it; each of them is unresolved."""
    compiled = compile_definitions(
        of(
            *(flag(key, [cohort(1)]) for key in "abc"),
            cohorts={"1": {"type": "AND", "values": [where("t", 1, "nope")]}},
        )
    )
    assert compiled.problems == ("cohort '1': property 't': unknown operator 'nope'",)
    assert {each.unresolved for each in compiled.evaluate_all(PRO).values()} == {"unsupported_definition"}


def test_a_cycle_is_found_whoever_is_asked_first():
    """What is in it is unsupported, what asks for that is unresolved, and what it asks for is sound."""
    compiled = compile_definitions(
        of(
            flag("sound", []), flag("a", [depends_on("b")]), flag("b", [depends_on("c"), depends_on("sound")]),
            flag("c", [depends_on("a")]),
            flag("user", [depends_on("a")]), flag("lucky", [depends_on("a")], []),
        )
    )  # fmt: skip
    expected = {"sound": "", "a": "unsupported_definition", "b": "unsupported_definition",
    "c": "unsupported_definition",
                "user": "unresolved_dependency", "lucky": ""}  # fmt: skip
    assert {key: each.unresolved for key, each in compiled.evaluate_all(PRO).items()} == expected
    assert {key: compiled.evaluate(key, PRO).unresolved for key in compiled} == expected


def test_outcomes_are_shared_and_cannot_be_changed():
    """A program that could change one would change it for all."""
    compiled = compile_definitions(of(flag("it", [where("plan", "pro")])))
    found = compiled.evaluate("it", PRO)
    assert compiled.evaluate("it", PRO) is found
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.value = False  # type: ignore[misc]
    compiled.evaluate_all(PRO).clear()
    assert len(compiled.evaluate_all(PRO)) == 1


def test_threads_share_definitions():
    """Each has the outcomes of its own subject."""
    compiled = compile_definitions(
        of(flag("base", {"rollout_percentage": 50}), flag("it", [depends_on("base"), where("n", "5", "gt")]))
    )
    wrong: list[object] = []

    def ask(start: int) -> None:
        for number in range(start, start + 2_000):
            subject = Subject(f"u-{number}", person_properties={"n": number % 10})
            base = compiled.evaluate("base", subject).value
            if compiled.evaluate("it", subject).value is not (base is True and number % 10 > 5):
                wrong.append(number)

    threads = [Thread(target=ask, args=(1_000 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
