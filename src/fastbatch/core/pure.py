"""
The core in Python: the readable model of the native one, and what runs where that could not be built.

The same interface, the same bytes, the same byte budget; a lock where the native core has none.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from fastbatch.core.interface import (
    MAX_TEMPLATES,
    Batch,
    BodyLimitError,
    Code,
    Snapshot,
    message_length,
    record_span,
)
from fastbatch.core.stamp import ANONYMOUS_SEED, random_62, rfc3339, uuid7
from fastbatch.typing import Envelope, Stamp, Template

__all__ = ["PureCore"]

MAX_VALUES = 4

_STRING = rb'("(?!")[^"\\]*(?:\\.[^"\\]*)*"),'
"""A JSON string that is not empty, and its comma."""


_MALFORMED = "a size is out of range, a template is malformed, or there are too many"
_FROM_CALLER = (Stamp.FIELDS, Stamp.VALUE, Stamp.MEMBERS)


class _Steps:
    """
    A template, prepared: what `PureCore.append` would otherwise find out for each message.

    Args:
        template: As it was registered.

    Raises:
        ValueError: When it has neither the fields once nor some values.
    """

    def __init__(self, template: Template) -> None:
        from_caller = [part for part in template if part in _FROM_CALLER]
        fields, members = from_caller.count(Stamp.FIELDS), from_caller.count(Stamp.MEMBERS)
        values = len(from_caller) - fields
        is_of_values = fields == 0 and 1 <= values <= MAX_VALUES and Stamp.MEMBERS not in from_caller[:-1]
        if (fields, values) != (1, 0) and not is_of_values:
            raise ValueError(_MALFORMED)
        self._continues = members == 1
        self.fixed_length = message_length(template, 0)
        self.pattern = b"".join(b"%b" if isinstance(part, Stamp) else part.replace(b"%", b"%%") for part in template)
        places = [part for part in template if isinstance(part, Stamp)]
        self.stamps = [(place, stamp) for place, stamp in enumerate(places) if stamp not in _FROM_CALLER]
        start = rb"\[" + _STRING * (values - 1) + rb"(?=\{)" if values else rb"\{"
        self._start = re.compile(start, re.DOTALL)

    def split(self, given: bytes) -> list[bytes] | None:
        """Return what the caller gave for the fields or the values; None when it is something else."""
        match = self._start.match(given)
        if match is None or len(given) < 3:
            return None
        last = given[match.end() : -1]
        if self._continues:
            last = last[1:] if last == b"{}" else b"," + last[1:]
        return [*match.groups(), last]

    def is_empty(self, given: list[bytes]) -> bool:
        """Return whether the members that continue an object are none, and so need no comma."""
        return self._continues and given[-1] == b"}"


class _Record(NamedTuple):
    sequence: int
    time_ns: int
    message: bytes


class PureScratch:
    """A sender's memory; here a body is a new object each time."""

    def __init__(self) -> None:
        self.body = memoryview(b"")


