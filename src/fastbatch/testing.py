"""
For tests of programs that use fastbatch: a transport that keeps what it is given, a clock that stands still, an audit.

    transport = CapturingTransport()
    client = Client("key", transport=transport)
    ...
    client.close()
    assert [message["event"] for message in transport.messages] == ["Order Completed"]
"""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

from fastbatch.client import Client
from fastbatch.fastjson import loads
from fastbatch.typing import Request, Response
from fastbatch.zstd import zstd

__all__ = ["Captured", "CapturingTransport", "FakeClock", "assert_conserved"]


class Captured(NamedTuple):
    """One request as the server would have seen it, with its body decompressed and decoded."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Any


class CapturingTransport:
    """
    Keeps every request and answers 200, or what it was told to.

    Args:
        *answers:
            What the first requests are answered: a status, or an exception to raise. Later ones get 200.
    """

    def __init__(self, *answers: int | Exception) -> None:
        self.requests: list[Captured] = []
        self._answers = list(answers)
        self._lock = threading.Lock()

    @property
    def messages(self) -> list[dict[str, Any]]:
        """All messages of all requests, in the order of arrival."""
        return [message for request in list(self.requests) for message in request.body["batch"]]

    def send(self, request: Request, timeout: float) -> Response:  # noqa: ARG002 the Protocol's signature
        """Keep the request, and answer."""
        body = _inflated(bytes(request.body), request.headers.get("Content-Encoding"))
        captured = Captured(request.method, request.url, dict(request.headers), loads(body) if body else None)
        with self._lock:
            self.requests.append(captured)
            answer = self._answers.pop(0) if self._answers else 200
        if isinstance(answer, Exception):
            raise answer
        # What PostHog's newer wire wants to read, and nobody else looks at: no word on an event is a good word.
        return Response(answer, {}, b'{"results":{}}')

    def close(self) -> None:
        """Do nothing; a closed client has nothing to let go of here."""


def _inflated(body: bytes, encoding: str | None) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    library = zstd() if encoding == "zstd" else None
    if library is None:
        return body
    with library.reader(io.BytesIO(body)) as reader:
        return reader.read()


class FakeClock:
    """
    A clock for ``Client(clock=...)`` that moves when it is told to.

    Args:
        now: Seconds since 1970.
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now_ns = round(now * 1e9)

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ns += round(seconds * 1e9)


def assert_conserved(client: Client) -> None:
    """Raise AssertionError unless every accepted event of ``client`` is accounted for exactly once."""
    stats = client.stats()
    accounted = stats.delivered + sum(stats.dropped.values()) + stats.queued + stats.in_flight
    assert stats.accepted == accounted, f"accepted {stats.accepted}, accounted for {accounted}: {stats}"
    counts = [
        stats.accepted,
        stats.delivered,
        stats.queued,
        stats.in_flight,
        stats.queued_bytes,
        *stats.dropped.values(),
    ]
    assert min(counts) >= 0, f"a count is negative: {stats}"
