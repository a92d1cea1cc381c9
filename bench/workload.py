"""
The events that every contestant sends: the same callers' arguments, in the same order, at the same cost.

An event is "320 bytes" when it is written as compact JSON in Segment's form with nothing that the caller did not give
except an id, a time and the library's name (`finished_message`). What a client really puts on the wire differs and is
measured at the sink.
"""

from __future__ import annotations

import json
from typing import Any

EVENT_BYTES = 320
EVENT_NAME = "Order Completed"

FIRST_SEQUENCE = 10_000_000
"""Sequence numbers start here so that all of them have eight digits and every event the same length."""

POOL = 1024
"""How many different property dicts there are; a power of two, so that choosing one is a mask and not a division."""

_CURRENCIES = ("EUR", "USD", "GBP", "JPY")


def _scrambled(index: int) -> int:
    # Knuth's multiplicative hash: values that look random, so that compression has as much to do as with real ids.
    return (index * 2654435761 + 40503) & 0xFFFFFFFF


def _properties(index: int) -> dict[str, Any]:
    value = _scrambled(index)
    # The last digit of the cents is never zero, or a float would be written one character shorter.
    cents = 10_000 + value % 8_999 // 10 * 10 + 1 + value % 9
    return {
        "order_id": f"ord_{value:08x}",
        "revenue": cents / 100,
        "currency": _CURRENCIES[value >> 3 & 3],
        "items": 1 + value % 9,
    }


PROPERTIES = tuple(_properties(index) for index in range(POOL))
USERS = tuple(f"user-{_scrambled(index + POOL):010d}" for index in range(POOL))


def properties(sequence: int) -> dict[str, Any]:
    """Return a fresh dict of properties; producers write this line out instead of paying for a call."""
    return {**PROPERTIES[sequence & (POOL - 1)], "seq": sequence}


def user(sequence: int) -> str:
    """Return the user of an event."""
    return USERS[sequence & (POOL - 1)]


def finished_message(sequence: int) -> dict[str, Any]:
    """Return the event as the message that defines its size."""
    return {
        "type": "track",
        "messageId": f"019a0000-0000-7000-8000-{sequence:012d}",
        "timestamp": "2026-11-21T10:09:52.945Z",
        "context": {"library": {"name": "analytics", "version": "1.0.0"}},
        "userId": user(sequence),
        "event": EVENT_NAME,
        "properties": properties(sequence),
    }


def encoded_length(message: dict[str, Any]) -> int:
    """Return the length of a message as compact JSON, bytes."""
    return len(json.dumps(message, separators=(",", ":")))


def describe() -> str:
    """Return one line that says what an event is; raise when one has another size than promised."""
    lengths = {encoded_length(finished_message(FIRST_SEQUENCE + index)) for index in range(POOL)}
    if lengths != {EVENT_BYTES}:
        raise AssertionError(f"events have {sorted(lengths)} bytes instead of {EVENT_BYTES}")
    given = encoded_length({"userId": user(0), "event": EVENT_NAME, "properties": properties(FIRST_SEQUENCE)})
    return (
        f"{EVENT_BYTES}-byte track events ({given} bytes of them the caller's), {POOL} different, each with its number"
    )
