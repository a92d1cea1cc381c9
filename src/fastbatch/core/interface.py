"""What a core is, whichever language it is written in."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

from fastbatch.typing import Envelope, Stamp, Template

__all__ = [
    "MAX_TEMPLATES",
    "Batch",
    "BodyLimitError",
    "Code",
    "Core",
    "Scratch",
    "Snapshot",
    "core_seed",
    "message_length",
    "record_span",
]

_STAMP_LENGTHS = {
    Stamp.MESSAGE_ID: 36,
    Stamp.ANONYMOUS_ID: 36,
    Stamp.TIMESTAMP_MS: 24,
    Stamp.TIMESTAMP_US: 27,
    Stamp.FIELDS: 0,
    Stamp.VALUE: 0,
    Stamp.MEMBERS: 0,
}

MAX_TEMPLATES = 1024
"""Templates that a core holds, as in ``csrc/fb_core.c``."""

_RECORD_HEADER = 24
"""Bytes that a message occupies besides its own, which are padded to a multiple of 8."""


class Code(IntEnum):
    """What `Core.append` and `Core.push` answer, numbered as ``enum fb_result`` in ``csrc/fastbatch.h``."""

    OK = 0
    WAKE = 1
    FULL = -1
    TOO_LARGE = -2
    CLOSED = -3
    FORKED = -4
    NO_MEMORY = -5
    ARGUMENT = -6


class BodyLimitError(ValueError):
    """Messages do not fit into the byte limit of a body."""

    def __init__(self) -> None:
        super().__init__("the messages do not fit into the byte limit of a batch")


def core_seed() -> int:
    """Return a new seed for the random part of message ids."""
    return secrets.randbits(62)


def record_span(message_bytes: int) -> int:
    """Return what a message of this length is charged to the byte budget of its queue."""
    return (_RECORD_HEADER + message_bytes + 7) // 8 * 8


def message_length(template: Template, fields_length: int) -> int:
    """
    Return the length of the message that ``template`` makes of encoded fields or values, braces included.

    Members that are none make it one byte shorter.
    """
    fixed = sum(len(part) if isinstance(part, bytes) else _STAMP_LENGTHS[part] for part in template)
    commas = max(0, template.count(Stamp.VALUE) + template.count(Stamp.MEMBERS) - 1)
    return fixed + fields_length - 2 - commas


@dataclass(slots=True)
class Batch:
    """
    Messages that were taken together and have no outcome yet.

    Args:
        refs: The core's own references to their records.
        sequences: Their numbers in the core, ascending.
        oldest_ns: When the oldest was appended, nanoseconds since 1970.
    """

    refs: Any
    sequences: Sequence[int]
    oldest_ns: int

    def __len__(self) -> int:
        return len(self.sequences)


class Snapshot(NamedTuple):
    """Counts of a core at one instant."""

    accepted: int
    taken: int
    used_bytes: int
    pending_bytes: int
    oldest_ns: int


class Scratch(Protocol):
    """Memory that one sender frames into; what `body` shows is valid until the sender frames again."""

    body: memoryview


class Core(Protocol):
    """
    A queue of encoded messages with a byte budget.

    ``push(entry, fields)`` appends one message at the system's time and answers a `Code`; it is a function rather than
    a method, and has no argument that it can do without, because it is called once an event. Any number of threads may
    call anything at once, but for `add_template`: one thread at a time.
    """

    @property
    def push(self) -> Callable[[Any, bytes], int]: ...

    def add_template(self, template: Template) -> int:
        """Register a template and return its number, from 0; ValueError when it is malformed or one too many."""
        ...

    def entry(self, template_number: int) -> Any:
        """Return what `push` wants for this template; it is valid as long as the core is."""
        ...

    def addresses(self, entry: Any) -> tuple[int, int]:
        """Return the addresses of `push` and of an entry, for a caller that is in C; zeros when the core is not."""
        ...

    def append(self, template_number: int, fields: bytes, now_ns: int) -> int:
        """Append one message at a time of the caller's, nanoseconds since 1970, and answer a `Code`."""
        ...

    def scratch(self, max_messages: int, max_bytes: int) -> Scratch:
        """Return memory for batches of this size, which is this core's own kind of `Scratch`."""
        ...

    def take(self, scratch: Any, max_messages: int, max_bytes: int, envelope: Envelope | None) -> Batch | None:
        """
        Take the oldest messages and frame them into ``scratch.body``; None when there is none.

        Without an envelope the messages are taken whatever their size, and not framed.

        Raises:
            BodyLimitError: When the first message alone exceeds ``max_bytes``; nothing is taken then.
        """
        ...

    def frame(self, scratch: Any, batch: Batch, max_bytes: int, envelope: Envelope) -> None:
        """Frame a batch again into ``scratch.body``; raises `BodyLimitError`."""
        ...

    def read(self, batch: Batch) -> list[bytes]:
        """Return copies of a batch's messages."""
        ...

    def select(self, batch: Batch, positions: Sequence[int]) -> Batch:
        """Return the part of a batch at these positions, ascending."""
        ...

    def acknowledge(self, batch: Batch) -> None:
        """Give the messages' space back."""
        ...

    def arm(self, messages: int, size: int) -> bool:
        """
        Ask that one push answers `Code.WAKE` when this many messages or bytes wait to be taken.

        Returns:
            True when they do already, and then no push will.
        """
        ...

    def close(self) -> None:
        """Make later pushes answer `Code.CLOSED`; what is queued can still be taken."""
        ...

    def snapshot(self) -> Snapshot: ...
