"""Whatever a server says of each event at each attempt: that is the account, and only what it asked for goes again."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastbatch import Capture, Client
from fastbatch.errors import TransportError
from fastbatch.testing import assert_conserved
from fastbatch.typing import Request, Response
from tests.support.capture_v1 import raw_events, results
from tests.support.outcomes import at_once
from tests.support.transports import Recorder
from tests.support.wire import decoded

WORDS = ("ok", "warning", "drop", "retry", "limited", "queued", None)
FINAL = {"ok": "", "warning": "", "queued": "", None: "", "drop": "rejected", "limited": "rejected"}
ATTEMPTS = 5

requests = st.sampled_from(["judge", "judge", "judge", "503", "429", "garbage", "lost", "refused"])
events = st.lists(st.lists(st.sampled_from(WORDS), min_size=ATTEMPTS, max_size=ATTEMPTS), min_size=1, max_size=12)


class Moody:
    """A transport that answers the n-th request as the n-th mood says, and each event by its own list of words."""

    def __init__(self, moods: list[str], words: list[list[str | None]]) -> None:
        self._moods, self._words = moods, words
        self.seen: list[tuple[dict[str, str], dict[str, Any], list[bytes]]] = []

    def send(self, request: Request, timeout: float) -> Response:
        body = decoded(bytes(request.body), request.headers.get("Content-Encoding"))
        parsed = json.loads(body)
        number = len(self.seen)
        self.seen.append((dict(request.headers), parsed, raw_events(body)))
        mood = self._moods[number]
        if mood in ("lost", "refused"):
            raise TransportError(mood, possibly_delivered=mood == "lost")
        if mood == "judge":
            return Response(
                200, {}, results(parsed["batch"], lambda event: self._words[event["properties"]["n"]][number])
            )
        return Response(200 if mood == "garbage" else int(mood), {}, b"nonsense")

    def close(self) -> None: ...


def predicted(moods: list[str], words: list[list[str | None]], most: int) -> tuple[dict[int, str], list[list[int]]]:
    """Return the cause under which each event ends, and which events each request brings."""
    ends: dict[int, str] = {}
    waiting, brought, is_unclear = list(range(len(words))), [], False
    for attempt in range(most):
        brought.append(waiting)
        is_unclear |= moods[attempt] in ("lost", "garbage")
        if moods[attempt] == "judge":
            said = {number: words[number][attempt] for number in waiting}
            ends |= {number: FINAL[word] for number, word in said.items() if word != "retry"}
            waiting = [number for number, word in said.items() if word == "retry"]
        if not waiting:
            return ends, brought
    left = "possibly_delivered" if is_unclear else "retries_exhausted"
    return {**ends, **dict.fromkeys(waiting, left)}, brought


@given(
    st.lists(requests, min_size=ATTEMPTS, max_size=ATTEMPTS),
    events,
    st.integers(1, ATTEMPTS),
    st.sampled_from(["gzip", "none"]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("backend")
def test_each_event_ends_as_the_server_said(moods, words, most, compression):
    """In the account, in the callbacks and in what is sent again: the same bytes, under the same name, in order."""
    transport, heard = Moody(moods, words), Recorder()
    client = Client(
        "phc_x", dialect="posthog", capture_mode="v1", transport=transport, callback=heard, compression=compression,
        max_attempts=most, retry_after=at_once, interval=3600.0, senders=1, max_queue_bytes=8_000_000,
    )  # fmt: skip
    for number in range(len(words)):
        assert client.enqueue(Capture(distinct_id="u", event="e", properties={"n": number}))
    result = client.close(30.0)
    ends, brought = predicted(moods, words, most)

    causes = Counter(ends.values())
    delivered = causes.pop("", 0)
    stats = client.stats()
    assert_conserved(client)
    assert (stats.accepted, stats.delivered, stats.dropped) == (len(words), delivered, causes)
    assert result == (delivered, causes.total(), 0)
    told = {message["properties"]["n"]: "" for message in heard.successes}
    told |= {message["properties"]["n"]: error.cause for message, error in heard.failures}  # type: ignore[attr-defined]
    assert told == ends
    assert len(heard.successes) + len(heard.failures) == len(words)

    assert [[event["properties"]["n"] for event in body["batch"]] for _, body, _ in transport.seen] == brought
    assert [int(headers["PostHog-Attempt"]) for headers, _, _ in transport.seen] == list(range(1, len(brought) + 1))
    assert len({headers["PostHog-Request-Id"] for headers, _, _ in transport.seen}) == 1
    assert len({body["created_at"] for _, body, _ in transport.seen}) == 1
    first = dict(zip(brought[0], transport.seen[0][2], strict=True))
    for numbers, (_, _, texts) in zip(brought, transport.seen, strict=True):
        assert texts == [first[number] for number in numbers]
