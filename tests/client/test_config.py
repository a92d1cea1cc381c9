"""Settings: what is refused, in which words, and that no word is a secret."""

from __future__ import annotations

import logging
import ssl
import sys
import traceback

import pytest

from fastbatch import Capture, Client, Config, ConfigError, dialects
from fastbatch.config import Settings
from fastbatch.testing import CapturingTransport, FakeClock
from tests.support.faulty_server import answer
from tests.support.transports import Recorder

NAN = float("nan")
BAD = {
    "dialect": ["nope", 5, None],
    "endpoint": ["ftp://x", "x", "http://", "http://h/?q=1", "http://h/#f", "http://h:99999", "http://a b", 5],
    "interval": [0, -1, NAN, float("inf"), "5", None, True],
    "batch_size": [0, -1, 1.5, "5", True, 100_001],
    "max_message_bytes": [0, -1, 1.5, True, 4 * 1024 * 1024 + 1],
    "max_batch_bytes": [0, -1, "5", 4 * 1024 * 1024 + 1, 10],
    "max_queue_bytes": [0, 1023, None, 1.5, 2**40],
    "on_full": ["drop", None, 5, "BLOCK"],
    "block_timeout": [-1, NAN, None, "1"],
    "senders": [0, -1, 65, 1.5, True, None],
    "compression": ["brotli", None, 5, "zstd"],
    "compression_level": [-1, 10, 1.5, "1", True],
    "request_timeout": [0, -1, NAN, None],
    "retry_after": [5, "x"],
    "max_attempts": [0, -1, 1.5, None],
    "delivery_timeout": [0, -1, NAN, "1"],
    "close_timeout": [-1, NAN, None],
    "ordering": ["anonymous", 5, True],
    "default_context": [5, "x", [1], {"a": object()}],
    "integrations": [5, "x", [1], {"a": object()}],
    "callback": [5, object(), lambda: None],
    "on_delivery": [5, "x"],
    "logger": [5, None, "fastbatch"],
    "verbose": [1, None, "true"],
    "sync_mode": [1, None],
    "disabled": [1, None],
    "debug": [1, None, "true"],
    "before_send": [5, "x"],
    # The last of each is right, and means nothing to Segment.
    "capture_mode": ["v2", None, 1, "v1"],
    "historical_migration": [1, None, True],
    "disable_geoip": [1, "no", False],
    "super_properties": [5, "x", [1], {"a": object()}, {"a": 1}],
    "is_server": [1, None, False],
    "transport": [5, object()],
    "clock": [5, None],
    "proxy": ["x", "ftp://h", 5],
    "ca_file": ["/nonexistent", 5],
    "ssl_context": [5, "x"],
    "headers": [5, {"a": 5}, {"a": "b\r\nc: d"}, {5: "a"}],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD.items() for value in values], ids=str
)
def test_a_bad_setting_names_itself_its_value_and_what_is_allowed(backend, name, value):
    """One exception for all of them, raised before anything starts."""
    with pytest.raises(ConfigError) as caught:
        Client("WK", **{name: value})
    assert caught.value.field == name
    assert f"Config.{name}: " in str(caught.value)
    assert len(caught.value.allowed) > 3
    if name not in {"proxy", "headers"}:
        assert repr(value)[:20] in str(caught.value)


def test_the_table_above_has_every_setting():
    """A new setting needs its bad values."""
    assert set(BAD) == set(Config.names())


def test_settings_and_config_have_the_same_names():
    """The TypedDict is what a type checker knows."""
    assert set(Settings.__annotations__) == set(Config.names())


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"max_batch_bytes": 60}, "max_batch_bytes"),
        ({"max_queue_bytes": 2000}, "max_queue_bytes"),
        ({"max_queue_bytes": 60_000, "ordering": "user", "senders": 2}, "max_queue_bytes"),
        ({"ca_file": __file__, "ssl_context": ssl.create_default_context()}, "ca_file"),
    ],
    ids=str,
)
def test_settings_that_contradict_each_other_are_refused(backend, settings, name):
    """Each may be allowed alone."""
    with pytest.raises(ConfigError, match=name):
        Client("WK", **settings)


@pytest.mark.parametrize(
    "name", ["capture_mode", "historical_migration", "disable_geoip", "super_properties", "is_server"]
)
def test_a_setting_of_posthogs_says_so_with_another_dialect(backend, name):
    """A switch that does nothing would look like one that works."""
    value = {"capture_mode": "v1", "super_properties": {"a": 1}, "historical_migration": True}.get(name, False)
    with pytest.raises(ConfigError, match=rf"{name}.*left out with another dialect than 'posthog'"):
        Client("WK", dialect="rudderstack", **{name: value})
    with pytest.raises(ConfigError, match=rf"{name}.*give it to the dialect's constructor"):
        Client("WK", dialect=dialects.PostHog(), **{name: value})
    Client("WK", dialect="posthog", **{name: value}).close()


