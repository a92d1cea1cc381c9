"""A batch on its way to its outcome."""

from __future__ import annotations

from dataclasses import dataclass

from fastbatch.core.interface import Batch

__all__ = ["Shipment"]


@dataclass(slots=True, eq=False)
class Shipment:
    """
    A batch and what has happened to it so far.

    Args:
        batch: Its messages.
        route: The dialect's group that all of them belong to, None while that is not known.
        is_framed: True when the sender's scratch holds its body.
        attempts: HTTP tries so far.
        first_attempt_at: Monotonic time of the first, seconds.
        is_possibly_delivered: True when an attempt ended without an answer, after the server may have had the whole.
        is_in_attempt: True from when a request with it begins until it is parked for a retry, or has its outcome.
        is_settled: True when it has its outcome.
        body_bytes: Length of the last body before compression.
        sent_bytes: Length of the last body as sent.
        status: HTTP status of the last attempt's response, None when there was none.
        detail: What went wrong in it, cut short.
    """

    batch: Batch
    route: int | None = None
    is_framed: bool = False
    attempts: int = 0
    first_attempt_at: float = 0.0
    is_possibly_delivered: bool = False
    is_in_attempt: bool = False
    is_settled: bool = False
    body_bytes: int = 0
    sent_bytes: int = 0
    status: int | None = None
    detail: str = ""

    def part(self, batch: Batch, route: int | None) -> Shipment:
        """Return a shipment of some of its messages, with its history."""
        return Shipment(
            batch,
            route,
            attempts=self.attempts,
            first_attempt_at=self.first_attempt_at,
            is_possibly_delivered=self.is_possibly_delivered,
        )
