"""A server of PostHog's Capture V1 that judges each event as a test says, and is as strict as PostHog's own."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from tests.support.faulty_server import FaultyServer, Reply
from tests.support.wire import Recorded

PATH = "/i/v1/analytics/events"
REQUIRED = ("posthog-sdk-info", "posthog-attempt", "posthog-request-id", "posthog-request-timestamp", "user-agent")

Judgement: TypeAlias = "tuple[str, str | None]"
Judge: TypeAlias = Callable[[dict[str, Any], int], "str | Judgement | None"]


class Seen(NamedTuple):
    """One request: what it was called, and its events, parsed and as they were sent."""

    request_id: str
    attempt: int
    sent_at: str
    created_at: str
    events: list[dict[str, Any]]
    texts: list[bytes]

    @property
    def names(self) -> list[str]:
        return [event["event"] for event in self.events]


def raw_events(body: bytes) -> list[bytes]:
    """Return the texts of the events in a body, byte for byte."""
    text = body.decode()
    decoder, at, texts = json.JSONDecoder(), text.index('"batch":[') + len('"batch":['), []
    while text[at] != "]":
        at += text[at] == ","
        _, end = decoder.raw_decode(text, at)
        texts.append(text[at:end].encode())
        at = end
    return texts


def seen(request: Recorded) -> Seen:
    """Return a request as this wire has it; AssertionError when PostHog's server would refuse it whole."""
    assert request.path == PATH
    assert request.headers["authorization"].startswith("Bearer ")
    assert request.headers["content-type"] == "application/json"
    assert all(request.headers.get(name) for name in REQUIRED), request.headers
    body = request.json
    assert set(body) - {"historical_migration"} == {"created_at", "batch"}
    ids = [event["uuid"] for event in body["batch"]]
    assert ids == [str(uuid.UUID(each)) for each in ids], "ids in their canonical form"
    assert all(isinstance(event[key], str) for event in body["batch"] for key in ("event", "distinct_id", "timestamp"))
    assert all(isinstance(event[key], dict) for event in body["batch"] for key in ("options", "properties"))
    return Seen(
        str(uuid.UUID(request.headers["posthog-request-id"])),
        int(request.headers["posthog-attempt"]),
        request.headers["posthog-request-timestamp"],
        body["created_at"],
        body["batch"],
        raw_events(request.body),
    )


def results(events: list[dict[str, Any]], judge: Callable[[dict[str, Any]], str | Judgement | None]) -> bytes:
    """Return the body of a 200: what ``judge`` says of each event; None leaves it out."""
    said: dict[str, Any] = {}
    for event in events:
        judgement = judge(event)
        if judgement is None:
            continue
        word, details = (judgement, None) if isinstance(judgement, str) else judgement
        said[event["uuid"]] = {"result": word, **({} if details is None else {"details": details})}
    return json.dumps({"results": said}).encode()


class JudgingServer(FaultyServer):
    """
    Answers each request by the test's judge, and remembers what it saw.

    Args:
        judge: Called with each event, and how often that event has come, from 1; returns its result, or result and
            details.
        headers: Of every answer.
    """

    def __init__(self, judge: Judge = lambda event, times: "ok", headers: dict[str, str] | None = None) -> None:
        super().__init__(default=self._reply)
        self._judge = judge
        self._headers = headers or {}
        self._times: dict[str, int] = {}
        self._lock = threading.Lock()
        self.accepted: dict[str, int] = {}
        """How often each event was taken for good, by its id."""

    @property
    def seen(self) -> list[Seen]:
        """All requests so far."""
        return [seen(request) for request in self.requests]

    def _reply(self, request: Recorded) -> Reply:
        events = seen(request).events
        ids = [event["uuid"] for event in events]
        if len(set(ids)) < len(ids):
            return Reply(400, b'{"error":"duplicate_event_uuid","error_description":"duplicate event uuid"}')
        return Reply(200, results(events, self._judged), self._headers)

    def _judged(self, event: dict[str, Any]) -> str | Judgement | None:
        with self._lock:
            times = self._times[event["uuid"]] = self._times.get(event["uuid"], 0) + 1
            judgement = self._judge(event, times)
            word = judgement if isinstance(judgement, str) or judgement is None else judgement[0]
            if word in ("ok", "warning", None):
                self.accepted[event["uuid"]] = self.accepted.get(event["uuid"], 0) + 1
            return judgement
