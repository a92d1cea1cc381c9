"""before_send: what it sees, what becomes of what it returns, and that the account stays exact."""

from __future__ import annotations

import copy
import logging
import uuid
from typing import Any

import pytest

from fastbatch import Capture, MessageTooLargeError, Track
from fastbatch.errors import ClosedError, FieldError
from fastbatch.testing import FakeClock
from tests.support.transports import Recorder

MODES = [
    {"dialect": "posthog"},
    {"dialect": "posthog", "capture_mode": "v1"},
    {"dialect": "segment"},
    {"dialect": "rudderstack"},
]
RESULTS = b'{"results":{}}'


@pytest.fixture
def hooked(scripted):
    """Makes a client with a hook, on a transport whose answers any dialect takes."""

    def make(hook: Any, **settings: Any) -> Any:
        from fastbatch.typing import Response

        settings = {"batch_size": 100, "senders": 1, **settings}
        return scripted(default=lambda sent: Response(200, {}, RESULTS), before_send=hook, **settings)

    return make


@pytest.mark.parametrize("settings", MODES, ids=str)
def test_what_it_returns_is_what_is_sent(hooked, settings):
    """It sees all that would be sent, id and time included, and nothing is added afterwards."""
    shown: list[dict[str, Any]] = []

    def hook(event: dict[str, Any]) -> dict[str, Any]:
        shown.append(copy.deepcopy(event))
        return {**event, "properties": {**event["properties"], "seen": True}}

    client, transport = hooked(hook, clock=FakeClock(1_700_000_000.0), **settings)
    assert client.enqueue(Track(user_id="u", event="e", properties={"a": 1}))
    assert client.flush(5).delivered == 1
    [sent] = transport.sent[0].messages
    [event] = shown
    id_ = event.get("uuid") or event["messageId"]
    assert uuid.UUID(id_).version == 7
    assert (event.get("timestamp") or event["originalTimestamp"]).startswith("2023-11-14T22:13:20.000")
    assert (sent.get("uuid") or sent["messageId"]) == id_
    assert sent["properties"].pop("seen") is True
    if settings.get("capture_mode") == "v1":
        assert "$lib" in event["properties"]
        assert "options" not in event
    else:
        assert {name: sent[name] for name in event} == event
        assert set(sent) - set(event) <= {"sentAt"}


def test_it_owns_what_it_is_shown(hooked):
    """Changing it changes neither the caller's objects nor another event."""

    def hook(event: dict[str, Any]) -> dict[str, Any]:
        event["properties"]["list"].append(2)
        event["properties"].pop("$os", None)
        return event

    client, transport = hooked(hook, dialect="posthog")
    mine = {"list": [1]}
    for _ in range(2):
        client.enqueue(Capture(distinct_id="u", event="e", properties=mine))
    client.flush(5)
    assert mine == {"list": [1]}
    assert [message["properties"]["list"] for message in transport.sent[0].messages] == [[1, 2], [1, 2]]
    assert all("$os" not in message["properties"] for message in transport.sent[0].messages)


class Odd(dict[str, Any]):
    """A subclass is a dict."""


@pytest.mark.parametrize("settings", MODES, ids=str)
def test_what_it_drops_is_accepted_and_dropped_at_once(hooked, settings, caplog):
    """On purpose, so that the log says nothing; the callbacks hear of it."""
    caplog.set_level(logging.INFO)
    heard = Recorder()
    client, transport = hooked(lambda event: None, callback=heard, on_delivery=heard.report, **settings)
    assert client.track("u", "secret-event", {"a": 1}) is True
    assert client.flush(5) == (0, 0, 0)
    heard.wait_until(lambda: len(heard.reports) == 1 and len(heard.failures) == 1)
    stats = client.stats()
    assert (stats.accepted, stats.delivered, stats.queued, stats.dropped) == (1, 0, 0, {"before_send": 1})
    [report] = heard.reports
    assert (report.delivered, report.cause, report.messages, report.attempts) == (False, "before_send", 1, 0)
    assert heard.failures[0][0]["event"] == "secret-event"
    assert transport.sent == []
    assert caplog.records == []


def raises(event: dict[str, Any]) -> dict[str, Any]:
    raise ZeroDivisionError(event["event"])


