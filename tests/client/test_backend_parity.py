"""Two clients with the same seed and clock, one on each backend, send the same bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

import fastbatch.core
from fastbatch import Capture, Client, GroupIdentify, Identify, Properties, Track
from fastbatch.testing import FakeClock, assert_conserved
from tests.support.transports import ScriptedTransport, Sent

pytestmark = pytest.mark.skipif(
    fastbatch.core.NATIVE_PROBLEM is not None, reason="there is no native core here to compare with"
)

SEED = 1234567890123456789
NOON = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)


def report(client: Client) -> None:
    """Report something of every kind, in every form."""
    client.track("u", "plain", {"a": 1})
    client.track("ü€", 'quotes " and \\ and \n', {"é": "日本", '"': "\\", "nested": [{"x": [1.5, None, True]}]})
    client.track("u", "own", {}, {"ip": "::1"}, NOON, "anonymous", {"All": False}, "m-1")
    client.track(None, "anonymous", {}, anonymous_id="a")
    client.track("u", "converted", {"at": NOON, "some": {1}, "large": 2**60})
    client.enqueue(Track(user_id=5, event="built", properties=Properties().set_revenue(39.95).set("plan", "pro")))
    client.enqueue(Identify(user_id="u", traits={"plan": "pro"}))
    client.identify("u", {"email": "u@example.org"})
    client.group("u", "g", {"size": 3})
    client.alias("before", "u")
    client.page("u", "Docs", "Home", {"url": "https://example.org/"})
    client.screen("u", None, "Start", {})
    for number in range(60):
        client.track(f"user-{number}", "many", {"pad": "x" * (number * 37 % 500)})


def report_captures(client: Client) -> None:
    """What PostHog alone takes."""
    client.enqueue(Capture(distinct_id="u", event="seen", properties={"a": 1}, set={"plan": "pro"}, groups={"g": "1"}))
    client.enqueue(Capture(distinct_id="u", event="at noon", timestamp=NOON))
    client.enqueue(GroupIdentify(type="company", key="c", properties={"size": 3}))


def sent_by(
    backend: str, monkeypatch: pytest.MonkeyPatch, calls: list[Callable[[Client], None]], **settings: Any
) -> list[Sent]:
    """Return the requests of a client of ``backend``."""
    with monkeypatch.context() as patch:
        patch.setattr(fastbatch.core, "BACKEND", backend)
        patch.setattr("fastbatch.pipeline.engine.core_seed", lambda: SEED)
        transport = ScriptedTransport(default=lambda sent: 503 if sent.number % 3 == 0 else 200)
        settings = {"interval": 3600.0, "senders": 1, "retry_after": lambda attempt: 0.0, **settings}
        client = Client("WK", transport=transport, **settings)
        # Batches fill while nothing is sent, so that their borders are those of their sizes.
        patch.setattr(client._engine, "wake", lambda lane: None)
        for call in calls:
            call(client)
        patch.undo()
        client.close(10)
        assert_conserved(client)
        assert client.stats().delivered == client.stats().accepted > 60
    return transport.sent


DIALECTS = {
    "segment": [report],
    "rudderstack": [report],
    "posthog": [report, report_captures],
}
SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "small batches": {"max_batch_bytes": 4096, "max_message_bytes": 3000},
    "constants": {"default_context": {"app": {"name": "é"}}, "integrations": {"All": True}, "batch_size": 7},
    "lanes": {"ordering": "user", "batch_size": 7},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_same_seed_and_clock_give_the_same_bodies(monkeypatch, dialect, settings):
    """Byte for byte, head and envelope included, at the first attempt and when they are framed again."""
    native, pure = (
        sent_by(backend, monkeypatch, DIALECTS[dialect], dialect=dialect, clock=FakeClock(), **settings)
        for backend in ("native", "pure")
    )
    assert [sent.body for sent in native] == [sent.body for sent in pure]
    assert [(sent.url, dict(sent.headers)) for sent in native] == [(sent.url, dict(sent.headers)) for sent in pure]
    assert len({sent.body for sent in native}) < len(native)


ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}(-[89ab][0-9a-f]{3}-[0-9a-f]{12})")
TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")


@pytest.mark.parametrize("dialect", ["segment", "rudderstack"])
def test_the_quick_way_gives_the_same_bodies_but_for_the_time(monkeypatch, dialect):
    """The system's clock stamps it, in C where there is one; of an id it makes the first half."""

    def track(client: Client) -> None:
        assert client._track_entry is not None
        for number in range(100):
            client.track(f"ü-{number}", 'e "\\', {"n": number, "pad": "x" * (number * 37 % 500)})

    native, pure = (
        [
            TIME.sub(b"TIME", ID.sub(rb"TIME\1", sent.body))
            for sent in sent_by(backend, monkeypatch, [track], dialect=dialect)
        ]
        for backend in ("native", "pure")
    )
    assert native == pure
    assert b"".join(native).count(b'"messageId":"TIME-') >= 100
