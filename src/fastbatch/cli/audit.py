"""
Whether the database has exactly the demo's events.

The events are made a second time and compared with what was stored, field by field, by a digest of each: only what
was sent can match, and a million of them take 8 bytes each.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastbatch.cli.posthog_form import message_form
from fastbatch.cli.workload import VISITOR, events
from fastbatch.collector import Store

__all__ = ["Audit", "audit"]

_COMPARED = (
    "type", "userId", "groupId", "event", "name", "category", "properties", "traits",
)  # fmt: skip


@dataclass
class Audit:
    """What the database has, compared with what was sent."""

    rows: int = 0
    duplicates: int = 0
    """Times that a message came again; the database keeps one of each id."""
    missing: int = 0
    altered: int = 0
    """Events that differ from what was sent."""
    repeated: int = 0
    """Events that are there under more than one message id."""
    unexpected: int = 0
    """Rows that are none of the demo's events."""

    @property
    def is_clean(self) -> bool:
        """Whether each event is there once, as it was sent, and nothing else is."""
        return not any((self.duplicates, self.missing, self.altered, self.repeated, self.unexpected))


def audit(store: Store, seed: int, numbers: Sequence[int]) -> Audit:
    """Compare ``store`` with the events of workers that sent so many each."""
    found = Audit(duplicates=store.counts().duplicates)
    digests = [array("q", bytes(8 * number)) for number in numbers]
    times = [bytearray(number) for number in numbers]
    for stored in store.messages():
        found.rows += 1
        message = message_form(stored)
        place = _place(message, numbers)
        if place is None:
            found.unexpected += 1
            continue
        worker, seq = place
        found.repeated += times[worker][seq]
        times[worker][seq] = 1
        digests[worker][seq] = _digest(message)
    for worker, number in enumerate(numbers):
        for seq, message_ in enumerate(events(seed, worker, number)):
            if not times[worker][seq]:
                found.missing += 1
            elif digests[worker][seq] != _digest({"type": message_.kind, **message_.fields()}):
                found.altered += 1
    return found


def _place(message: Mapping[str, Any], numbers: Sequence[int]) -> tuple[int, int] | None:
    data = message.get("properties") or message.get("traits") or {}
    worker, seq = data.get("worker"), data.get("seq")
    if not isinstance(worker, int) or not isinstance(seq, int) or not 0 <= worker < len(numbers):
        return None
    return (worker, seq) if 0 <= seq < numbers[worker] else None


def _digest(message: Mapping[str, Any]) -> int:
    # A dialect may give an event an anonymous id that it came without; one that is not the demo's own was not sent.
    visitor = str(message.get("anonymousId"))
    compared = [message.get(name) for name in _COMPARED] + [visitor if visitor.startswith(VISITOR) else None]
    # hash() has a secret of the process: nobody can make two texts collide, and it is the fastest there is.
    return hash(json.dumps(compared, sort_keys=True))
