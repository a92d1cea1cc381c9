"""The settings of `Posthog`: what each name of the posthog package becomes, and what is refused."""

from __future__ import annotations

import json
import logging

import pytest

from fastbatch import ConfigError
from fastbatch.config import Config
from fastbatch.posthog import Posthog
from fastbatch.posthog.exceptions.hooks import Hooks
from fastbatch.posthog.settings import FLAG_SETTINGS, NOT_OFFERED, OWN_SETTINGS, RENAMED
from fastbatch.posthog.translate import translated
from fastbatch.testing import CapturingTransport
from tests.support.faulty_server import answer


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"flush_at": 7}, {"batch_size": 7}),
        ({"flush_interval": 0.5}, {"interval": 0.5}),
        ({"gzip": True}, {"compression": "gzip"}),
        ({"gzip": False}, {"compression": "none"}),
        ({"capture_compression": "identity"}, {"compression": "none"}),
        ({"capture_compression": "GZIP "}, {"compression": "gzip"}),
        ({"max_retries": 0}, {"max_attempts": 1}),
        ({"max_retries": 3}, {"max_attempts": 4}),
        ({"timeout": 2}, {"request_timeout": 2}),
        ({"thread": 3}, {"senders": 3}),
        ({"max_queue_size": 10_000}, {"max_queue_bytes": 40_960_000}),
        ({"max_queue_size": 1}, {"max_queue_bytes": 4 * 1024 * 1024}),
        ({"max_queue_size": 10**9}, {"max_queue_bytes": 1024**3}),
        ({"host": "https://app.posthog.com/"}, {"endpoint": "https://us.i.posthog.com"}),
        ({"host": "https://eu.posthog.com"}, {"endpoint": "https://eu.i.posthog.com"}),
        ({"host": "https://ph.example.com/ingest/"}, {"endpoint": "https://ph.example.com/ingest"}),
        ({"endpoint": "https://us.posthog.com"}, {"endpoint": "https://us.i.posthog.com"}),
        ({"capture_mode": "analytics_v1"}, {"capture_mode": "v1"}),
        ({"capture_mode": None}, {}),
        ({"historical_migration": True}, {"historical_migration": True}),
        ({"super_properties": {"a": 1}}, {"super_properties": {"a": 1}}),
        ({"disable_geoip": False}, {"disable_geoip": False}),
        ({"is_server": False}, {"is_server": False}),
        ({"sync_mode": True, "debug": True}, {"sync_mode": True, "debug": True}),
        ({"batch_size": 9, "on_full": "block"}, {"batch_size": 9, "on_full": "block"}),
        ({"privacy_mode": False, "metrics": None, "traces": None}, {}),
    ],
)
def test_names_of_the_posthog_package(given, expected):
    assert translated(given).client == {"dialect": "posthog", **expected}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"flush_at": 0}, "flush_at"),
        ({"flush_at": "7"}, "flush_at"),
        ({"flush_interval": -1}, "flush_interval"),
        ({"gzip": "yes"}, "gzip"),
        ({"capture_compression": "deflate"}, "capture_compression"),
        ({"capture_compression": 7}, "capture_compression"),
        ({"max_retries": -1}, "max_retries"),
        ({"max_retries": True}, "max_retries"),
        ({"timeout": 0}, "timeout"),
        ({"thread": 0}, "thread"),
        ({"max_queue_size": 0}, "max_queue_size"),
        ({"send": 1}, "send"),
        ({"host": "no url"}, "host"),
        ({"host": 7}, "host"),
        ({"capture_mode": "v7"}, "capture_mode"),
        ({"on_error": "text"}, "on_error"),
        ({"is_server": "yes"}, "is_server"),
        ({"poll_interval": 0}, "poll_interval"),
        ({"feature_flags_request_timeout_seconds": -1}, "feature_flags_request_timeout_seconds"),
        ({"feature_flags_request_max_retries": 10}, "feature_flags_request_max_retries"),
        ({"enable_local_evaluation": 1}, "enable_local_evaluation"),
        ({"flag_definition_cache_provider": object()}, "flag_definition_cache_provider"),
        ({"enable_exception_autocapture": "yes"}, "enable_exception_autocapture"),
        ({"exception_autocapture_bucket_size": 101}, "exception_autocapture_bucket_size"),
        ({"exception_autocapture_refill_interval_seconds": -1}, "exception_autocapture_refill_interval_seconds"),
        ({"project_root": 7}, "project_root"),
        ({"in_app_modules": "one"}, "in_app_modules"),
        ({"in_app_modules": [1]}, "in_app_modules"),
        ({"code_variables_mask_patterns": ["("]}, "code_variables_mask_patterns"),
        ({"code_variables_ignore_patterns": [1]}, "code_variables_ignore_patterns"),
        ({"metrics": {}}, "metrics"),
        ({"privacy_mode": True}, "privacy_mode"),
        ({"dialect": "segment"}, "dialect"),
        ({"flush_att": 7}, "flush_att"),
    ],
)
def test_what_is_not_allowed_is_named(given, named):
    with pytest.raises(ConfigError) as caught:
        translated(given)
    assert caught.value.field == named
    assert f"Config.{named}: " in str(caught.value)


