"""The native core. The only importer of the extension."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from fastbatch.core._native import ffi, lib
from fastbatch.core.interface import Batch, BodyLimitError, Code, Snapshot
from fastbatch.typing import Envelope, Stamp, Template

__all__ = ["NativeCore"]

_STAMPS = {
    Stamp.MESSAGE_ID: lib.FB_MESSAGE_ID,
    Stamp.ANONYMOUS_ID: lib.FB_ANONYMOUS_ID,
    Stamp.TIMESTAMP_MS: lib.FB_TIMESTAMP_MS,
    Stamp.TIMESTAMP_US: lib.FB_TIMESTAMP_US,
    Stamp.FIELDS: lib.FB_FIELDS,
    Stamp.VALUE: lib.FB_VALUE,
    Stamp.MEMBERS: lib.FB_MEMBERS,
}

_ERRORS: dict[int, tuple[type[Exception], str]] = {
    Code.FORKED: (RuntimeError, "this core belongs to the process that this one was forked from"),
    Code.NO_MEMORY: (MemoryError, "no memory for the queue"),
    Code.ARGUMENT: (ValueError, "a size is out of range, a template is malformed, or there are too many"),
}


def _checked(result: int) -> int:
    if result == Code.TOO_LARGE:
        raise BodyLimitError
    if result < 0:
        kind, text = _ERRORS[result]
        raise kind(text)
    return result


class NativeScratch:
    """A sender's memory: the body, and room for the references of one batch."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._memory = bytearray(max_bytes)
        self.chars = ffi.from_buffer("char[]", self._memory, require_writable=True)
        self.refs = ffi.new("fb_ref[]", max_messages)
        self.batch = ffi.new("struct fb_batch *")
        self.length = ffi.new("uint64_t *")
        self._view = memoryview(self._memory)
        self.body = self._view[:0]

    def show(self, length: int) -> None:
        """Make `body` the first ``length`` bytes."""
        self.body = self._view[:length]


class _Envelope:
    """An envelope as the core wants it; holds the bytes that the struct points at."""

    def __init__(self, envelope: Envelope) -> None:
        self._bytes = [ffi.from_buffer("char[]", part) for part in envelope]
        head, tail, message_head = self._bytes
        self.struct = ffi.new(
            "struct fb_envelope *",
            {
                "head": head,
                "head_length": len(head),
                "tail": tail,
                "tail_length": len(tail),
                "message_head": message_head,
                "message_head_length": len(message_head),
            },
        )


class NativeCore:
    """See `fastbatch.core.interface.Core`; the work is done in ``csrc/``."""

    def __init__(self, max_queue_bytes: int, max_message_bytes: int, seed: int) -> None:
        out = ffi.new("struct fb_core **")
        _checked(lib.fb_core_new(max_queue_bytes, max_message_bytes, seed, out))
        self._core = out[0]
        self.push = lib.fb_push
        weakref.finalize(self, lib.fb_core_free, self._core).atexit = False

    def add_template(self, template: Template) -> int:
        literals = [ffi.from_buffer("char[]", part) for part in template if isinstance(part, bytes)]
        remaining = iter(literals)
        parts = ffi.new("struct fb_part[]", len(template))
        for slot, part in zip(parts, template, strict=True):
            if isinstance(part, bytes):
                slot.stamp, slot.bytes, slot.length = lib.FB_LITERAL, next(remaining), len(part)
            else:
                slot.stamp = _STAMPS[part]
        return _checked(lib.fb_core_add_template(self._core, parts, len(template)))

    def entry(self, template_number: int) -> Any:
        entry = lib.fb_core_entry(self._core, template_number)
        if entry == ffi.NULL:
            raise ValueError(f"there is no template {template_number}")
        return entry

    def addresses(self, entry: Any) -> tuple[int, int]:
        return int(ffi.cast("uintptr_t", ffi.addressof(lib, "fb_push"))), int(ffi.cast("uintptr_t", entry))

    def append(self, template_number: int, fields: bytes, now_ns: int) -> int:
        return int(lib.fb_core_append(self._core, template_number, fields, len(fields), now_ns))

    def scratch(self, max_messages: int, max_bytes: int) -> NativeScratch:
        return NativeScratch(max_messages, max_bytes)

    def take(
        self, scratch: NativeScratch, max_messages: int, max_bytes: int, envelope: Envelope | None
    ) -> Batch | None:
        struct = _Envelope(envelope).struct if envelope is not None else ffi.NULL
        taken = scratch.batch
        count = _checked(
            lib.fb_core_take(self._core, max_messages, max_bytes, struct, scratch.chars, scratch.refs, taken)
        )
        if count == 0:
            return None
        scratch.show(taken.body_length)
        refs = ffi.new("fb_ref[]", count)
        ffi.memmove(refs, scratch.refs, count * 8)
        first = taken.first_sequence
        return Batch(refs, range(first, first + count), taken.oldest_ns)

    def frame(self, scratch: NativeScratch, batch: Batch, max_bytes: int, envelope: Envelope) -> None:
        struct = _Envelope(envelope).struct
        _checked(
            lib.fb_core_frame(self._core, batch.refs, len(batch), struct, scratch.chars, max_bytes, scratch.length)
        )
        scratch.show(scratch.length[0])

    def read(self, batch: Batch) -> list[bytes]:
        message, length = ffi.new("char const **"), ffi.new("uint32_t *")
        messages = []
        for ref in batch.refs:
            _checked(lib.fb_core_read(self._core, ref, message, length))
            messages.append(bytes(ffi.buffer(message[0], length[0])))
        return messages

    def select(self, batch: Batch, positions: Sequence[int]) -> Batch:
        refs: Any = ffi.new("fb_ref[]", [batch.refs[position] for position in positions])
        return Batch(refs, [batch.sequences[position] for position in positions], batch.oldest_ns)

    def acknowledge(self, batch: Batch) -> None:
        lib.fb_core_acknowledge(self._core, batch.refs, len(batch))

    def arm(self, messages: int, size: int) -> bool:
        return _checked(lib.fb_core_arm(self._core, messages, size)) == Code.WAKE

    def close(self) -> None:
        lib.fb_core_close(self._core)

    def snapshot(self) -> Snapshot:
        out = ffi.new("struct fb_snapshot *")
        lib.fb_core_snapshot(self._core, out)
        return Snapshot(out.accepted, out.taken, out.used_bytes, out.pending_bytes, out.oldest_ns)
