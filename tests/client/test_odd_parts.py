"""Transports, dialects, loggers and backoffs of third parties that misbehave: nothing they do stops delivery."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import pytest

from fastbatch import TransportError
from fastbatch.dialects import Segment
from fastbatch.pipeline.backoff import LONGEST_RETRY_AFTER, wait_before_retry
from fastbatch.typing import Response, Verdict
from tests.support.transports import Recorder

ODD = [
    ValueError("secret-value"),
    RecursionError(),
    MemoryError(),
    asyncio.CancelledError(),
    SystemExit(1),
    KeyboardInterrupt(),
    GeneratorExit(),
    StopIteration(),
]


@pytest.mark.parametrize("error", ODD, ids=lambda error: type(error).__name__)
def test_whatever_a_transport_raises_the_batch_is_tried_again(scripted, error, caplog):
    """The thread that sends lives on, and nothing of the exception's text is logged."""
    client, transport = scripted(error, 200, batch_size=1, senders=1)
    client.track("u", "e", {})
    transport.wait_for(2)
    assert client.flush(5).pending == 0
    assert client.stats().delivered == 1
    assert "secret-value" not in caplog.text


def test_an_odd_exception_counts_as_possibly_delivered(scripted):
    """Nobody knows how far a transport that raises had come."""
    client, transport = scripted(ValueError(), default=503, max_attempts=2, batch_size=1)
    client.track("u", "e", {})
    transport.wait_for(2)
    client.flush(5)
    assert client.stats().dropped == {"possibly_delivered": 1}


@pytest.mark.timeout(20)
def test_ctrl_c_in_sync_mode_reaches_the_program_and_the_next_call_works(scripted):
    """The interrupted message is tried again with the next one; nothing waits for an attempt that nobody makes."""
    client, transport = scripted(KeyboardInterrupt(), 200, sync_mode=True)
    with pytest.raises(KeyboardInterrupt):
        client.track("u", "first", {})
    done = threading.Thread(target=client.track, args=("u", "second", {}), daemon=True)
    done.start()
    done.join(5)
    assert not done.is_alive(), "the next call hangs"
    assert client.stats().delivered == 2
    assert sorted(transport.events) == ["first", "first", "second"]


class Odd(Segment):
    """A dialect one of whose methods raises the first ``times`` it is called, once ``armed``."""

    def __init__(self, method: str, times: int = 1) -> None:
        self.method, self.times, self.armed = method, times, False

    def _maybe_raise(self, method: str) -> None:
        if self.armed and self.method == method and self.times > 0:
            self.times -= 1
            raise ZeroDivisionError("secret-value")

    def verdict(self, response):
        self._maybe_raise("verdict")
        return super().verdict(response)

    def envelope(self, write_key, sent_at):
        self._maybe_raise("envelope")
        return super().envelope(write_key, sent_at)

    def attempt_headers(self, attempt):
        self._maybe_raise("attempt_headers")
        return super().attempt_headers(attempt)


@pytest.mark.parametrize("method", ["envelope", "attempt_headers"])
def test_a_dialect_that_raises_before_an_attempt_costs_a_retry(scripted, method):
    """The thread that sends lives on, and the batch is delivered by the next attempt."""
    dialect = Odd(method)
    client, transport = scripted(dialect=dialect, batch_size=2, senders=1)
    dialect.armed = True
    client.track("u", "a", {})
    client.track("u", "b", {})
    assert client.flush(5).pending == 0
    assert sorted(transport.events) == ["a", "b"]


def test_a_dialect_that_always_raises_keeps_the_queue_and_says_so(scripted, caplog):
    """
    Nothing was taken, so nothing is lost: it waits for better times, or is counted when the client is closed.

    Not ``retries_exhausted``, as this test once had it: attempts are HTTP tries, and there was none. What fails is the
    program's own code, perhaps for a moment only, and to give up a batch every few seconds would empty the queue into
    nothing. Memory stays bounded, because the queue is, and nobody is left in the dark: the log, `healthy` and
    `last_error` tell at once.
    """
    dialect = Odd("envelope", times=1000)
    client, transport = scripted(dialect=dialect, batch_size=2, senders=1, max_attempts=3)
    dialect.armed = True
    client.track("u", "a", {})
    client.track("u", "b", {})
    assert client.flush(0.2).pending == 2
    assert not client.stats().healthy
    assert client.stats().attempts == 0
    assert "ZeroDivisionError" in str(client.stats().last_error)
    assert "a sender cannot take a batch: ZeroDivisionError" in caplog.messages
    assert "secret" not in caplog.text
    client.close(0.2)
    assert client.stats().dropped == {"shutdown": 2}
    assert transport.sent == []


def test_a_dialect_that_raises_on_an_answer_drops_the_batch_for_a_cause(scripted):
    """What an answer means nobody else can know."""
    dialect = Odd("verdict")
    heard = Recorder()
    client, _ = scripted(dialect=dialect, batch_size=1, senders=1, on_delivery=heard.report)
    dialect.armed = True
    client.track("u", "a", {})
    client.flush(5)
    client.track("u", "b", {})
    client.flush(5)
    stats = client.stats()
    assert (stats.delivered, stats.dropped) == (1, {"rejected": 1})
    assert "ZeroDivisionError" in heard.reports[0].detail
    assert "secret" not in heard.reports[0].detail


