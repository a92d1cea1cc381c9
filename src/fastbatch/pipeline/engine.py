"""Everything below a client: its lanes, their senders, the account; started by the first event, ended by close."""

from __future__ import annotations

import logging
import threading
import time

from fastbatch.config import Config
from fastbatch.core import core_seed, new_core
from fastbatch.core.interface import record_span
from fastbatch.errors import ConfigError
from fastbatch.pipeline import lifecycle
from fastbatch.pipeline.compress import compressor
from fastbatch.pipeline.delivery import Delivery
from fastbatch.pipeline.envelopes import Envelopes
from fastbatch.pipeline.lane import Errand, Lane
from fastbatch.pipeline.ledger import FlushResult, Ledger, Stats
from fastbatch.pipeline.notices import Notices, say
from fastbatch.pipeline.post import Post
from fastbatch.pipeline.reporter import Reporter
from fastbatch.pipeline.sender import Sender
from fastbatch.typing import Dialect, Envelope, Template, Transport

__all__ = ["Engine"]

EVICTED_AT_ONCE = 16
"""Messages that ``on_full="drop_oldest"`` gives up for one that has no room; one at a time would cost more each."""

SETTLING_WAIT = 1.0
"""The longest that `close` waits for the bookkeeping of others, beyond its timeout, seconds."""