class Incomplete:
    """What somebody wrote of a dialect before looking at all of the Protocol."""

    name = "incomplete"
    endpoint = "http://127.0.0.1:9"
    headers = "no method"

    def template(self): ...
    def envelope(self): ...
    def verdict(self): ...


class Nameless(dialects.BaseDialect):
    """It inherits nearly all."""

    endpoint = "http://127.0.0.1:9"


INCOMPLETE = {
    "three methods": (
        Incomplete(),
        "attempt_headers, compressions, draft, fields, headers, keeps_envelope, limits, max_response_bytes, quick, re",
    ),
    "a subclass without a name": (Nameless(), "name"),
    "one method": (type("One", (), {"verdict": dialects.Segment.verdict})(), "attempt_headers, compressions, draft,"),
}


@pytest.mark.parametrize(("dialect", "lacks"), INCOMPLETE.values(), ids=INCOMPLETE)
def test_an_incomplete_dialect_is_told_what_it_lacks(backend, dialect, lacks):
    """Before anything of it is used, with an endpoint of the client's own as well."""
    for settings in ({}, {"endpoint": "http://127.0.0.1:9"}):
        with pytest.raises(ConfigError, match=f"Dialect Protocol, of which this one lacks {lacks}") as caught:
            Client("WK", dialect=dialect, **settings)
        assert caught.value.field == "dialect"


def test_posthogs_settings_come_from_the_environment(backend, monkeypatch, server):
    """Truths, an object and a word."""
    for name, text in {
        "DIALECT": "posthog", "ENDPOINT": server.url(), "CAPTURE_MODE": "v1", "HISTORICAL_MIGRATION": "true",
        "DISABLE_GEOIP": "0", "SUPER_PROPERTIES": '{"team": "a"}', "IS_SERVER": "no", "DEBUG": "false",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"FASTBATCH_{name}", text)
    server._default = answer(200, b'{"results":{}}')
    with Client.from_env("phc_x") as client:
        client.enqueue(Capture(distinct_id="u", event="e"))
    [request] = server.requests
    assert (request.path, request.json["historical_migration"]) == ("/i/v1/analytics/events", True)
    properties = request.json["batch"][0]["properties"]
    assert properties["team"] == "a"
    assert not {"$geoip_disable", "$is_server"} & set(properties)


def test_an_unknown_setting_is_refused_and_the_known_ones_named():
    """A misspelt name must not be ignored, and its value may be a secret."""
    with pytest.raises(ConfigError, match=r"flush_at.*batch_size") as caught:
        Client("WK", flush_at="s3cret")  # type: ignore[call-arg]
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("key", ["", None, 5, b"WK", "a\nb", "ключ"])
def test_a_bad_write_key_is_refused_and_not_shown(key):
    """Its text would otherwise end in a header, or in a log."""
    with pytest.raises(ConfigError, match=r"write_key.*hidden"):
        Client(key)


SECRET = "s3cret"
LEAKS = [
    {"proxy": f"http://user:{SECRET}@"},
    {"headers": {"X-Token": f"{SECRET}\n"}},
    {"endpoint": f"http://user:{SECRET}@host"},
    {"endpoint": f"ftp://user:{SECRET}@host"},
]


@pytest.mark.parametrize("settings", LEAKS, ids=lambda settings: next(iter(settings)))
def test_no_config_error_shows_a_secret(settings):
    """Neither its text nor its traceback."""
    with pytest.raises(ConfigError) as caught:
        Client("WK", **settings)
    assert SECRET not in "".join(traceback.format_exception(caught.value)[-1:])
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize(
    ("name", "text"), [("HEADERS", '{"X-Token": "s3cret"'), ("TRANSPORT", "s3cret"), ("PROXY", "s3cret")]
)
def test_no_variable_shows_a_secret(monkeypatch, name, text):
    """A typing error in JSON must not end in a log."""
    monkeypatch.setenv(f"FASTBATCH_{name}", text)
    with pytest.raises(ConfigError, match=name.lower()) as caught:
        Client.from_env("WK")
    assert SECRET not in str(caught.value)


def test_settings_come_from_the_environment(backend, monkeypatch, server):
    """Numbers, truths and objects are read as such; arguments win."""
    for name, text in {
        "WRITE_KEY": "WK", "ENDPOINT": server.url(), "BATCH_SIZE": "2", "VERBOSE": "true", "INTERVAL": "0.5",
        "HEADERS": '{"X-A": "b"}', "DEFAULT_CONTEXT": '{"app": "x"}', "SENDERS": "3",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"FASTBATCH_{name}", text)
    with Client.from_env(senders=1) as client:
        assert (client._config.batch_size, client._config.verbose, client._config.senders) == (2, True, 1)
        client.track("u", "e", {})
    request = server.requests[0]
    assert request.headers["x-a"] == "b"
    assert request.json["batch"][0]["context"]["app"] == "x"


MISSPELT = ["BATCHSIZE", "HEADER", "WRITEKEY", "BACKENDS", "", "FLUSH_AT"]


