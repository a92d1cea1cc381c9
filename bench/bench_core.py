"""The queue alone, native and pure: appending encoded messages, and taking them framed as a body."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest

import workload
from fastbatch import core
from fastbatch.core import core_seed, pure
from fastbatch.typing import Envelope, Stamp

PUSHES = 1_000
QUEUE_BYTES = 64 * 1024 * 1024
BODY_BYTES = 512_000
ROUNDS = 200

TEMPLATE = (
    b'{"type":"track","messageId":"',
    Stamp.MESSAGE_ID,
    b'","timestamp":"',
    Stamp.TIMESTAMP_MS,
    b'","context":{"library":{"name":"analytics","version":"1.0.0"}},',
    Stamp.FIELDS,
    b"}",
)
ENVELOPE = Envelope(b'{"batch":[', b'],"sentAt":"2026-11-21T10:09:52.945Z"}')


def _fields(number: int) -> bytes:
    sequence = workload.FIRST_SEQUENCE + number
    given = {"userId": workload.user(sequence), "event": workload.EVENT_NAME}
    return orjson.dumps({**given, "properties": workload.properties(sequence)})


FIELDS = tuple(_fields(number) for number in range(PUSHES))


class Queue:
    """A core with its template, and memory for a batch."""

    def __init__(self, backend: str) -> None:
        make = core.native.NativeCore if backend == "native" else pure.PureCore
        self.core: Any = make(QUEUE_BYTES, 32_768, core_seed())
        self.template = self.core.add_template(TEMPLATE)
        self.scratch = self.core.scratch(PUSHES, BODY_BYTES)

    def push_all(self) -> None:
        """Append `PUSHES` messages."""
        push, handle, template, now = self.core.push, self.core.handle, self.template, time.time_ns
        for fields in FIELDS:
            push(handle, template, fields, len(fields), now())

    def take(self, count: int) -> int:
        """Take at most ``count`` messages as one body, acknowledge them, and return how many there were."""
        batch = self.core.take(self.scratch, count, BODY_BYTES, ENVELOPE)
        if batch is None:
            return 0
        self.core.acknowledge(batch)
        return len(batch)

    def drain(self) -> None:
        """Empty the queue: its memory then is as in a running program, touched and free."""
        while self.take(PUSHES):
            pass


@pytest.fixture(params=["native", "pure"])
def queue(request: pytest.FixtureRequest) -> Queue:
    """Return an empty queue of either backend."""
    if request.param == "native" and core.NATIVE_PROBLEM:
        pytest.skip(core.NATIVE_PROBLEM)
    return Queue(request.param)


def test_push_1000_messages(benchmark: Any, queue: Queue) -> None:
    """Append; the clock is read once a message, as the client does."""
    benchmark.pedantic(queue.push_all, setup=queue.drain, rounds=ROUNDS, warmup_rounds=5)
    assert queue.core.snapshot().pending_bytes > 0


@pytest.mark.parametrize("count", [250, 1000])
def test_take_one_batch(benchmark: Any, queue: Queue, count: int) -> None:
    """Take, frame and acknowledge."""

    def refill() -> tuple[tuple[int], dict[str, Any]]:
        queue.drain()
        queue.push_all()
        return (count,), {}

    assert benchmark.pedantic(queue.take, setup=refill, rounds=ROUNDS, warmup_rounds=5) == count
