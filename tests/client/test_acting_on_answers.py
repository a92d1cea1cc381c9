"""What goes wrong between an answer and what becomes of the batch: attempts are counted once, and nothing is forgotten."""

from __future__ import annotations

import time


def clock_calls(scripted, **settings) -> int:
    """Return how often a client looks at the clock while a batch is sent, refused and sent again."""
    calls = []
    client, _ = scripted(503, 200, sync_mode=True, clock=lambda: (calls.append(1), time.time_ns())[1], **settings)
    client.track("u", "e", {})
    assert client.stats().delivered == 1
    return len(calls)


def test_without_a_delivery_timeout_nobody_asks_how_old_a_batch_is(scripted):
    """The clock may be the program's own, and slow, or broken."""
    assert clock_calls(scripted) == clock_calls(scripted, delivery_timeout=60.0) - 1
