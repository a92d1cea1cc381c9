"""Ids and timestamps as text, character for character what ``csrc/fb_stamp.c`` writes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache

__all__ = ["ANONYMOUS_SEED", "random_62", "rfc3339", "uuid7"]

_MASK_62 = (1 << 62) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

ANONYMOUS_SEED = 1 << 61
"""An anonymous id takes its random bits from sequences half of their space away: it never equals a message id."""


def random_62(seed: int, sequence: int) -> int:
    """Return the random bits of an id: a bijection of 62 bits, as in ``csrc/fb_stamp.c``."""
    x = (seed + sequence) & _MASK_62
    x ^= x >> 30
    x = (x * 0xBF58476D1CE4E5B9) & _MASK_62
    x ^= x >> 27
    x = (x * 0x94D049BB133111EB) & _MASK_62
    return x ^ (x >> 31)


def uuid7(now_ns: int, random: int) -> str:
    """Return a UUIDv7 (RFC 9562): milliseconds, 12 bits of the millisecond's fraction, 62 random bits."""
    ms, rest = divmod(now_ns, 1_000_000)
    return "%08x-%04x-%04x-%04x-%012x" % (  # noqa: UP031 - faster than an f-string, once an event
        ms >> 16 & 0xFFFFFFFF,
        ms & 0xFFFF,
        0x7000 | rest * 4096 // 1_000_000,
        0x8000 | random >> 48,
        random & 0xFFFFFFFFFFFF,
    )


def rfc3339(now_ns: int, digits: int) -> str:
    """Return a time in UTC with 3 or 6 digits of a second: ``2026-11-21T10:09:52.945Z``."""
    second, rest = divmod(now_ns, 1_000_000_000)
    if digits == 3:
        return f"{_second_text(second)}.{rest // 1_000_000:03d}Z"
    return f"{_second_text(second)}.{rest // 1000:06d}Z"


@lru_cache(maxsize=4)
def _second_text(second: int) -> str:
    # Cached, since thousands of messages share a second.
    return f"{_EPOCH + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S}"
