"""The account of every event: what was refused, and what became of what was accepted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["FlushResult", "Ledger", "Stats"]


class FlushResult(NamedTuple):
    """
    What a flush or a close achieved.

    Args:
        delivered: Events delivered while it waited.
        dropped: Events dropped while it waited, for whatever cause.
        pending: Events accepted before the call that have no outcome yet; 0 unless the timeout passed.
    """

    delivered: int
    dropped: int
    pending: int


@dataclass(frozen=True, slots=True)
class Stats:
    """
    A snapshot of a client's account, in which ``accepted == delivered + sum(dropped.values()) + queued + in_flight``.

    Args:
        accepted: Events that `Client.enqueue` took.
        refused: Events that it did not take, by cause.
        dropped: Accepted events that were given up, by cause.
        delivered: Events that the server has.
        queued: Events that no sender has taken yet.
        in_flight: Events that a sender has taken and that have no outcome yet, those that wait for a retry included.
        queued_bytes: What events without an outcome occupy; at most ``max_queue_bytes``.
        batches: Batches that have their outcome; of one whose events were judged apart, its parts.
        attempts: HTTP tries.
        retries: Those of them that were not a batch's first.
        bytes_framed: Length of all bodies before compression.
        bytes_sent: Length of all bodies as sent.
        oldest_age: Age of the oldest queued event, seconds; 0 when there is none.
        last_error: What went wrong last, None when nothing did.
        healthy: False when the last attempt failed.
    """

    accepted: int
    refused: Mapping[str, int]
    dropped: Mapping[str, int]
    delivered: int
    queued: int
    in_flight: int
    queued_bytes: int
    batches: int
    attempts: int
    retries: int
    bytes_framed: int
    bytes_sent: int
    oldest_age: float
    last_error: str | None
    healthy: bool


@dataclass(slots=True)
class Ledger:
    """
    The counts that no core keeps. Change them, and take from a core, with ``lock`` held: a snapshot is then exact.

    Whoever waits on ``lock`` is told of every outcome, which is also what makes room in a queue.
    """

    # Reentrant, as conditions are by default: a signal handler may ask for stats or flush while this thread is inside.
    lock: threading.Condition = field(init=False)
    # The condition's own, for `refuse`: to enter and leave a condition takes longer than to count.
    _mutex: AbstractContextManager[bool] = field(default_factory=threading.RLock, init=False)
    refused: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    unqueued: int = 0
    """Events that were accepted and dropped without coming into a queue."""
    delivered: int = 0
    in_flight: int = 0
    batches: int = 0
    attempts: int = 0
    retries: int = 0
    bytes_framed: int = 0
    bytes_sent: int = 0
    last_error: str | None = None
    healthy: bool = True

    def __post_init__(self) -> None:
        self.lock = threading.Condition(self._mutex)  # type: ignore[arg-type]  # typeshed has no name for an RLock's type

    def refuse(self, cause: str) -> None:
        """Count an event that was not accepted."""
        with self._mutex:
            self.refused[cause] += 1

    def drop_unqueued(self, cause: str) -> None:
        """Count an event that was accepted and dropped at once."""
        with self.lock:
            self.unqueued += 1
            self.dropped[cause] += 1

    def attempt(self, *, is_retry: bool, framed: int, sent: int) -> None:
        """Count an HTTP try."""
        with self.lock:
            self.attempts += 1
            self.retries += is_retry
            self.bytes_framed += framed
            self.bytes_sent += sent

    def judge(self, error: str | None) -> None:
        """Note how the last attempt ended; None is well."""
        with self.lock:
            self.healthy = error is None
            if error is not None:
                self.last_error = error

    def settle(self, messages: int, cause: str) -> None:
        """Count the outcome of messages that were in flight; an empty cause is: delivered."""
        with self.lock:
            self.in_flight -= messages
            self.batches += 1
            if cause:
                self.dropped[cause] += messages
            else:
                self.delivered += messages
            self.lock.notify_all()

    def outcomes(self) -> tuple[int, int]:
        """Return how many events were delivered and how many dropped."""
        with self.lock:
            return self.delivered, sum(self.dropped.values())
