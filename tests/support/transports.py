"""A transport that does as told and lets a test wait for what happened, without a network."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from fastbatch.typing import Request, Response
from tests.support.wire import decoded

DEADLINE = 10.0


class Sent(NamedTuple):
    """One request, its body without compression."""

    number: int
    """From 0, in the order in which they began."""
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.json["batch"])

    @property
    def events(self) -> list[str]:
        return [message["event"] for message in self.messages]


Answer: TypeAlias = "int | Response | BaseException"


class ScriptedTransport:
    """
    Answers the first requests as the script says, and later ones by ``default``.

    An answer is a status, a response, an exception to raise, or a function of the request that returns one of them.
    """

    def __init__(
        self, *script: Answer | Callable[[Sent], Answer], default: Answer | Callable[[Sent], Answer] = 200
    ) -> None:
        self.sent: list[Sent] = []
        self.closed = 0
        self._script = list(script)
        self._default = default
        self._changed = threading.Condition()
        self._is_open = threading.Event()
        self._is_open.set()

    def hold(self) -> ScriptedTransport:
        """Answer nothing until `release`; requests are recorded as they begin."""
        self._is_open.clear()
        return self

    def release(self) -> None:
        """Answer again, those that wait included."""
        self._is_open.set()

    def wait_for(self, count: int, timeout: float = DEADLINE) -> list[Sent]:
        """Return the requests when ``count`` have begun; AssertionError after ``timeout`` seconds."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.sent) >= count, timeout), f"only {len(self.sent)} requests"
            return list(self.sent)

    @property
    def events(self) -> list[str]:
        """The events of all requests so far."""
        return [event for sent in list(self.sent) for event in sent.events]

    def send(self, request: Request, timeout: float) -> Response:
        body = decoded(bytes(request.body), request.headers.get("Content-Encoding"))
        with self._changed:
            sent = Sent(len(self.sent), request.method, request.url, dict(request.headers), body)
            self.sent.append(sent)
            answer = self._script.pop(0) if self._script else self._default
            self._changed.notify_all()
        assert self._is_open.wait(DEADLINE * 2), "nobody released the transport"
        if callable(answer):
            answer = answer(sent)
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, Response) else Response(answer, {}, b"{}")

    def close(self) -> None:
        self.closed += 1


class Recorder:
    """A `Callback`, and an ``on_delivery`` function, that keeps what it hears and lets a test wait for it."""

    def __init__(self) -> None:
        self.successes: list[dict[str, Any]] = []
        self.failures: list[tuple[dict[str, Any], Exception]] = []
        self.reports: list[Any] = []
        self._changed = threading.Condition()

    def success(self, message: dict[str, Any]) -> None:
        with self._changed:
            self.successes.append(message)
            self._changed.notify_all()

    def failure(self, message: dict[str, Any], error: Exception) -> None:
        with self._changed:
            self.failures.append((message, error))
            self._changed.notify_all()

    def report(self, report: Any) -> None:
        with self._changed:
            self.reports.append(report)
            self._changed.notify_all()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for ``condition()``, which each word changes; AssertionError after some seconds."""
        with self._changed:
            assert self._changed.wait_for(condition, DEADLINE), "the callbacks heard too little"
