"""Every shape of the flags endpoint's answers, and what is made of those that make no sense."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from posthog.types import FeatureFlag as TheirFlag
from posthog.types import normalize_flags_response, to_payloads, to_values

from fastbatch.errors import FlagsError
from fastbatch.flags.answer import parse_answer
from fastbatch.flags.many import payloads_of, values_of

V2 = {
    "flags": {
        "beta": {
            "key": "beta",
            "enabled": True,
            "variant": "test",
            "reason": {"code": "condition_match", "condition_index": 0, "description": "Matched condition set 1"},
            "metadata": {"id": 7, "version": 3, "payload": '{"a":1}', "description": "", "has_experiment": False},
        },
        "off": {"key": "off", "enabled": False, "variant": None, "reason": None, "metadata": None},
    },
    "errorsWhileComputingFlags": True,
    "requestId": "r",
    "evaluatedAt": 1_700_000_000_000,
    "quotaLimited": [],
    "minimalFlagCalledEvents": True,
}


def test_an_answer_with_records_is_read_whole():
    """The shape of today."""
    answer = parse_answer(V2)
    beta, off = answer.flags["beta"], answer.flags["off"]
    assert (beta.get_value(), beta.enabled, beta.variant, off.get_value()) == ("test", True, "test", False)
    assert (beta.metadata.id, beta.metadata.version, beta.metadata.payload) == (7, 3, '{"a":1}')
    assert beta.metadata.has_experiment is False
    assert beta.reason is not None
    assert (beta.reason.code, beta.reason.condition_index) == ("condition_match", 0)
    assert beta.reason.description == "Matched condition set 1"
    assert (answer.errors_while_computing, answer.request_id, answer.evaluated_at) == (True, "r", 1_700_000_000_000)
    assert answer.minimal_flag_called_events is True


def test_older_answers_have_the_same_form():
    """Values and payloads apart from each other, and before that only a list of what is on."""
    older = parse_answer(
        {"featureFlags": {"a": True, "b": "x", "c": False}, "featureFlagPayloads": {"b": "[1]"}, "requestId": "r"}
    )
    assert values_of(older.flags) == {"a": True, "b": "x", "c": False}
    assert payloads_of(older.flags) == {"b": "[1]"}
    assert older.request_id == "r"
    assert values_of(parse_answer({"featureFlags": ["a", "b"]}).flags) == {"a": True, "b": True}
    assert parse_answer({}).flags == {}


TYPED: dict[str, tuple[Any, Any, Any]] = {
    # value: (what it reads as, payload)
    "true": (True, True, None),
    "false": (False, False, None),
    "text": ("red", "red", None),
    "nothing": (None, False, None),
    "number": (1.5, True, "1.5"),
    "object": ({"a": "é"}, True, '{"a":"é"}'),
}


@pytest.mark.parametrize("case", TYPED)
def test_a_typed_value_reads_as_older_servers_would_have_sent_it(case):
    """A number or an object is on, and its own payload."""
    value, reads_as, payload = TYPED[case]
    answer = parse_answer({"flags": {"f": {"key": "f", "value": value, "metadata": {"id": 2.0, "config_version": 2}}}})
    flag = answer.flags["f"]
    assert (flag.get_value(), flag.metadata.payload, flag.metadata.id) == (reads_as, payload, 2)
    assert flag.metadata.config_version == 2


def test_what_the_server_could_not_decide_has_neither_value_nor_payload():
    """Whatever else its record says."""
    for record in (
        {"enabled": True, "failed": True, "metadata": {"payload": "1", "id": 1, "version": 1, "description": ""}},
        {"value": "x", "failed": True, "metadata": {"payload": "1"}},
    ):
        answer = parse_answer({"flags": {"f": record}})
        assert answer.flags["f"].failed
        assert answer.flags["f"].metadata.payload is None
        assert values_of(answer.flags) == payloads_of(answer.flags) == {}


@pytest.mark.parametrize("name", ["quotaLimited", "quota_limited"])
def test_a_used_up_quota_is_an_error_under_either_name(name):
    """Servers and SDKs spell it differently; other quotas are not ours."""
    with pytest.raises(FlagsError) as caught:
        parse_answer({"flags": {}, name: ["recordings", "feature_flags"]})
    assert caught.value.word == "quota_limited"
    assert parse_answer({"flags": {}, name: ["recordings"]}).flags == {}


@pytest.mark.parametrize("answer", [None, [], "flags", 7, {"flags": [1]}, {"flags": "x"}, {"flags": False}])
def test_what_is_no_answer_is_an_error(answer):
    """It must not be taken for an answer without flags."""
    with pytest.raises(FlagsError) as caught:
        parse_answer(answer)
    assert caught.value.word == "unknown_error"


MALFORMED = {
    "record": 7,
    "key": {"key": 1, "enabled": True},
    "enabled": {"enabled": "yes"},
    "variant": {"enabled": True, "variant": 1},
    "failed": {"enabled": True, "failed": "no"},
    "reason": {"enabled": True, "reason": "because"},
    "reason.code": {"enabled": True, "reason": {"code": 1}},
    "reason.condition_index": {"enabled": True, "reason": {"condition_index": 1.5}},
    "metadata": {"enabled": True, "metadata": []},
    "metadata.id": {"enabled": True, "metadata": {"id": "7"}},
    "metadata.has_experiment": {"enabled": True, "metadata": {"has_experiment": 1}},
    "value": {"value": [1]},
    "metadata.rule_id": {"value": True, "metadata": {"config_version": 2, "rule_id": 1}},
}


@pytest.mark.parametrize("field", MALFORMED)
def test_a_record_that_cannot_be_read_is_off_and_harms_no_other(field):
    """And says which of its fields it was."""
    answer = parse_answer({"flags": {"bad": MALFORMED[field], "good": {"enabled": True}}})
    assert (answer.flags["bad"].get_value(), answer.flags["bad"].malformed) == (False, field)
    assert not answer.flags["bad"].failed
    assert answer.flags["good"].get_value() is True


scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.sampled_from(["", "a", "1"])
metadata = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("id", "version", "payload", "description", "has_experiment", "config_version", "rule_id"), scalars
    ),
)
reasons = st.fixed_dictionaries({}, optional=dict.fromkeys(("code", "condition_index", "description"), scalars))
records = st.fixed_dictionaries(
    {"enabled": st.booleans() | scalars.filter(lambda value: value is not None)},
    optional={
        "key": scalars,
        "variant": scalars,
        "failed": scalars,
        "value": scalars | st.dictionaries(st.sampled_from("ab"), scalars) | st.lists(scalars),
        "reason": reasons | scalars,
        "metadata": metadata | scalars,
    },
)


@given(st.dictionaries(st.sampled_from("abc"), records | scalars.filter(bool)))
def test_records_read_as_in_the_posthog_package(flags):
    """Values, payloads, and which ones failed or are malformed, whatever is in them."""
    theirs = normalize_flags_response(copy.deepcopy({"flags": flags}))
    ours = parse_answer({"flags": flags}).flags
    assert values_of(ours) == to_values(theirs)
    assert payloads_of(ours) == to_payloads(theirs)
    for key, flag in theirs["flags"].items():
        assert isinstance(flag, TheirFlag)
        assert (ours[key].enabled, ours[key].variant) == (flag.enabled, flag.variant)
        assert ours[key].failed == flag._server_marked_failed
        assert bool(ours[key].malformed) == (flag._malformed_field is not None)


legacy_values = st.booleans() | st.sampled_from(["", "a", "true", "é"])


@given(
    st.dictionaries(st.sampled_from("abc"), legacy_values),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from(['{"a":1}', "1", "x"])),
)
def test_older_answers_read_as_in_the_posthog_package(values, payloads):
    """The same for the shape without records."""
    answer = {"featureFlags": values, "featureFlagPayloads": payloads}
    theirs = normalize_flags_response(copy.deepcopy(answer))
    ours = parse_answer(answer).flags
    assert values_of(ours) == to_values(theirs)
    assert payloads_of(ours) == to_payloads(theirs)