@pytest.mark.parametrize(
    ("given", "both"),
    [
        ({"flush_at": 7, "batch_size": 7}, ("flush_at", "batch_size")),
        ({"gzip": True, "compression": "none"}, ("gzip", "compression")),
        ({"gzip": True, "capture_compression": "zstd"}, ("gzip", "capture_compression")),
        ({"host": "http://a", "endpoint": "http://b"}, ("host", "endpoint")),
        ({"send": False, "transport": CapturingTransport()}, ("send", "transport")),
        ({"timeout": 1, "request_timeout": 2}, ("timeout", "request_timeout")),
    ],
)
def test_two_names_for_one_thing_contradict_each_other(given, both):
    with pytest.raises(ConfigError) as caught:
        translated(given)
    assert all(name in str(caught.value) for name in both)


def test_host_by_position_and_endpoint_contradict_each_other():
    with pytest.raises(ConfigError, match="host"):
        Posthog("phc", "http://127.0.0.1:9", endpoint="http://127.0.0.1:9")


def test_no_name_stands_in_two_tables():
    tables = [set(RENAMED), set(OWN_SETTINGS), set(FLAG_SETTINGS), set(NOT_OFFERED), set(Config.names())]
    assert sum(map(len, tables)) == len(set.union(*tables))


@pytest.mark.parametrize("key", ["", "  \n", None])
def test_without_a_key_nothing_is_sent_and_one_line_says_so(server, caplog, key):
    with caplog.at_level(logging.WARNING, "fastbatch"):
        posthog = Posthog(key, server.url(), secret_key="phx")
        for _ in range(3):
            assert posthog.capture("e", distinct_id="u") is None
        assert posthog.get_feature_flag("f", "u") is None
        posthog.disabled = False
        assert posthog.disabled is True
    assert len(caplog.records) == 1
    assert posthog.stats().refused == {"disabled": 3}
    posthog.shutdown()
    assert server.requests == []


def test_a_key_is_trimmed_and_known_by_both_names(make_posthog, server, sent):
    assert make_posthog(" phc_a\n").api_key == "phc_a"
    assert Posthog(api_key="phc_b").api_key == "phc_b"
    assert Posthog("phc_b", api_key="phc_b").api_key == "phc_b"
    posthog = make_posthog(" phc_a\n")
    posthog.capture("e", distinct_id="u")
    sent(posthog)
    assert server.requests[0].json["api_key"] == "phc_a"


@pytest.mark.parametrize(
    "arguments",
    [{"project_api_key": 7}, {"api_key": b"x"}, {"project_api_key": "a", "api_key": "b"}, {"project_api_key": "ké"}],
)
def test_keys_that_are_none_are_refused_and_not_shown(arguments):
    with pytest.raises(ConfigError) as caught:
        Posthog(**arguments)
    assert "hidden" in str(caught.value)


@pytest.mark.parametrize("arguments", [{"secret_key": 7}, {"personal_api_key": 7}])
def test_secret_keys_must_be_text(arguments):
    with pytest.raises(ConfigError, match="hidden"):
        Posthog("phc", **arguments)


def test_secret_key_wins_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING, "fastbatch"):
        posthog = Posthog("phc", secret_key="phs", personal_api_key="phx", enable_local_evaluation=False)
    assert "secret_key is used" in caplog.text
    assert "phs" not in caplog.text
    posthog.shutdown()


def test_gzip_and_flush_at_are_seen_on_the_wire(make_posthog, server, sent):
    plain, packed = make_posthog(gzip=False, flush_at=2), make_posthog(gzip=True, flush_at=100)
    for posthog in (plain, packed):
        for _ in range(4):
            posthog.capture("e", distinct_id="u")
        sent(posthog)
    encodings = [request.headers.get("content-encoding") for request in server.requests]
    assert encodings == [None, None, "gzip"]


def test_retries_are_counted_as_the_posthog_package_does(make_posthog, server):
    server.then(*[answer(503)] * 10)
    posthog = make_posthog(max_retries=1, retry_after=lambda _: 0.0)
    posthog.capture("e", distinct_id="u")
    posthog.flush(5.0)
    assert len(server.requests) == 2
    assert posthog.stats().dropped == {"retries_exhausted": 1}


