"""The queue alone, native and pure: appending encoded messages, and taking them framed as a body."""

from __future__ import annotations

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

_STAMPED = (
    b'{"type":"track","messageId":"',
    Stamp.MESSAGE_ID,
    b'","timestamp":"',
    Stamp.TIMESTAMP_MS,
    b'","context":{"library":{"name":"analytics","version":"1.0.0"}},',
)
FIELDS_TEMPLATE = (*_STAMPED, Stamp.FIELDS, b"}")
VALUES_TEMPLATE = (
    *_STAMPED,
    b'"userId":',
    Stamp.VALUE,
    b',"event":',
    Stamp.VALUE,
    b',"properties":',
    Stamp.VALUE,
    b"}",
)
ENVELOPE = Envelope(b'{"batch":[', b'],"sentAt":"2026-11-21T10:09:52.945Z"}')


def _given(number: int) -> dict[str, Any]:
    sequence = workload.FIRST_SEQUENCE + number
    return {
        "userId": workload.user(sequence),
        "event": workload.EVENT_NAME,
        "properties": workload.properties(sequence),
    }


FIELDS = tuple(orjson.dumps(_given(number)) for number in range(PUSHES))
VALUES = tuple(orjson.dumps(tuple(_given(number).values())) for number in range(PUSHES))


class Queue:
    """A core with its template, and memory for a batch."""

    def __init__(self, backend: str) -> None:
        make = core.native.NativeCore if backend == "native" else pure.PureCore
        self.core: Any = make(QUEUE_BYTES, 32_768, core_seed())
        self.fields_entry = self.core.entry(self.core.add_template(FIELDS_TEMPLATE))
        self.values_entry = self.core.entry(self.core.add_template(VALUES_TEMPLATE))
        self.scratch = self.core.scratch(PUSHES, BODY_BYTES)

    def push_fields(self) -> None:
        """Append `PUSHES` messages given as objects."""
        push, entry = self.core.push, self.fields_entry
        for fields in FIELDS:
            push(entry, fields)

    def push_values(self) -> None:
        """Append the same messages given as arrays."""
        push, entry = self.core.push, self.values_entry
        for values in VALUES:
            push(entry, values)

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


@pytest.mark.parametrize("form", ["fields", "values"])
def test_push_1000_messages(benchmark: Any, queue: Queue, form: str) -> None:
    """Append, id and time included."""
    push = queue.push_fields if form == "fields" else queue.push_values
    benchmark.pedantic(push, setup=queue.drain, rounds=ROUNDS, warmup_rounds=5)
    assert queue.take(PUSHES) == PUSHES


@pytest.mark.parametrize("count", [250, 1000])
def test_take_one_batch(benchmark: Any, queue: Queue, count: int) -> None:
    """Take, frame and acknowledge."""

    def refill() -> tuple[tuple[int], dict[str, Any]]:
        queue.drain()
        queue.push_fields()
        return (count,), {}

    assert benchmark.pedantic(queue.take, setup=refill, rounds=ROUNDS, warmup_rounds=5) == count
