"""Everything below a client: its lanes, their senders, the account; started by the first event, ended by close."""

from __future__ import annotations

import threading
import time
from typing import Any

from fastbatch.config import Config
from fastbatch.core import core_seed, new_core
from fastbatch.core.interface import record_span
from fastbatch.core.pure import rfc3339
from fastbatch.errors import ConfigError
from fastbatch.pipeline import lifecycle
from fastbatch.pipeline.compress import compressor
from fastbatch.pipeline.delivery import Delivery
from fastbatch.pipeline.lane import Lane
from fastbatch.pipeline.ledger import FlushResult, Ledger, Stats
from fastbatch.pipeline.notices import Notices
from fastbatch.pipeline.post import Post
from fastbatch.pipeline.reporter import Reporter
from fastbatch.pipeline.sender import Sender
from fastbatch.typing import Dialect, Envelope, Template, Transport

__all__ = ["Engine"]

EVICTED_AT_ONCE = 16
"""Messages that ``on_full="drop_oldest"`` gives up for one that has no room; one at a time would cost more each."""


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
        self._dialect = dialect
        self._write_key = write_key
        self._transport = transport
        self.max_message_bytes = _longest_record(config, self._envelope())
        self.notices = Notices(config.logger)
        self.ledger = Ledger()
        self._reporter = Reporter(config.callback, config.on_delivery, config.logger, is_direct=config.sync_mode)
        self._delivery = Delivery(self.ledger, self._reporter, self.notices)
        if config.compression not in dialect.compressions:
            allowed = ", ".join(map(repr, sorted(dialect.compressions)))
            raise ConfigError("compression", config.compression, f"one that {dialect.name} takes: {allowed}")
        post = Post(config, dialect, write_key, transport, compressor(config.compression, config.compression_level))
        self._sender = Sender(config, dialect, post, self.ledger, self._delivery, self._envelope)
        count = config.senders if config.ordering else 1
        self.lanes = [self._new_lane(count) for _ in range(count)]
        self._threads: list[threading.Thread] = []
        self._start_lock = threading.RLock()
        self._sync_lock = threading.RLock()
        self._has_started = False

    def _envelope(self) -> Envelope:
        return self._dialect.envelope(self._write_key, rfc3339(self._config.clock(), 3))

    def _new_lane(self, count: int) -> Lane:
        size = self._config.max_queue_bytes // count
        core = new_core(size, self.max_message_bytes, core_seed(), self.ledger.lock)
        return Lane(core, self._config, self.ledger, self._envelope, is_ordered=self._config.ordering is not None)

    def add_template(self, template: Template) -> tuple[int, list[Any]]:
        """Register a template with every lane; returns its number, and the entry of each lane's core."""
        numbers = [lane.core.add_template(template) for lane in self.lanes]
        return numbers[0], [lane.core.entry(number) for lane, number in zip(self.lanes, numbers, strict=True)]

    # Senders.

    def start(self) -> None:
        """Start the senders, once. No thread runs before the first event."""
        with self._start_lock:
            if self._has_started or self._config.sync_mode:
                return
            self._has_started = True
            lifecycle.finish_at_exit(self)
            for lane in self.lanes:
                for _ in range(1 if self._config.ordering else self._config.senders):
                    self._start_sender(lane)

    def _start_sender(self, lane: Lane) -> None:
        thread = threading.Thread(target=self._run_sender, args=(lane,), name="fastbatch-sender", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # The interpreter is shutting down: `flush` and `close` send on the thread that calls them.
            return
        self._threads.append(thread)

    def _run_sender(self, lane: Lane) -> None:
        self._sender.run(lane)
        me = threading.current_thread()
        if not any(thread.is_alive() for thread in self._threads if thread is not me):
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
        with self._sync_lock:
            for lane in self.lanes:
                lane.flush_up_to(lane.core.snapshot().accepted)
                self._sender.run_until_idle(lane, None)

    # Waiting.

    def flush(self, timeout: float | None) -> FlushResult:
        """Wait until everything accepted so far has its outcome, ``timeout`` seconds at most."""
        deadline = time.monotonic() + (timeout if timeout is not None else threading.TIMEOUT_MAX)
        delivered, dropped = self.ledger.outcomes()
        marks = [lane.core.snapshot().accepted for lane in self.lanes]
        for lane, mark in zip(self.lanes, marks, strict=True):
            lane.flush_up_to(mark)
        if not self._has_senders():
            self._send_here(deadline)
        pending = self._wait_for(marks, deadline)
        self._reporter.wait(deadline)
        delivered_now, dropped_now = self.ledger.outcomes()
        return FlushResult(delivered_now - delivered, dropped_now - dropped, pending)

    def _send_here(self, deadline: float) -> None:
        with self._sync_lock:
            for lane in self.lanes:
                self._sender.run_until_idle(lane, deadline)

    def _wait_for(self, marks: list[int], deadline: float) -> int:
        with self.ledger.lock:
            while True:
                pending = sum(lane.pending_below(mark) for lane, mark in zip(self.lanes, marks, strict=True))
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
                self._delivery.abandon(lane, shipment)
        self._reporter.wait(deadline)
        self._join(deadline)
        self._transport.close()
        lifecycle.forget(self)
        self.notices.tell_rest()
        delivered_now, dropped_now = self.ledger.outcomes()
        return FlushResult(delivered_now - delivered, dropped_now - dropped, 0)

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
        """Give up some of the oldest messages that no sender has taken; False when there are none."""
        shipment = lane.take_unframed(EVICTED_AT_ONCE)
        if shipment is None:
            return False
        self._delivery.settle(lane, shipment, "evicted")
        return True

    # The account.

    def stats(self) -> Stats:
        """Return the account at one instant."""
        ledger = self.ledger
        with ledger.lock:
            queues = [lane.core.snapshot() for lane in self.lanes]
            oldest = min((queue.oldest_ns for queue in queues if queue.oldest_ns), default=0)
            return Stats(
                accepted=sum(queue.accepted for queue in queues),
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


def _longest_record(config: Config, envelope: Envelope) -> int:
    """Return the longest message that the queue takes: by its own limit, and such that a batch of one holds it."""
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
