"""The native core and its model in Python do the same, byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastbatch.core
from fastbatch.core.interface import BodyLimitError
from fastbatch.core.pure import PureCore
from fastbatch.typing import Envelope, Stamp

pytestmark = pytest.mark.skipif(fastbatch.core.NATIVE_PROBLEM is not None, reason="no native core")

QUEUE, MESSAGE, MOST, BODY = 4096, 700, 20, 2000
TEMPLATES = [
    (b'{"messageId":"', Stamp.MESSAGE_ID, b'","timestamp":"', Stamp.TIMESTAMP_MS, b'",', Stamp.FIELDS, b',"c":1}'),
    (b'{"anonymousId":"', Stamp.ANONYMOUS_ID, b'","at":"', Stamp.TIMESTAMP_US, b'",', Stamp.FIELDS, b"}"),
    (b'{"userId":', Stamp.VALUE, b',"event":', Stamp.VALUE, b',"properties":', Stamp.VALUE, b"}"),
    (
        *(b'{"uuid":', Stamp.VALUE, b',"distinct_id":', Stamp.VALUE, b',"event":', Stamp.VALUE, b',"timestamp":"'),
        *(Stamp.TIMESTAMP_US, b'","properties":{"$lib":"fastbatch"', Stamp.MEMBERS, b"}"),
    ),
]
ENVELOPES = [
    Envelope(b'{"batch":[', b'],"sentAt":"now"}'),
    Envelope(b'{"batch":[', b"]}", b'{"sentAt":"now",'),
]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
objects = st.integers(0, 700).map(lambda size: b'{"pad":"%b"}' % (b"x" * size))
arrays = st.builds(
    lambda user, event, size: b'["%b","%b",{"p":"%b"}]' % (user, event, b"y" * size),
    st.sampled_from([b"u", b"", rb"a\"b", rb"\\", "ü".encode()]),
    st.sampled_from([b"e", b"", rb"\",\""]),
    st.integers(0, 300),
)
members = st.builds(
    lambda array, given: b'["id",' + array[1 : array.rindex(b",") + 1] + given + b"]",
    arrays,
    st.just(b"{}") | st.integers(0, 300).map(lambda size: b'{"p":"%b"}' % (b"z" * size)),
)
odd = st.sampled_from([b"{}", b"[]", b"", b"x", b'["u"]', b'[1,"e",{}]', b'["u","e",1]', b'{"a":1}'])
now = st.integers(-1, 2**63 - 1) | st.just(1_700_000_000 * 10**9)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 1), objects, now),
        st.tuples(st.just("append"), st.just(2), arrays, now),
        st.tuples(st.just("append"), st.just(3), members, now),
        st.tuples(st.just("append"), st.integers(0, 3), odd, now),
        st.tuples(st.just("take"), st.integers(1, MOST), st.integers(60, BODY), st.integers(0, 1)),
        st.tuples(st.just("take unframed"), st.integers(1, MOST)),
        st.tuples(st.just("frame"), st.integers(0, 5), st.integers(0, BODY), st.integers(0, 1)),
        st.tuples(st.just("select"), st.integers(0, 5), st.integers(1, 3)),
        st.tuples(st.just("read"), st.integers(0, 5)),
        st.tuples(st.just("acknowledge"), st.integers(0, 5)),
        st.tuples(st.just("arm"), st.integers(1, 6), st.integers(1, 3000)),
        st.tuples(st.just("close")),
    ),
    max_size=60,
)


class Runner:
    """Runs a program of steps against one core; what each step shows is comparable between cores."""

    def __init__(self, core):
        self.core = core
        self.scratch = core.scratch(MOST, BODY)
        self.batches = []
        self.mark = 1, 1
        for template in TEMPLATES:
            core.add_template(template)

    def step(self, name, *arguments):
        shown = getattr(self, name.replace(" ", "_"))(*arguments)
        return shown, tuple(self.core.snapshot())

    def append(self, number, fields, now_ns):
        return self.core.append(number, fields, now_ns)

    def take(self, most, size, envelope):
        return self._taken(most, size, ENVELOPES[envelope])

    def take_unframed(self, most):
        return self._taken(most, 0, None)

    def _taken(self, most, size, envelope):
        try:
            batch = self.core.take(self.scratch, most, size, envelope)
        except BodyLimitError as error:
            return str(error)
        if batch is None:
            return None
        self.batches.append(batch)
        # As a lane does: the native core's mark is absolute, so that one from before a take may wake too early.
        self.core.arm(*self.mark)
        body = bytes(self.scratch.body) if envelope is not None else b""
        return len(batch), list(batch.sequences), batch.oldest_ns, body

    def frame(self, which, size, envelope):
        if which >= len(self.batches):
            return None
        try:
            self.core.frame(self.scratch, self.batches[which], size, ENVELOPES[envelope])
        except BodyLimitError as error:
            return str(error)
        return bytes(self.scratch.body)

    def select(self, which, step):
        """Divide a batch in two, as a split does."""
        if which >= len(self.batches):
            return None
        batch = self.batches.pop(which)
        positions = range(len(batch))
        parts = [positions[::step], [each for each in positions if each % step]]
        self.batches += [self.core.select(batch, part) for part in parts if part]
        return [list(each.sequences) for each in self.batches]

    def read(self, which):
        return self.core.read(self.batches[which]) if which < len(self.batches) else None

    def acknowledge(self, which):
        if which < len(self.batches):
            self.core.acknowledge(self.batches.pop(which))

    def arm(self, messages, size):
        self.mark = messages, size
        return self.core.arm(messages, size)

    def close(self):
        self.core.close()


@given(steps, st.integers(0, 2**62 - 1))
@settings(max_examples=400, deadline=None)
def test_the_same_program_gives_the_same_codes_bodies_and_counts(program, seed):
    """Whatever is appended, taken, framed again, divided and given back, in whatever order."""
    from fastbatch.core.native import NativeCore

    native, pure = Runner(NativeCore(QUEUE, MESSAGE, seed)), Runner(PureCore(QUEUE, MESSAGE, seed))
    for step in program:
        assert native.step(*step) == pure.step(*step), step