@pytest.mark.parametrize("said", [None, "delivered", Verdict("nonsense"), 5], ids=repr)  # type: ignore[arg-type]
def test_a_dialect_that_returns_no_verdict_does_not_stop_delivery(scripted, said):
    """The batch has some outcome in the end, and the next one is delivered."""

    class Confused(Segment):
        answers = [said]  # noqa: RUF012 the class has one instance

        def verdict(self, response):
            return self.answers.pop() if self.answers else super().verdict(response)

    client, _ = scripted(dialect=Confused(), batch_size=1, senders=1)
    client.track("u", "a", {})
    client.track("u", "b", {})
    assert client.flush(5).pending == 0
    stats = client.stats()
    assert stats.delivered + sum(stats.dropped.values()) == 2
    assert stats.delivered >= 1


class RaisingHandler(logging.Handler):
    """What a logging handler of a third party does on a full disk."""

    def emit(self, record):
        raise OSError("no space left on device")


@pytest.fixture
def raising_logger():
    logger = logging.Logger("of-the-test", logging.DEBUG)
    logger.addHandler(RaisingHandler())
    return logger


def test_a_logging_handler_that_raises_does_not_harm_delivery(scripted, raising_logger):
    """Neither a delivered batch, which would be sent again, nor a dropped one."""
    client, transport = scripted(200, 401, 200, batch_size=1, senders=1, logger=raising_logger, verbose=True)
    for number in range(3):
        client.track("u", f"e{number}", {})
    assert client.flush(5).pending == 0
    assert transport.events == ["e0", "e1", "e2"]
    assert client.stats().dropped == {"rejected": 1}
    assert client.stats().attempts == 3


def test_a_logging_handler_that_raises_does_not_reach_the_caller(scripted, raising_logger):
    """A refused event is a False and a count, whatever becomes of the line about it."""
    client, transport = scripted(max_queue_bytes=1024, max_message_bytes=900, logger=raising_logger)
    transport.hold()
    assert any(client.track("u", "e", {"pad": "x" * 300}) is False for _ in range(10))
    assert client.stats().refused["queue_full"] >= 1


@pytest.mark.parametrize("answer", [float("nan"), -1, "soon", None, object(), 1j], ids=repr)
def test_a_backoff_that_answers_amiss_gives_way_to_the_default(answer, monkeypatch):
    """No number, or a negative one: full jitter is used instead, rather than no wait at all."""
    monkeypatch.setattr("fastbatch.pipeline.backoff.full_jitter", lambda attempt: 0.123)
    assert wait_before_retry(1, None, lambda attempt: answer) == 0.123


def test_a_backoff_that_raises_gives_way_to_the_default(monkeypatch):
    """The batch is not lost for it."""
    monkeypatch.setattr("fastbatch.pipeline.backoff.full_jitter", lambda attempt: 0.123)

    def fail(attempt):
        raise LookupError

    assert wait_before_retry(1, None, fail) == 0.123


def test_a_backoff_is_told_the_attempt_and_bounded():
    """From 1; no batch is parked for longer than five minutes, and what the server asks for is a minimum."""
    assert wait_before_retry(7, None, lambda attempt: attempt / 10) == 0.7
    assert wait_before_retry(1, None, lambda attempt: float("inf")) == LONGEST_RETRY_AFTER
    assert wait_before_retry(1, 2.0, lambda attempt: 0.5) == 2.0
    assert wait_before_retry(1, 2.0, lambda attempt: 5) == 5.0


@pytest.mark.parametrize("odd", ["soon", float("nan"), -5, ArithmeticError], ids=repr)
def test_a_client_with_a_broken_backoff_still_delivers(scripted, odd):
    """End to end."""

    def backoff(attempt):
        if isinstance(odd, type):
            raise odd
        return odd

    client, _ = scripted(503, 200, batch_size=1, retry_after=backoff)
    client.track("u", "e", {})
    assert client.flush(5).pending == 0
    assert client.stats().delivered == 1


def test_a_transport_may_answer_with_anything_that_has_a_status(scripted):
    """A body that is no JSON and headers that are missing are no reason to fail."""
    client, _ = scripted(Response(200, {}, b"\xff\x00"), Response(204, {}, b""), batch_size=1, senders=1)
    client.track("u", "a", {})
    client.track("u", "b", {})
    client.flush(5)
    assert client.stats().delivered == 2


def test_a_slow_transport_is_told_the_timeout(make_client):
    """`request_timeout` is what `Transport.send` gets."""
    heard = []

    class Listening:
        def send(self, request, timeout):
            heard.append(timeout)
            raise TransportError("nobody there", possibly_delivered=False)

        def close(self):
            pass

    client = make_client(transport=Listening(), request_timeout=1.25, max_attempts=1, batch_size=1)
    client.track("u", "e", {})
    began = time.monotonic()
    client.flush(5)
    assert time.monotonic() - began < 2
    assert heard == [1.25]
    assert client.stats().dropped == {"retries_exhausted": 1}
