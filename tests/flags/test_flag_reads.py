"""What a read of a flag asks the server, when it asks, and what it reports."""

from __future__ import annotations

import dataclasses
import enum
import json
import logging
import math
import uuid
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

from fastbatch.errors import ConfigError, FieldError
from fastbatch.flags.call import MINIMAL_PROPERTIES
from fastbatch.flags.fallback import FallbackCache
from tests.support.faulty_server import Reply
from tests.support.flag_fixtures import PERSONAL, PROJECT
from tests.support.flag_server import flag, record, undecidable


class Colour(str, enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Plan:
    name: str
    seats: int


CYCLE: list[Any] = []
CYCLE += [CYCLE, 1]


def test_the_question_says_all_that_is_known(flag_server, make_flags):
    """Under the names of the endpoint."""
    make_flags(None).get_value(
        "beta",
        "u",
        groups={"company": "c", "team": 7},
        person_properties={"plan": "pro"},
        group_properties={"company": {"size": 3}, "other": {"x": 1}},
        device_id="d",
        disable_geoip=False,
    )
    [question] = flag_server.questions
    assert (question.method, question.path) == ("POST", "/flags/?v=2")
    assert question.headers["content-type"] == "application/json"
    assert question.headers["user-agent"].startswith("fastbatch/")
    assert "authorization" not in question.headers
    assert "content-encoding" not in question.headers
    body = question.json
    sent_at = datetime.fromisoformat(body.pop("sent_at"))
    assert abs((datetime.now(timezone.utc) - sent_at).total_seconds()) < 60
    assert body == {
        "api_key": PROJECT,
        "distinct_id": "u",
        "device_id": "d",
        "groups": {"company": "c", "team": 7},
        "person_properties": {"plan": "pro"},
        "group_properties": {"company": {"$group_key": "c", "size": 3}, "team": {"$group_key": 7}},
        "geoip_disable": False,
        "evaluation_runtime": "server",
        "flag_keys_to_evaluate": ["beta"],
    }


def test_a_question_about_all_flags_names_none(flag_server, make_flags):
    """And what is not known is empty; whether to look up where somebody is comes from the settings."""
    make_flags(None).get_all("u")
    make_flags(None, disable_geoip=False).get_all("u", flag_keys=["a", "b"])
    first, second = (question.json for question in flag_server.questions)
    assert "flag_keys_to_evaluate" not in first
    assert (first["groups"], first["person_properties"], first["group_properties"]) == ({}, {}, {})
    assert (first["device_id"], first["geoip_disable"]) == (None, True)
    assert (second["flag_keys_to_evaluate"], second["geoip_disable"]) == (["a", "b"], False)


VALUES: dict[str, tuple[Any, Any]] = {
    "an instant": (datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone.utc), "2024-01-02T03:04:05+00:00"),
    "a day": (date(2024, 1, 2), "2024-01-02"),
    "a uuid": (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    "a decimal": (Decimal("1.5"), 1.5),
    "no number": (math.nan, None),
    "infinity": (math.inf, None),
    "no decimal": (Decimal("NaN"), None),
    "an enum": (Colour.RED, "red"),
    "a tuple": ((1, "a"), [1, "a"]),
    "a set": ({1}, [1]),
    "bytes": (b"a\xff", "a\ufffd"),
    "a dataclass": (Plan("pro", 3), {"name": "pro", "seats": 3}),
    "keys that are no text": ({1: {Colour.RED: None}}, {"1": {"red": None}}),
    "half a character": ("\ud800", "\ud800"),
    "what contains itself": (CYCLE, [None, 1]),
    "something else": (object(), None),
    "a large number": (2**80, 2**80),
}


@pytest.mark.parametrize("case", VALUES)
def test_every_value_of_a_property_has_a_json_form(flag_server, make_flags, case):
    """A property that has none is null: a flag must not cost an exception."""
    value, sent = VALUES[case]
    make_flags(None).get_value("beta", "u", person_properties={"p": value})
    assert flag_server.questions[0].json["person_properties"] == {"p": sent}


def test_what_is_decided_here_asks_nobody(flag_server, make_flags):
    """However often."""
    flag_server.publish(flag("beta"))
    flags = make_flags()
    assert [flags.get_value("beta", f"u{number % 7}") for number in range(50)] == [True] * 50
    assert flag_server.questions == []


def test_what_is_not_decided_here_is_asked_with_one_request(flag_server, make_flags):
    """For a flag that lacks something to go by, and for one without a definition."""
    flag_server.publish(undecidable("beta"))
    flag_server.decided["beta"] = record("beta", variant="v")
    flags = make_flags()
    assert flags.get_value("beta", "u") == "v"
    assert flags.get_value("new", "u") is None
    assert flags.get_value("beta", "u", person_properties={"plan": "pro"}) is True
    assert [question.json["flag_keys_to_evaluate"] for question in flag_server.questions] == [["beta"], ["new"]]


def test_all_flags_are_one_request_at_most(flag_server, make_flags):
    """None when all could be decided here; else one, and its answer counts for all."""
    flag_server.publish(flag("a"), undecidable("b"))
    flag_server.decided.update(a=record("a", variant="other"), c=record("c"))
    flags = make_flags()
    assert flags.get_all("u", person_properties={"plan": "pro"}).values == {"a": True, "b": True}
    assert flag_server.questions == []
    assert flags.get_all("u").values == {"a": "other", "c": True}
    assert flags.evaluate("u").keys == ["a", "c"]
    assert len(flag_server.questions) == 2


def test_each_different_read_is_reported_once(flag_server, make_flags, calls):
    """Another user, value, group or device is another read; asking again is not."""
    flag_server.publish(flag("beta"))
    flags = make_flags()
    for _ in range(3):
        flags.get_value("beta", "u")
        flags.get_result("beta", "u")
        flags.evaluate("u").is_enabled("beta")
        flags.get_value("beta", "v")
        flags.get_value("beta", "u", device_id="d")
        flags.get_value("beta", "u", groups={"company": "c"})
    assert [(call.distinct_id, dict(call.groups)) for call in calls] == [
        ("u", {}),
        ("v", {}),
        ("u", {}),
        ("u", {"company": "c"}),
    ]
    flag_server.publish(flag("beta", active=False))
    flags.load()
    flags.get_value("beta", "u")
    assert calls[-1].properties["$feature_flag_response"] is False


def test_a_read_is_not_reported_where_that_is_not_wanted(flag_server, make_flags, calls):
    """And a later one, where it is, still is."""
    flag_server.publish(flag("beta"))
    flags = make_flags()
    flags.get_value("beta", "u", send_feature_flag_events=False)
    flags.get_result("beta", "u", send_feature_flag_events=False)
    flags.evaluate("u").get_flag("beta", send_feature_flag_events=False)
    assert calls == []
    flags.get_value("beta", "u")
    assert len(calls) == 1


def test_a_snapshot_keeps_its_groups_whatever_becomes_of_the_callers(flag_server, make_flags, calls):
    flag_server.publish(flag("beta"))
    groups = {"company": "acme"}
    snapshot = make_flags().evaluate("u", groups=groups)
    groups["company"] = "other"
    assert snapshot.get_flag("beta") is True
    assert snapshot.groups == calls[0].groups == {"company": "acme"}


def test_what_is_said_of_snapshots_takes_no_more_memory_for_more_keys(flag_server, make_flags, caplog):
    flags = make_flags()
    snapshot = flags.evaluate("u", only_evaluate_locally=True)
    with caplog.at_level(logging.WARNING, "fastbatch"):
        for number in range(100):
            snapshot.only([f"flag of {number}"])
    assert len([record for record in caplog.records if "only()" in record.message]) == 1
    assert len(flags._notices._next) < 10


def test_a_closed_client_reports_nothing_and_decides_as_before(flag_server, make_flags, calls):
    """A request that is still being served gets its answer."""
    flag_server.publish(flag("beta"))
    flags = make_flags()
    flags.load()
    flags.close()
    assert flags.get_value("beta", "u") is True
    assert calls == []


def test_the_bound_of_what_is_remembered_can_be_chosen(flag_server, make_flags, calls):
    """With room for two, the third user costs the first one's place."""
    flag_server.publish(flag("beta"))
    flags = make_flags(called_limit=2)
    for user in ("a", "b", "b", "c", "b", "a"):
        flags.get_value("beta", user)
    assert [call.distinct_id for call in calls] == ["a", "b", "c", "a"]


def test_short_events_have_what_is_allowed_and_nothing_else(flag_server, make_flags, calls):
    """Where the server asks for them, and knows that no experiment is on."""
    payloads = {"payloads": {"true": "1"}}
    flag_server.publish(
        flag("plain", has_experiment=False, filters=payloads),
        flag("experiment", has_experiment=True, filters=payloads),
        flag("unknown", filters=payloads),
        minimal_flag_called_events=True,
    )
    flags = make_flags()
    for key in ("plain", "experiment", "unknown"):
        flags.get_value(key, "u")
    plain, experiment, unknown = calls
    assert plain.allowed == MINIMAL_PROPERTIES >= plain.properties.keys()
    assert plain.properties["$feature_flag_has_experiment"] is False
    for call in (experiment, unknown):
        assert call.allowed is None
        assert call.properties["$feature_flag_payload"] == 1


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "key": ({"key": 7}, "key"),
    "an empty key": ({"key": ""}, "key"),
    "groups": ({"groups": ["company"]}, "groups"),
    "person properties": ({"person_properties": "pro"}, "person_properties"),
    "group properties": ({"group_properties": 7}, "group_properties"),
    "properties of a group": ({"group_properties": {"company": 7}}, "group_properties.company"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_are_named(make_flags, case):
    """They are the one thing that a program hears of."""
    arguments, name = WRONG[case]
    flags = make_flags(None)
    key = arguments.pop("key", "beta") if "key" in arguments else "beta"
    with pytest.raises(FieldError, match=f"FeatureFlag.{name}: "):
        flags.get_value(key, "u", **arguments)
    if arguments:
        with pytest.raises(FieldError, match=name):
            flags.get_all("u", **arguments)


@pytest.mark.parametrize("keys", ["beta", [1], 7, {"beta": 1}])
def test_keys_of_flags_are_a_list_of_texts(make_flags, keys):
    """A text is a list of letters to Python."""
    with pytest.raises(FieldError, match="flag_keys"):
        make_flags(None).get_all("u", flag_keys=keys)


def test_remote_config_is_asked_for_with_the_personal_key(flag_server, make_flags, caplog):
    """Whatever JSON it is; a key is no path."""
    flag_server.configs["beta"] = '{"secret": 1}'
    flags = make_flags()
    assert flags.remote_config("beta") == '{"secret": 1}'
    flags.remote_config("a/../b?c")
    first, second = flag_server.requests
    assert first.path == f"/api/projects/@current/feature_flags/beta/remote_config?token={PROJECT}"
    assert first.headers["authorization"] == f"Bearer {PERSONAL}"
    assert second.path.startswith("/api/projects/@current/feature_flags/a%2F..%2Fb%3Fc/remote_config?")
    assert make_flags(None).remote_config("beta") is None
    assert "personal_api_key" in caplog.text


# The fallback cache.


def test_last_known_values_are_bounded_and_die_with_their_definitions(flag_server, make_flags):
    """A flag that was switched off must not come back because the server does not answer."""
    flag_server.publish(undecidable("beta"))
    flag_server.decided["beta"] = record("beta")
    flags = make_flags(fallback_cache=FallbackCache.from_url("memory://local/?size=2"))
    for user in ("a", "b", "c"):
        assert flags.get_value("beta", user) is True
    flag_server.on_flags(*[(Reply(500),)] * 4)
    assert [flags.get_value("beta", user) for user in ("a", "b", "c")] == [None, True, True]
    flag_server.publish(undecidable("beta"), flag("new"))
    flags.load()
    assert flags.get_value("beta", "c") is None


def test_a_last_known_payload_is_the_callers_to_change(flag_server, make_flags):
    flag_server.decided["beta"] = record("beta", payload='{"a": [1]}')
    flags = make_flags(None, fallback_cache=FallbackCache())
    flag_server.on_flags((Reply(200, json.dumps({"flags": flag_server.decided}).encode()),), *[(Reply(500),)] * 2)
    for _ in range(3):
        result = flags.get_result("beta", "u")
        assert result.payload == {"a": [1]}
        result.payload["a"].append(2)
    assert len(flag_server.questions) == 3


def test_last_known_values_grow_old(monkeypatch):
    """An hour at most."""
    cache = FallbackCache()
    from fastbatch.flags import fallback
    from fastbatch.flags.result import FeatureFlagResult

    result = FeatureFlagResult("beta", True)
    cache.put("u", result, None)
    assert cache.get("u", "beta", None) is result
    now = fallback.time.monotonic()
    monkeypatch.setattr(fallback.time, "monotonic", lambda: now + fallback.STALE_SECONDS)
    assert cache.get("u", "beta", None) is None


@pytest.mark.parametrize(
    "url", ["redis://user:secret@host/0", "memory://local/?size=0", "memory://local/?size=x", "memory", ""]
)
def test_other_caches_are_refused_without_showing_a_password(url):
    """Redis among them."""
    with pytest.raises(ConfigError, match="flag_fallback_cache_url") as caught:
        FallbackCache.from_url(url)
    assert "secret" not in str(caught.value)


# Definitions that processes share.


class Store:
    """A provider that keeps what it is given, for one process to fetch and others to read."""

    def __init__(self, may_fetch: bool, kept: dict[str, Any] | None = None) -> None:
        self.may_fetch = may_fetch
        self.kept = kept
        self.closed = 0

    def should_fetch_flag_definitions(self) -> bool:
        return self.may_fetch

    def get_flag_definitions(self) -> dict[str, Any] | None:
        return self.kept

    def on_flag_definitions_received(self, data: dict[str, Any]) -> None:
        self.kept = data

    def shutdown(self) -> None:
        self.closed += 1


class AsyncStore(Store):
    """The same by coroutines, which all have to run on one event loop."""

    loops: set[Any]

    async def should_fetch_flag_definitions(self) -> bool:  # type: ignore[override]
        return self.may_fetch

    async def get_flag_definitions(self) -> dict[str, Any] | None:  # type: ignore[override]
        return self.kept

    async def on_flag_definitions_received(self, data: dict[str, Any]) -> None:  # type: ignore[override]
        self.kept = data

    async def shutdown(self) -> None:  # type: ignore[override]
        self.closed += 1


@pytest.mark.parametrize("kind", [Store, AsyncStore])
def test_one_process_fetches_definitions_and_others_read_them(flag_server, make_flags, kind):
    """What the one stores is all that the others need."""
    flag_server.publish(flag("beta"), minimal_flag_called_events=True)
    fetching = kind(may_fetch=True)
    flags = make_flags(definition_provider=fetching)
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is True
    assert fetching.kept == {**flag_server.definitions}
    reading = kind(may_fetch=False, kept=fetching.kept)
    other = make_flags(definition_provider=reading)
    assert other.get_value("beta", "u", only_evaluate_locally=True) is True
    assert len(flag_server.polls) == 1
    flags.close()
    assert (fetching.closed, reading.closed) == (1, 0)


def test_an_empty_store_or_one_that_fails_asks_the_server(flag_server, make_flags, caplog):
    """Its errors cost nothing but a line."""

    class Failing(Store):
        def fail(self, *_: Any) -> Any:
            raise OSError("secret")

        should_fetch_flag_definitions = on_flag_definitions_received = shutdown = fail

    flag_server.publish(flag("beta"))
    for provider in (Store(may_fetch=False), Failing(may_fetch=False)):
        flags = make_flags(definition_provider=provider)
        assert flags.get_value("beta", "u", only_evaluate_locally=True) is True
        flags.close()
    assert len(flag_server.polls) == 2
    assert "on_flag_definitions_received failed: OSError" in caplog.text
    assert "secret" not in caplog.text