FAILURES = {
    "it raises": (raises, "it failed with ZeroDivisionError"),
    "a list": (lambda event: [event], "it returned list, not an event or None"),
    "True": (lambda event: True, "it returned bool, not an event or None"),
    "an empty dict": (lambda event: {}, "it returned dict, not an event or None"),
    "no JSON form": (lambda event: {**event, "x": object()}, "it failed with UnserializableError"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_what_it_fails_on_is_dropped_and_said_once(hooked, caplog, case):
    """The program goes on; neither the log nor the report holds anything of the event."""
    hook, words = FAILURES[case]
    heard = Recorder()
    client, transport = hooked(hook, on_delivery=heard.report)
    for _ in range(5):
        assert client.track("u", "secret-event", {"password": "secret-event"}) is True
    client.flush(5)
    stats = client.stats()
    assert (stats.accepted, stats.dropped, transport.sent) == (5, {"before_send": 5}, [])
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"1 event dropped (before_send): {words}"]
    heard.wait_until(lambda: len(heard.reports) == 5)
    assert {report.detail for report in heard.reports} == {words}


def test_properties_that_are_none_any_more_are_dropped_on_the_newer_wire(hooked):
    """V1 has to look into them; an event that it cannot read would cost the whole batch."""
    client, transport = hooked(lambda event: {**event, "properties": 5}, dialect="posthog", capture_mode="v1")
    assert client.track("u", "e", {})
    assert (client.stats().dropped, transport.sent) == ({"before_send": 1}, [])


@pytest.mark.parametrize("settings", MODES[:2], ids=str)
@pytest.mark.parametrize(
    ("given", "is_kept"),
    [("01a1fd95-9b9b-731e-bc15-a940cc2e804b", False), ("nonsense", True), (None, True), (5, True), ("", True)],
)
def test_an_id_that_is_none_any_more_is_the_one_it_was_shown(hooked, settings, given, is_kept):
    """PostHog refuses a whole batch for one; another that is an id replaces it."""
    shown: list[str] = []

    def hook(event: dict[str, Any]) -> dict[str, Any]:
        shown.append(event.pop("uuid"))
        return event if given is None else {**event, "uuid": given}

    client, transport = hooked(hook, **settings)
    client.track("u", "e", {})
    client.flush(5)
    [message] = transport.sent[0].messages
    assert message["uuid"] == (shown[0] if is_kept else given)


def test_it_is_not_asked_about_what_is_refused_anyhow(hooked):
    """A message that is not allowed, a client that is closed, a client that is disabled."""
    asked: list[dict[str, Any]] = []
    client, _ = hooked(asked.append)
    with pytest.raises(FieldError):
        client.track("u", "", {})
    client.close(5)
    with pytest.raises(ClosedError):
        client.track("u", "e", {})
    disabled, _ = hooked(asked.append, disabled=True)
    assert disabled.track("u", "e", {}) is False
    assert asked == []
    assert (client.stats().refused, disabled.stats().refused) == ({"invalid": 1, "closed": 1}, {"disabled": 1})


def test_what_it_makes_too_large_is_refused(hooked):
    """The limit is that of what is sent."""
    client, _ = hooked(lambda event: {**event, "pad": "x" * 40_000})
    with pytest.raises(MessageTooLargeError):
        client.track("u", "e", {})
    assert (client.stats().accepted, client.stats().refused) == (0, {"too_large": 1})


def test_it_may_use_the_client_itself(hooked):
    """No lock is held while it runs."""
    clients: list[Any] = []

    def hook(event: dict[str, Any]) -> dict[str, Any]:
        if event["event"] == "first":
            assert clients[0].track("u", "second", {})
            clients[0].stats()
        return event

    client, transport = hooked(hook)
    clients.append(client)
    assert client.track("u", "first", {})
    assert client.flush(5).delivered == 2
    assert transport.events == ["second", "first"]


def test_ctrl_c_inside_it_passes(hooked):
    """It is the user's, and the event was not accepted."""

    def hook(event: dict[str, Any]) -> dict[str, Any]:
        raise KeyboardInterrupt

    client, _ = hooked(hook)
    with pytest.raises(KeyboardInterrupt):
        client.track("u", "e", {})
    assert client.stats().accepted == 0


@pytest.mark.parametrize("settings", [{"sync_mode": True}, {"ordering": "user", "senders": 2}], ids=str)
def test_it_works_with_the_other_ways_to_send(hooked, settings):
    """The lane is chosen by who the event is about before the hook sees it."""
    client, transport = hooked(lambda event: None if event["event"] == "b" else event, **settings)
    for name in ("a", "b", "c"):
        assert client.track("u", name, {})
    assert client.flush(5).pending == 0
    assert transport.events == ["a", "c"]
    assert client.stats().dropped == {"before_send": 1}


def test_whoever_asks_hears_what_was_made_of_an_event(hooked):
    """The face of PostHog returns the id that is sent, and None for an event that was dropped."""
    client, transport = hooked(
        lambda event: None if event["event"] == "no" else {**event, "event": "yes!"}, dialect="posthog"
    )
    assert client._enqueue_revised(Capture(distinct_id="u", event="no")) == (True, None)
    is_accepted, message = client._enqueue_revised(Capture(distinct_id="u", event="yes"))
    client.flush(5)
    assert is_accepted
    assert transport.sent[0].messages == [message]


@pytest.fixture
def logger():
    """A logger of the test's own, that passes nothing on to pytest's."""
    logger = logging.Logger("mine")
    yield logger
    logger.handlers.clear()


def test_debug_shows_the_log_and_leaves_others_alone(scripted, logger, capsys):
    """One handler, however many clients; neither key nor payload in it."""
    before = list(logging.getLogger().handlers), logging.getLogger().level
    for _ in range(2):
        client, _ = scripted(debug=True, logger=logger, batch_size=1)
        client.track("u", "secret-event", {"a": "secret-value"})
        client.flush(5)
    assert (list(logging.getLogger().handlers), logging.getLogger().level) == before
    [handler] = logger.handlers
    handler.flush()
    said = capsys.readouterr().err
    assert said.count("DEBUG: attempt 1: 1 messages") == 2
    assert "secret" not in said


def test_debug_takes_the_place_that_the_program_chose(scripted, logger):
    """No second handler, and the level lets everything through."""
    mine = logging.NullHandler()
    logger.addHandler(mine)
    logger.setLevel(logging.ERROR)
    scripted(debug=True, logger=logger)
    assert (logger.handlers, logger.level) == ([mine], logging.DEBUG)


def test_debug_leaves_a_logger_alone_that_is_none(scripted):
    """A Protocol of the program's own decides for itself."""

    class Mine:
        def log(self, level: int, text: str, *arguments: object) -> None: ...

        def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
            return False

    client, _ = scripted(debug=True, logger=Mine(), batch_size=1)
    client.track("u", "e", {})
    client.flush(5)
    assert client.stats().delivered == 1
