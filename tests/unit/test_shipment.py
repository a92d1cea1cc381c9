"""What the parts of a shipment inherit."""

from __future__ import annotations

from fastbatch.core.interface import Batch
from fastbatch.pipeline.shipment import Shipment


def batch(*sequences: int) -> Batch:
    return Batch(list(sequences), list(sequences), 7)


def test_a_part_has_the_history_and_neither_body_nor_outcome_of_the_whole():
    """Its messages were in all those attempts; what it will be sent as is its own."""
    whole = Shipment(
        batch(1, 2, 3),
        route=4,
        is_framed=True,
        attempts=3,
        first_attempt_at=12.5,
        is_possibly_delivered=True,
        is_in_attempt=True,
        is_settled=True,
        body_bytes=100,
        sent_bytes=50,
    )
    part = whole.part(batch(2), 9)
    assert (part.batch.sequences, part.route) == ([2], 9)
    assert (part.attempts, part.first_attempt_at, part.is_possibly_delivered) == (3, 12.5, True)
    assert (part.is_framed, part.is_in_attempt, part.is_settled) == (False, False, False)
    assert (part.body_bytes, part.sent_bytes) == (0, 0)


def test_shipments_are_told_apart_by_identity():
    """Two batches may look the same in a test's core; the set of what is outstanding must hold both."""
    assert len({Shipment(batch(1)), Shipment(batch(1))}) == 2
