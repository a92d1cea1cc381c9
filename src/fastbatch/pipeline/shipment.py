"""A batch on its way to its outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fastbatch.core.interface import Batch

__all__ = ["Shipment", "Word"]


class Word(NamedTuple):
    """
    The final word on a shipment.

    Args:
        cause: The drop cause, empty when it was delivered.
        status: HTTP status of the response that said so, None when none did.
        detail: What the server or the transport said, cut short.
    """

    cause: str
    status: int | None = None
    detail: str = ""


@dataclass(slots=True, eq=False)
class Shipment:
    """
    A batch and what has happened to it so far.

    Args:
        batch: Its messages.
        route: The dialect's group that all of them belong to, None while that is not known.
        is_framed: True when the sender's scratch holds its body.
        created_at: When it was first framed, RFC 3339; empty before that.
        request_id: What the server knows all its attempts by; empty before the first.
        attempts: HTTP tries so far.
        first_attempt_at: Monotonic time of the first, seconds.
        is_possibly_delivered: True when an attempt ended without an answer, after the server may have had the whole.
        is_in_attempt: True from when a request with it begins until the server wants it again, or it has its outcome.
        is_counted: True when the last attempt has its answer, and is counted among the attempts.
        is_offered: True when senders can find it, or could: it waits for a retry, or did.
        is_settled: True when it has its outcome.
        body_bytes: Length of the last body before compression.
        sent_bytes: Length of the last body as sent.
        status: HTTP status of the last attempt's response, None when there was none.
        detail: What went wrong in it, cut short.
        word: What the server has said of it, and nobody has acted on yet; who settles it next has to.
        parts: What stands in its place, when the server judged its messages one by one.
    """

    batch: Batch
    route: int | None = None
    is_framed: bool = False
    created_at: str = ""
    request_id: str = ""
    attempts: int = 0
    first_attempt_at: float = 0.0
    is_possibly_delivered: bool = False
    is_in_attempt: bool = False
    is_counted: bool = False
    is_offered: bool = False
    is_settled: bool = False
    body_bytes: int = 0
    sent_bytes: int = 0
    status: int | None = None
    detail: str = ""
    word: Word | None = None
    parts: list[Shipment] = field(default_factory=list)

    def part(self, batch: Batch, route: int | None) -> Shipment:
        """Return a shipment of some of its messages, with its history; its next request is one of its own."""
        return Shipment(
            batch,
            route,
            created_at=self.created_at,
            attempts=self.attempts,
            first_attempt_at=self.first_attempt_at,
            is_possibly_delivered=self.is_possibly_delivered,
        )

    def share(self, batch: Batch, word: Word | None) -> Shipment:
        """Return what the last attempt came to for some of its messages; without a word the same request goes on."""
        share = self.part(batch, self.route)
        share.request_id = self.request_id
        share.body_bytes, share.sent_bytes = self.body_bytes, self.sent_bytes
        share.word = word
        return share