def test_on_error_hears_of_each_batch_once(make_posthog, server):
    heard = []
    server.then(answer(401), answer(200), answer(401))
    posthog = make_posthog(on_error=lambda error, batch: heard.append((error, batch)), flush_at=3)
    for number in range(9):
        posthog.capture("e", distinct_id="u", properties={"n": number})
        if number % 3 == 2:
            posthog.flush(5.0)
    assert [[event["properties"]["n"] for event in batch] for _, batch in heard] == [[0, 1, 2], [6, 7, 8]]
    assert {type(error).__name__ for error, _ in heard} == {"DeliveryError"}


def test_on_error_leaves_the_programs_own_callbacks_alone(make_posthog, server):
    class Callback:
        def success(self, message):
            heard.append(("success", message["event"]))

        def failure(self, message, error):
            heard.append(("failure", message["event"]))
            raise RuntimeError("on purpose")

    heard: list = []
    server.then(answer(401))
    posthog = make_posthog(
        on_error=lambda _, batch: heard.append(("batch", len(batch))),
        callback=Callback(),
        on_delivery=lambda report: heard.append(("report", report.delivered)),
    )
    posthog.capture("a", distinct_id="u")
    posthog.flush(5.0)
    posthog.capture("b", distinct_id="u")
    posthog.flush(5.0)
    assert heard == [("report", False), ("failure", "a"), ("batch", 1), ("report", True), ("success", "b")]


def test_send_false_does_all_but_send(make_posthog, server):
    seen = []
    posthog = make_posthog(send=False, before_send=lambda event: seen.append(event) or event)
    assert posthog.capture("e", distinct_id="u") is not None
    posthog.flush(5.0)
    assert [event["event"] for event in seen] == ["e"]
    assert posthog.stats().delivered == 1
    assert server.requests == []


def test_sync_mode_sends_before_it_returns(make_posthog, server):
    posthog = make_posthog(sync_mode=True)
    posthog.capture("e", distinct_id="u")
    assert server.requests[0].json["batch"][0]["event"] == "e"


def test_super_properties_and_is_server_and_migration_are_on_the_wire(make_posthog, server, sent):
    posthog = make_posthog(super_properties={"plan": "pro"}, is_server=False, historical_migration=True)
    posthog.capture("e", distinct_id="u", properties={"plan": "free"})
    (event,) = sent(posthog)
    assert event["properties"]["plan"] == "pro"
    assert "$is_server" not in event["properties"]
    assert server.requests[0].json["historical_migration"] is True


def test_capture_mode_v1_is_another_wire(make_posthog, server):
    uuid = "01a1fd95-9b9b-731e-bc15-a940cc2e804b"
    server.then(answer(200, json.dumps({"results": {uuid: {"result": "ok"}}}).encode()))
    posthog = make_posthog(capture_mode="v1")
    posthog.capture("e", distinct_id="u", uuid=uuid)
    posthog.flush(5.0)
    (request,) = server.requests
    assert request.path == "/i/v1/analytics/events"
    assert request.json["batch"][0]["uuid"] == uuid


@pytest.mark.parametrize(("text", "expected"), [("v1", "v1"), ("Legacy", "v0"), ("nonsense", None), ("  ", None)])
def test_the_environment_may_name_the_capture_mode(monkeypatch, text, expected):
    monkeypatch.setenv("POSTHOG_CAPTURE_MODE", text)
    assert translated({}).client.get("capture_mode") == expected
    assert translated({"capture_mode": "v0"}).client["capture_mode"] == "v0"


def test_before_send_is_live_and_may_change_the_uuid(make_posthog, sent):
    other = "01a1fd95-9b9b-731e-bc15-a940cc2e804b"
    posthog = make_posthog()
    posthog.capture("one", distinct_id="u")
    posthog.before_send = lambda event: {**event, "event": "changed", "uuid": other}
    assert posthog.capture("two", distinct_id="u") == other
    posthog.before_send = lambda _: None
    assert posthog.capture("three", distinct_id="u") is None
    posthog.before_send = None
    assert posthog.capture("four", distinct_id="u") is not None
    assert [event["event"] for event in sent(posthog)] == ["one", "changed", "four"]
    with pytest.raises(ConfigError, match="before_send"):
        posthog.before_send = "text"


def test_the_release_of_the_environment_is_a_property(monkeypatch, make_posthog, sent):
    monkeypatch.setenv("POSTHOG_RELEASE_ID", " r1 ")
    posthog = make_posthog()
    posthog.capture("e", distinct_id="u")
    posthog.capture("e", distinct_id="u", properties={"$release_id": "own"})
    assert [event["properties"]["$release_id"] for event in sent(posthog)] == ["r1", "own"]


def test_hooks_are_not_installed_unless_asked(make_posthog):
    import sys

    make_posthog()
    assert not isinstance(getattr(sys.excepthook, "__self__", None), Hooks)
