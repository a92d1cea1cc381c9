"""
A lane: one core, the batches that were taken from it, and the choice of what is sent next.

Senders call `next`, one of them at a time (the turn); the others are sending, or wait for the turn. Who has the turn
sleeps until a batch is worth sending: enough messages or bytes, the interval passed, a flush waits, or a retry is due.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from fastbatch.config import Config
from fastbatch.core import Core
from fastbatch.core.interface import Scratch
from fastbatch.pipeline.envelopes import Envelopes
from fastbatch.pipeline.ledger import Ledger
from fastbatch.pipeline.shipment import Shipment
from fastbatch.pipeline.wakeup import Wakeup

__all__ = ["Errand", "Lane"]

LONGEST_SLEEP = 60.0
"""Nothing is known that would go wrong without it; a sleep without end is never right."""

COMMIT_WAIT = 0.001
"""A record that is claimed and not committed becomes readable within microseconds, unless its thread was preempted."""

COMMIT_PATIENCE = 1.0
"""The longest that `Lane.stop` waits for commits, seconds."""


class Errand(NamedTuple):
    """
    What a thread that is no sender came to send.

    Args:
        up_to: The sequence below which everything shall have its outcome; None is all that there is, and that comes
            meanwhile.
        deadline: Monotonic time at which to give up; None is never.
    """

    up_to: int | None
    deadline: float | None

    def left(self) -> float:
        """Return the seconds until the deadline."""
        return threading.TIMEOUT_MAX if self.deadline is None else self.deadline - time.monotonic()


class Lane:
    """
    Args:
        core: The queue; the lane alone takes from it.
        config: Complete settings.
        ledger: The client's account.
        envelopes: Make the envelopes of bodies.
        max_queue_bytes: What the core may hold. With `Config.ordering` a client has several lanes, and a batch of one
            is only sent after all batches before it have their outcome.
    """

    def __init__(
        self, core: Core, config: Config, ledger: Ledger, envelopes: Envelopes, *, max_queue_bytes: int
    ) -> None:
        limits = config.limits
        self.core = core
        self.wakeup = Wakeup()
        self.outstanding: set[Shipment] = set()
        self._batch_size = limits.batch_size
        self._max_batch_bytes = limits.max_batch_bytes
        # A queue shorter than a batch must not wait for one that it can never hold.
        self._worthwhile_bytes = min(limits.max_batch_bytes, max_queue_bytes // 2)
        self._interval = config.interval
        self._clock = config.clock
        self._ledger = ledger
        self._envelopes = envelopes
        self._is_ordered = config.ordering is not None
        # Reentrant: a signal handler may close the client whose calling thread it interrupts here (`sync_mode`).
        self._turn = threading.RLock()
        self._retries: list[tuple[float, int, float, Shipment]] = []
        self._ties: Iterator[int] = itertools.count()
        self._prefers_retries = True
        self._errand: Errand | None = None
        """Of who has the turn."""
        self._flush_to = 0
        self._noticed_at: float | None = None
        self._is_closing = False
        self._is_stopped = False
        core.arm(1, 1)

    # What senders ask.

    def scratch(self) -> Scratch:
        """Return memory for a sender of this lane."""
        return self.core.scratch(self._batch_size, self._max_batch_bytes)

    def next(self, scratch: Scratch, errand: Errand | None = None) -> Shipment | None:
        """
        Wait for the next thing to send.

        Args:
            scratch: Where a new batch is framed.
            errand: What to send before returning None, for a thread that is no sender.

        Returns:
            None when the caller should stop.
        """
        if not self._take_turn(errand):
            return None
        interrupted, self._errand = self._errand, errand  # by a signal handler, which has the same turn
        try:
            shipment = self._wait_for_work(scratch, errand)
        finally:
            self._errand = interrupted
            self._turn.release()
        if shipment is None:
            # Whoever takes the turn next finds out for itself.
            self.wakeup.set()
        return shipment

    def _take_turn(self, errand: Errand | None) -> bool:
        if errand is None:
            return self._turn.acquire()
        if errand.up_to is not None:
            # Whoever has the turn is a sender, knows up to where to send, and may keep the turn while it sleeps.
            return self._turn.acquire(blocking=False)
        return self._turn.acquire(timeout=min(max(0.0, errand.left()), threading.TIMEOUT_MAX))

    def _wait_for_work(self, scratch: Scratch, errand: Errand | None) -> Shipment | None:
        while not (self._is_stopped or self._is_over(errand)):
            shipment = self._choose(scratch)
            if shipment is not None:
                return shipment
            if (self._is_closing or errand is not None) and self._is_idle():
                break
            pause = self._pause()
            self.wakeup.wait(pause if errand is None else min(pause, errand.left()))
        return None

    def _is_over(self, errand: Errand | None) -> bool:
        """Return whether an errand ends whatever there still is to send."""
        if errand is None:
            return False
        if errand.left() <= 0:
            return True
        with self._ledger.lock:
            return errand.up_to is not None and self.pending_below(errand.up_to) == 0

    def rest(self, seconds: float) -> None:
        """Do nothing for a while, after a failure; `stop` cuts it short."""
        if not self._is_stopped:
            self.wakeup.wait(seconds)

    def read(self, shipment: Shipment) -> list[bytes]:
        """Return copies of a shipment's messages; none when it has its outcome, and their space is given back."""
        with self._ledger.lock:
            return [] if shipment.is_settled else self.core.read(shipment.batch)

    def retry(self, shipment: Shipment, wait: float) -> bool:
        """Offer a shipment without outcome again after ``wait`` seconds; False when nobody sends any more."""
        due = time.monotonic() + wait
        with self._ledger.lock:
            if shipment.is_settled:
                return True
            shipment.is_in_attempt = False
            if self._is_stopped:
                return False
            shipment.is_offered = True
            order = shipment.batch.sequences[0] if self._is_ordered else due
            heapq.heappush(self._retries, (order, next(self._ties), due, shipment))
        self.wakeup.set()
        return True

    def divide(self, shipment: Shipment, shares: list[Shipment]) -> bool:
        """Put a shipment's shares in its place; False when it has its outcome, and its space is given back."""
        with self._ledger.lock:
            if shipment.is_settled:
                return False
            shipment.is_settled = True
            shipment.parts = shares
            self.outstanding.discard(shipment)
            self.outstanding.update(shares)
            return True

    def replace(self, shipment: Shipment, parts: list[Shipment]) -> None:
        """Offer the parts of a shipment instead of the whole, at once."""
        with self._ledger.lock:
            if shipment.is_settled or self._is_stopped:
                return  # `stop` has named the whole, and its caller settles it
            self.outstanding.discard(shipment)
            self.outstanding.update(parts)
            for part in parts:
                self.retry(part, 0.0)

    def settled(self, shipment: Shipment) -> None:
        """Forget a shipment that has its outcome. The ledger's lock is held."""
        self.outstanding.discard(shipment)
        if self._is_closing or self._errand is not None or not self.outstanding:
            self.wakeup.set()  # somebody may wait for just that

    # What the client asks.

    def flush_up_to(self, sequence: int) -> None:
        """Send what is queued below this sequence without waiting for batches to fill."""
        with self._ledger.lock:
            self._flush_to = max(self._flush_to, sequence)
        self.wakeup.set()

    def ask_for_wake(self) -> None:
        """Let the next message ask for a sender, in a lane that could not be given one."""
        beyond = 1 << 62
        while self.core.arm(self._waiting() + 1, beyond):
            pass

    def _waiting(self) -> int:
        queue = self.core.snapshot()
        return queue.accepted - queue.taken

    def pending_below(self, sequence: int) -> int:
        """Return how many messages below this sequence have no outcome. The ledger's lock is held."""
        untaken = max(0, sequence - self.core.snapshot().taken)
        return untaken + sum(bisect_left(shipment.batch.sequences, sequence) for shipment in self.outstanding)

    def begin_closing(self) -> None:
        """Take no more messages, send what there is, and let the senders go."""
        self.core.close()
        self._is_closing = True
        self.flush_up_to(self.core.snapshot().accepted)

    def stop(self) -> list[Shipment]:
        """Let the senders go now; returns what is left, to be settled."""
        with self._ledger.lock:
            self._is_stopped = True
            self.wakeup.set()
            # A message whose thread was preempted between claim and commit is waited for, and not for ever.
            deadline = time.monotonic() + COMMIT_PATIENCE
            while self.take_unframed(10_000) is not None or self._has_queued():
                if time.monotonic() > deadline:
                    break
                if self._has_queued():
                    # Others may use the account meanwhile; a sender that still takes something leaves it outstanding.
                    self._ledger.lock.wait(COMMIT_WAIT)
            return list(self.outstanding)

    def _has_queued(self) -> bool:
        # Bytes, because an append charges them before it has a number; a closed core charges no more.
        return self.core.snapshot().pending_bytes > 0

    def take_unframed(self, most: int) -> Shipment | None:
        """Take the oldest messages without framing them, in order to settle them."""
        with self._ledger.lock:
            batch = self.core.take(self.core.scratch(most, 0), most, 0, None)
            if batch is None:
                return None
            shipment = Shipment(batch)
            self.outstanding.add(shipment)
            self._ledger.in_flight += len(batch)
            return shipment

    def take_oldest_retry(self) -> Shipment | None:
        """Take the oldest of the batches that wait for their retry, in order to settle it."""
        with self._ledger.lock:
            if not self._retries:
                return None
            oldest = min(self._retries, key=lambda entry: entry[3].batch.sequences[0])
            self._retries.remove(oldest)
            heapq.heapify(self._retries)
            return oldest[3]

    # The choice, made by whoever has the turn.

    def _choose(self, scratch: Scratch) -> Shipment | None:
        if self._is_ordered:
            # While a batch waits for its retry, or is with another thread, no later one may pass it.
            if len(self.outstanding) > len(self._retries):
                return None
            return self._due_retry() if self._retries else self._fresh(scratch)
        self._prefers_retries = not self._prefers_retries
        if self._prefers_retries:
            return self._due_retry() or self._fresh(scratch)
        return self._fresh(scratch) or self._due_retry()

    def _due_retry(self) -> Shipment | None:
        with self._ledger.lock:
            if not self._retries or self._retries[0][2] > time.monotonic():
                return None
            return heapq.heappop(self._retries)[3]

    def _fresh(self, scratch: Scratch) -> Shipment | None:
        if not self._is_worth_taking():
            return None
        now = self._envelopes.now()
        envelope = self._envelopes.first(now)  # a third party's code, so not under the lock
        with self._ledger.lock:
            try:
                batch = self.core.take(scratch, self._batch_size, self._max_batch_bytes, envelope)
            except ValueError:
                # The envelope has grown since the message was accepted, and no batch holds it: the sender finds out.
                return self.take_unframed(1)
            if batch is None:
                return None
            self._noticed_at = None
            shipment = Shipment(batch, is_framed=True, created_at=now)
            self.outstanding.add(shipment)
            self._ledger.in_flight += len(batch)
            return shipment

    def _is_worth_taking(self) -> bool:
        while True:
            if self.core.arm(self._batch_size, self._worthwhile_bytes):
                return True
            queue = self.core.snapshot()
            if queue.taken != queue.accepted:
                break
            self._noticed_at = None
            # The first message wakes us, and the interval begins. One that came since the snapshot wakes nobody, and
            # is no reason to send it alone: look again.
            if not self.core.arm(1, 1):
                return False
        if queue.taken < self._flush_to or self._is_closing:
            return True
        now = time.monotonic()
        # Two clocks: the wall clock knows how old the oldest message is, but may be set back.
        age = (self._clock() - queue.oldest_ns) / 1e9 if queue.oldest_ns else 0.0
        if self._noticed_at is None:
            # It may have waited for a while already, when all senders were busy.
            self._noticed_at = now - min(max(0.0, age), self._interval)
        return age >= self._interval or now - self._noticed_at >= self._interval

    def _pause(self) -> float:
        now = time.monotonic()
        pauses = [LONGEST_SLEEP]
        if self._noticed_at is not None:
            pauses.append(self._noticed_at + self._interval - now)
        with self._ledger.lock:
            if self._retries:
                pauses.append(self._retries[0][2] - now)
        queue = self.core.snapshot()
        if self._is_ordered and self.outstanding:
            return max(0.0, min(pauses))  # nothing can be taken; the outcome, or the retry, wakes us
        if queue.pending_bytes and (queue.oldest_ns == 0 or queue.taken < self._flush_to):
            pauses.append(COMMIT_WAIT)
        return max(0.0, min(pauses))

    def _is_idle(self) -> bool:
        with self._ledger.lock:
            return not self.outstanding and not self._has_queued()
