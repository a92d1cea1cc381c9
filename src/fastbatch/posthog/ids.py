"""
Ids of events: UUIDv7 (RFC 9562), made here because `capture` returns them.

Within a millisecond ids share their head and count on from a random number, which is several times cheaper than
asking for randomness each time; 72 bits of an id are random to other processes.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from time import time_ns
from typing import NamedTuple
from uuid import UUID

__all__ = ["new_uuid", "valid_uuid"]


class _Millisecond(NamedTuple):
    number: int
    head: str
    rest: Iterator[int]


def _begin(number: int) -> _Millisecond:
    """Return a millisecond of this process: 24 random bits for all of its ids, and the 48 bits that they count from."""
    random = os.urandom(9).hex()
    head = f"{number >> 16:08x}-{number & 0xFFFF:04x}-7{random[:3]}-{0x8000 | int(random[3:6], 16):04x}-"
    return _Millisecond(number, head, itertools.count(int(random[6:], 16) >> 1))


_now = _begin(0)


def new_uuid() -> str:
    """Return an id that no other event has."""
    global _now  # noqa: PLW0603 - what two threads write here at once are two heads, and both are good
    number = time_ns() // 1_000_000
    now = _now
    if now[0] != number:
        now = _now = _begin(number)
    return "%s%012x" % (now[1], next(now[2]))  # noqa: UP031 - half again as fast as an f-string, once an event


def _forget_after_fork() -> None:
    # The child would count on from where its parent does.
    global _now  # noqa: PLW0603
    _now = _begin(0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


def valid_uuid(value: object) -> str | None:
    """Return a UUID, or the text of one, in its canonical form; None when it is something else."""
    try:
        return str(value if isinstance(value, UUID) else UUID(value))  # type: ignore[arg-type]  # raises for others
    except (TypeError, ValueError, AttributeError):
        return None