class PureCore:
    """See `fastbatch.core.interface.Core`."""

    def __init__(
        self, max_queue_bytes: int, max_message_bytes: int, seed: int, lock: threading.Condition | None = None
    ) -> None:
        self.push = _push
        self._max_queue_bytes = max_queue_bytes
        self._max_message_bytes = max_message_bytes
        self._seed = seed
        self._pid = os.getpid()
        self._templates: list[_Steps] = []
        # Reentrant: a signal handler or a destructor may push while this thread is inside. The caller's own where it
        # has one: the handler may want that next, while another thread holds it and wants to take.
        self._lock = lock or threading.Condition()
        self._pending: deque[_Record] = deque()
        self._pending_bytes = 0
        self._used_bytes = 0
        self._accepted = 0
        self._is_closed = False
        self._wake_at: tuple[int, int] | None = None

    def add_template(self, template: Template) -> int:
        if len(self._templates) == MAX_TEMPLATES:
            raise ValueError(_MALFORMED)
        self._templates.append(_Steps(template))
        return len(self._templates) - 1

    def entry(self, template_number: int) -> tuple[PureCore, int]:
        return self, template_number

    def addresses(self, entry: Any) -> tuple[int, int]:  # noqa: ARG002 the native core needs it
        return 0, 0

    def append(self, template_number: int, fields: bytes, now_ns: int) -> int:
        if os.getpid() != self._pid:
            # Before the lock, which may have been held by another thread when this process was forked.
            return Code.FORKED
        steps = self._templates[template_number]
        given = steps.split(fields)
        if given is None or now_ns < 0:
            return Code.ARGUMENT
        size = steps.fixed_length + len(fields) - steps.is_empty(given)
        if size > self._max_message_bytes:
            return Code.CLOSED if self._is_closed else Code.TOO_LARGE
        span = record_span(size)
        with self._lock:
            while True:
                if self._is_closed:
                    return Code.CLOSED
                if self._used_bytes + span > self._max_queue_bytes:
                    return Code.FULL
                sequence = self._accepted
                record = _Record(sequence, now_ns, self._compose(steps, given, sequence, now_ns))
                # A destructor that ran meanwhile may have appended a message of its own.
                if self._accepted == sequence:
                    break
            self._accepted += 1
            self._used_bytes += span
            self._pending_bytes += span
            self._pending.append(record)
            return Code.WAKE if self._takes_mark() else Code.OK

    def _compose(self, steps: _Steps, given: list[bytes], sequence: int, now_ns: int) -> bytes:
        parts = list(given)
        for place, stamp in steps.stamps:
            parts.insert(place, self._stamp(stamp, sequence, now_ns).encode())
        return steps.pattern % tuple(parts)

    def _stamp(self, stamp: Stamp, sequence: int, now_ns: int) -> str:
        if stamp is Stamp.MESSAGE_ID:
            return uuid7(now_ns, random_62(self._seed, sequence))
        if stamp is Stamp.ANONYMOUS_ID:
            return uuid7(now_ns, random_62(self._seed + ANONYMOUS_SEED, sequence))
        return rfc3339(now_ns, 3 if stamp is Stamp.TIMESTAMP_MS else 6)

    def scratch(self, max_messages: int, max_bytes: int) -> PureScratch:  # noqa: ARG002 the native core needs them
        return PureScratch()

    def take(self, scratch: PureScratch, max_messages: int, max_bytes: int, envelope: Envelope | None) -> Batch | None:
        with self._lock:
            count = self._count_that_fits(max_messages, max_bytes, envelope)
            records = [self._pending.popleft() for _ in range(count)]
            taken_bytes = sum(record_span(len(record.message)) for record in records)
            self._pending_bytes -= taken_bytes  # not in one line: a push that interrupts the sum would be forgotten
        if not records:
            return None
        batch = Batch(records, range(records[0].sequence, records[-1].sequence + 1), records[0].time_ns)
        if envelope is not None:
            self.frame(scratch, batch, max_bytes, envelope)
        return batch

    def _count_that_fits(self, max_messages: int, max_bytes: int, envelope: Envelope | None) -> int:
        if envelope is None:
            return min(max_messages, len(self._pending))
        length = len(envelope.head) + len(envelope.tail)
        count = 0
        # By index: a destructor that runs meanwhile may append, which an iterator does not survive.
        for index in range(min(len(self._pending), max_messages)):
            record = self._pending[index]
            length += (count > 0) + len(envelope.message_head) + len(record.message) - 1
            if length > max_bytes:
                break
            count += 1
        if count == 0 and self._pending:
            raise BodyLimitError
        return count

    def frame(self, scratch: PureScratch, batch: Batch, max_bytes: int, envelope: Envelope) -> None:
        messages = b",".join(envelope.message_head + record.message[1:] for record in batch.refs)
        body = envelope.head + messages + envelope.tail
        if len(body) > max_bytes:
            raise BodyLimitError
        scratch.body = memoryview(body)

    def read(self, batch: Batch) -> list[bytes]:
        return [record.message for record in batch.refs]

    def select(self, batch: Batch, positions: Sequence[int]) -> Batch:
        records = [batch.refs[position] for position in positions]
        return Batch(records, [record.sequence for record in records], batch.oldest_ns)

    def acknowledge(self, batch: Batch) -> None:
        with self._lock:
            released_bytes = sum(record_span(len(record.message)) for record in batch.refs)
            self._used_bytes -= released_bytes

    def arm(self, messages: int, size: int) -> bool:
        with self._lock:
            self._wake_at = (messages, size)
            return self._takes_mark()

    def _takes_mark(self) -> bool:
        if self._wake_at is None:
            return False
        messages, size = self._wake_at
        if len(self._pending) < messages and self._pending_bytes < size:
            return False
        self._wake_at = None
        return True

    def close(self) -> None:
        with self._lock:
            self._is_closed = True

    def snapshot(self) -> Snapshot:
        with self._lock:
            oldest_ns = self._pending[0].time_ns if self._pending else 0
            taken = self._accepted - len(self._pending)
            return Snapshot(self._accepted, taken, self._used_bytes, self._pending_bytes, oldest_ns)


def _push(entry: tuple[PureCore, int], fields: bytes) -> int:
    core, template_number = entry
    return core.append(template_number, fields, time.time_ns())