class Engine:
    """
    Args:
        config: Settings with all sizes chosen.
        dialect: The client's own.
        write_key: The client's own.
        transport: Where requests go.

    Raises:
        ConfigError: When the sizes contradict each other, or the dialect's servers do not take the compression.
    """

    def __init__(self, config: Config, dialect: Dialect, write_key: str, transport: Transport) -> None:
        self._config = config
        self._transport = transport
        self._envelopes = Envelopes(config, dialect, write_key)
        self.max_message_bytes = _checked_longest_message(config, self._envelopes.first(self._envelopes.now()))
        self.notices = Notices(config.logger)
        self.ledger = Ledger()
        self._reporter = Reporter(config.callback, config.on_delivery, config.logger, is_direct=config.sync_mode)
        self.delivery = Delivery(self.ledger, self._reporter, self.notices)
        if config.compression not in dialect.compressions:
            allowed = ", ".join(map(repr, sorted(dialect.compressions)))
            raise ConfigError("compression", config.compression, f"one that {dialect.name} takes: {allowed}")
        compress = compressor(config.compression, config.compression_level)
        post = Post(config, dialect, write_key, transport, compress, self.notices)
        self._sender = Sender(config, dialect, post, self.ledger, self.delivery, self._envelopes)
        count = config.senders if config.ordering else 1
        self.lanes = [self._new_lane(count) for _ in range(count)]
        self._threads: list[threading.Thread] = []
        self._start_lock = threading.RLock()
        self._sync_lock = threading.RLock()
        self._sync_owner = 0
        self._running_senders = 0
        self._has_started = False
        self._without_sender = list(self.lanes)
        self._start_problem = ""
        self._is_problem_told = False

    def _new_lane(self, count: int) -> Lane:
        max_queue_bytes = self._config.max_queue_bytes // count
        core = new_core(max_queue_bytes, self.max_message_bytes, core_seed(), self.ledger.lock)
        return Lane(core, self._config, self.ledger, self._envelopes, max_queue_bytes=max_queue_bytes)

    def add_template(self, template: Template) -> int:
        """Register a template with every lane; returns its number, which is the same in all. One thread at a time."""
        numbers = {lane.core.add_template(template) for lane in self.lanes}
        return numbers.pop()

    # Senders.

    def start(self) -> None:
        """Start the senders, once. No thread runs before the first event."""
        with self._start_lock:
            if self._has_started or self._config.sync_mode:
                return
            lifecycle.finish_at_exit(self)
            count = 1 if self._config.ordering else self._config.senders
            self._without_sender = [lane for lane in self._without_sender if not self._start_senders(lane, count)]
            self._has_started = not self._without_sender
            for lane in self._without_sender:
                # Too many threads for now, and the next event tries again; or the interpreter shuts down, and `flush`
                # and `close` send on the thread that calls them.
                lane.ask_for_wake()
            is_news, self._is_problem_told = not (self._has_started or self._is_problem_told), not self._has_started
        if is_news:
            say(self._config.logger, logging.ERROR, "a sender cannot start: %s", self._start_problem)

    def _start_senders(self, lane: Lane, count: int) -> bool:
        """Start a lane's senders; False when not one can be started."""
        before = len(self._threads)
        for _ in range(count):
            thread = threading.Thread(target=self._run_sender, args=(lane,), name="fastbatch-sender", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                self._start_problem = str(error)
                break
            self._running_senders += 1
            self._threads.append(thread)
        return len(self._threads) > before

    def _run_sender(self, lane: Lane) -> None:
        try:
            self._sender.run(lane)
        finally:
            # `start` holds the lock until all have started; a look at who is alive would show two that end together
            # each other, and the engine would be kept for ever.
            with self._start_lock:
                self._running_senders -= 1
                is_last = self._running_senders == 0
            if is_last:
                self._end()

    def _end(self) -> None:
        if self._config.transport is None:  # else it is the program's, and perhaps another client's too
            self._transport.close()
        lifecycle.forget(self)

    def _has_senders(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def wake(self, lane: Lane) -> None:
        """Tell a sender that the lane has work for it."""
        if not self._has_started:
            self.start()
        lane.wakeup.set()

    def send_now(self) -> None:
        """Send on the calling thread until everything accepted so far has its outcome."""
        for lane in self.lanes:
            lane.flush_up_to(lane.core.snapshot().accepted)
        if self._is_sending():
            return  # a callback or a signal handler: the loop that it interrupts sends this as well
        with self._sync_lock:
            self._send_here(dict.fromkeys(self.lanes, Errand(None, None)))

    def _send_here(self, errands: dict[Lane, Errand]) -> None:
        self._sync_owner = threading.get_ident()
        try:
            for lane, errand in errands.items():
                self._sender.run_errand(lane, errand)
        finally:
            self._sync_owner = 0

    def _is_sending(self) -> bool:
        """Return whether this very thread is a sender, which must not wait for itself."""
        return self._sync_owner == threading.get_ident() or threading.current_thread() in self._threads

    # Waiting.

    def flush(self, timeout: float | None) -> FlushResult:
        """Wait until everything accepted so far has its outcome, ``timeout`` seconds at most."""
        deadline = time.monotonic() + (timeout if timeout is not None else threading.TIMEOUT_MAX)
        delivered, dropped = self.ledger.outcomes()
        marks = {lane: lane.core.snapshot().accepted for lane in self.lanes}
        for lane, mark in marks.items():
            lane.flush_up_to(mark)
        if not self._has_started and self._wait_for(marks, 0.0):
            self.start()  # the thread that was told to may not have come to it yet
        if self._is_sending():
            deadline = 0.0
        elif not self._has_senders():
            self._help(marks, deadline)
        elif self._without_sender:
            self._help({lane: marks[lane] for lane in self._without_sender}, deadline)
        pending = self._wait_for(marks, deadline)
        self._reporter.wait(deadline)
        delivered_now, dropped_now = self.ledger.outcomes()
        return FlushResult(delivered_now - delivered, dropped_now - dropped, pending)

    def _help(self, marks: dict[Lane, int], deadline: float) -> None:
        """Send in the place of senders that cannot be started, or are not yet."""
        if self._sync_lock.acquire(timeout=max(0.0, min(deadline - time.monotonic(), threading.TIMEOUT_MAX))):
            try:
                # In `sync_mode` what a callback reports has nobody else to send it.
                is_sync = self._config.sync_mode
                self._send_here({lane: Errand(None if is_sync else mark, deadline) for lane, mark in marks.items()})
            finally:
                self._sync_lock.release()

    def _wait_for(self, marks: dict[Lane, int], deadline: float) -> int:
        with self.ledger.lock:
            while True:
                pending = sum(lane.pending_below(mark) for lane, mark in marks.items())
                remaining = deadline - time.monotonic()
                if not pending or remaining <= 0:
                    return pending
                self.ledger.lock.wait(min(remaining, threading.TIMEOUT_MAX))

    @property
    def close_timeout(self) -> float:
        """What closing at interpreter exit may take, seconds."""
        return self._config.close_timeout

    def begin_closing(self) -> None:
        """Take no more, and let the senders go as soon as everything has its outcome; does not wait."""
        for lane in self.lanes:
            lane.begin_closing()

    def close_at_exit(self, deadline: float) -> None:
        """Close while the interpreter exits."""
        self.close(max(0.0, deadline - time.monotonic()))

    def close(self, timeout: float | None) -> FlushResult:
        """
        Take no more, wait as `flush` does, then give up what is left and let the senders go.

        What has no outcome by then is dropped: as ``shutdown``, or as ``possibly_delivered`` when an attempt of it is
        under way or ended without an answer.
        """
        deadline = time.monotonic() + (timeout if timeout is not None else threading.TIMEOUT_MAX)
        delivered, dropped = self.ledger.outcomes()
        self.begin_closing()
        self.flush(timeout)
        for lane in self.lanes:
            for shipment in lane.stop():
                is_ambiguous = shipment.is_possibly_delivered or shipment.is_in_attempt
                cause = "possibly_delivered" if is_ambiguous else "shutdown"
                self.delivery.settle(lane, shipment, cause, shipment.status, shipment.detail)
        self._wait_for_settling()
        self._reporter.wait(deadline)
        self._join(deadline)
        self._end()
        self.notices.tell_rest()
        delivered_now, dropped_now = self.ledger.outcomes()
        return FlushResult(delivered_now - delivered, dropped_now - dropped, 0)

    def _wait_for_settling(self) -> None:
        """Wait for senders that were giving a batch its outcome just when `Lane.stop` came; that takes no I/O."""
        deadline = time.monotonic() + SETTLING_WAIT
        with self.ledger.lock:
            while self.ledger.in_flight and not self._is_sending() and (left := deadline - time.monotonic()) > 0:
                self.ledger.lock.wait(left)

    def _join(self, deadline: float) -> None:
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, min(deadline - time.monotonic(), threading.TIMEOUT_MAX)))

    def wait_for_room(self, lane: Lane, deadline: float) -> bool:
        """Wait until some message has its outcome; False when the deadline has passed."""
        # A queue that is full for this message need not hold a batch's worth, and the interval may be long.
        lane.flush_up_to(lane.core.snapshot().accepted)
        with self.ledger.lock:
            remaining = deadline - time.monotonic()
            # Room may have been made between the refusal and here: look again soon.
            return remaining > 0 and (self.ledger.lock.wait(min(remaining, 0.05)) or time.monotonic() < deadline)

    def evict(self, lane: Lane) -> bool:
        """Give up the oldest messages that no sender is sending; False when there are none."""
        # A batch that waits for its retry is older than all that was never taken.
        shipment = lane.take_oldest_retry() or lane.take_unframed(EVICTED_AT_ONCE)
        if shipment is None:
            return False
        cause = "possibly_delivered" if shipment.is_possibly_delivered else "evicted"
        self.delivery.settle(lane, shipment, cause, shipment.status, shipment.detail)
        return True

    # The account.

    def stats(self) -> Stats:
        """Return the account at one instant."""
        ledger = self.ledger
        with ledger.lock:
            queues = [lane.core.snapshot() for lane in self.lanes]
            oldest = min((queue.oldest_ns for queue in queues if queue.oldest_ns), default=0)
            return Stats(
                accepted=sum(queue.accepted for queue in queues) + ledger.unqueued,
                refused=dict(ledger.refused),
                dropped=dict(ledger.dropped),
                delivered=ledger.delivered,
                queued=sum(queue.accepted - queue.taken for queue in queues),
                in_flight=ledger.in_flight,
                queued_bytes=sum(queue.used_bytes for queue in queues),
                batches=ledger.batches,
                attempts=ledger.attempts,
                retries=ledger.retries,
                bytes_framed=ledger.bytes_framed,
                bytes_sent=ledger.bytes_sent,
                oldest_age=max(0.0, (self._config.clock() - oldest) / 1e9) if oldest else 0.0,
                last_error=ledger.last_error,
                healthy=ledger.healthy,
            )


def _checked_longest_message(config: Config, envelope: Envelope) -> int:
    """
    Return the longest message that the queue takes: by its own limit, and such that a batch of one holds it.

    Raises:
        ConfigError: When a batch or the queue cannot hold one message.
    """
    limits = config.limits
    room = limits.max_batch_bytes - len(envelope.head) - len(envelope.tail)
    longest = min(limits.max_message_bytes, room) - (len(envelope.message_head) - 1)
    if longest < 1:
        least = len(envelope.head) + len(envelope.tail) + len(envelope.message_head)
        raise ConfigError("max_batch_bytes", limits.max_batch_bytes, f"more than the {least} bytes of an empty batch")
    lanes = config.senders if config.ordering else 1
    least_queue = record_span(longest) * lanes
    if config.max_queue_bytes < least_queue:
        raise ConfigError("max_queue_bytes", config.max_queue_bytes, f"at least {least_queue} bytes, for one message")
    return longest