@pytest.mark.parametrize("name", MISSPELT, ids=lambda name: name or "nothing")
def test_a_misspelt_variable_is_refused_as_a_misspelt_argument_is(monkeypatch, name):
    """Otherwise a default is used, and nobody knows; the value may be a password and is not shown."""
    monkeypatch.setenv(f"FASTBATCH_{name}", SECRET)
    allowed = r"FASTBATCH_WRITE_KEY, FASTBATCH_BACKEND, or FASTBATCH_ and one of BATCH_SIZE, .*, VERBOSE"
    with pytest.raises(
        ConfigError, match=rf"^Config\.FASTBATCH_{name}: '<hidden>' is not allowed; must be {allowed}$"
    ) as caught:
        Client.from_env("WK")
    assert SECRET not in str(caught.value)


def test_what_is_no_setting_is_left_alone(backend, monkeypatch):
    """The key, the core and the data of these tests have variables as well; others have other beginnings."""
    variables = {"FASTBATCH_WRITE_KEY": "WK", "FASTBATCH_SHARED_DATA": "/nowhere", "FASTBATCHSIZE": "5"}
    for name, text in {**variables, "FASTBATCH_BACKEND": backend, "MY_FASTBATCH_BATCHSIZE": "5"}.items():
        monkeypatch.setenv(name, text)
    with Client.from_env(transport=CapturingTransport()) as client:
        assert client._config.batch_size == 250


@pytest.mark.parametrize("status", [200, 400, 503])
def test_no_log_line_holds_a_key_or_a_payload(make_client, server, caplog, status):
    """At DEBUG, on success and on failure; nor does repr()."""
    caplog.set_level(logging.DEBUG)
    server._default = answer(status)
    heard = Recorder()
    client = make_client(
        "k3y-s3cret", verbose=True, batch_size=2, max_attempts=2, retry_after=lambda attempt: 0.0,
        headers={"X-Token": SECRET}, default_context={"token": SECRET}, on_delivery=heard.report,
    )  # fmt: skip
    for _ in range(3):
        client.track("u", SECRET, {"password": SECRET})
    client.flush(5)
    client.close(5)
    with pytest.raises(Exception, match="closed"):
        client.track(SECRET, SECRET, {"password": SECRET})
    said = caplog.text + repr(client) + repr(client.stats()) + repr(heard.reports)
    assert "messages" in said
    assert SECRET not in said


def test_disabled_refuses_quietly(make_client, server):
    """Counted, nothing sent, no thread."""
    client = make_client(disabled=True)
    assert client.track("u", "e", {}) is False
    assert client.identify("u", {}) is False
    assert client.stats().refused == {"disabled": 2}
    assert client.flush(1) == (0, 0, 0)
    assert server.requests == []


def test_sync_mode_returns_with_the_outcome(scripted):
    """Also when it took retries; no thread is started."""
    client, transport = scripted(503, 200, 401, sync_mode=True)
    assert client.track("u", "a", {})
    assert client.stats().delivered == 1
    assert client.track("u", "b", {})
    assert client.stats().dropped == {"rejected": 1}
    assert client._engine._threads == []
    assert transport.events == ["a", "a", "b"]


def test_a_fake_clock_gives_the_times(make_client):
    """The time of a message is the clock's, to the microsecond or the vendor's precision."""
    transport, clock = CapturingTransport(), FakeClock(1_700_000_000.0)
    client = make_client(transport=transport, clock=clock)
    client.track("u", "a", {})
    clock.advance(1.5)
    client.track("u", "b", {})
    client.flush(5)
    times = [message["timestamp"] for message in transport.messages]
    assert times == ["2023-11-14T22:13:20.000Z", "2023-11-14T22:13:21.500Z"]


def test_bytes_are_frozen_when_the_call_returns(scripted):
    """What the caller changes later the wire does not show, and what it gave is as it was."""
    client, transport = scripted()
    properties, context = {"list": [1, 2], "nested": {"a": 1}}, {"app": {"name": "x"}}
    client.track("u", "fast", properties)
    client.track("u", "slow", properties, context)
    client.identify("u", properties, context)
    assert properties == {"list": [1, 2], "nested": {"a": 1}}
    assert context == {"app": {"name": "x"}}
    properties["list"].append(3)
    properties["nested"]["a"] = 2
    context["app"]["name"] = "y"
    client.flush(5)
    for message in transport.sent[0].messages:
        assert message.get("properties", message.get("traits")) == {"list": [1, 2], "nested": {"a": 1}}
    assert transport.sent[0].messages[1]["context"]["app"] == {"name": "x"}


def test_nothing_of_the_callers_is_kept(scripted):
    """Not while it is queued either."""
    client, _ = scripted()
    properties, name = {"list": [1]}, "".join(["an", "event"])
    before = sys.getrefcount(properties), sys.getrefcount(properties["list"]), sys.getrefcount(name)
    client.track("u", name, properties)
    client.track("u", name, properties, {"a": 1})
    assert client.stats().queued == 2
    assert (sys.getrefcount(properties), sys.getrefcount(properties["list"]), sys.getrefcount(name)) == before
