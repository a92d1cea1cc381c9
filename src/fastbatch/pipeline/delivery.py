"""The end of a shipment: its outcome is counted, reported and logged, and its space in the queue given back."""

from __future__ import annotations

import time

from fastbatch.pipeline.lane import Lane
from fastbatch.pipeline.ledger import Ledger
from fastbatch.pipeline.notices import Notices
from fastbatch.pipeline.reporter import Reporter
from fastbatch.pipeline.shipment import Shipment, Word
from fastbatch.typing import DeliveryReport

__all__ = ["Delivery"]


class Delivery:
    """Settles shipments; each once, whoever comes first."""

    def __init__(self, ledger: Ledger, reporter: Reporter, notices: Notices) -> None:
        self._ledger = ledger
        self._reporter = reporter
        self._notices = notices

    def settle(self, lane: Lane, shipment: Shipment, cause: str, status: int | None = None, detail: str = "") -> None:
        """
        Give a shipment its outcome.

        Args:
            lane: Where it came from.
            shipment: What is settled; nothing happens when it was settled before.
            cause: The drop cause, empty when it was delivered.
            status: HTTP status of the last response.
            detail: What went wrong, cut short.
        """
        with self._ledger.lock:
            if shipment.is_settled:
                return
            shipment.is_settled = True
        # What the server said of it stands, whoever gives it up at the same time.
        cause, status, detail = shipment.word or Word(cause, status, detail)
        batch = shipment.batch
        messages = lane.core.read(batch) if self._reporter.wants_messages else []
        lane.core.acknowledge(batch)
        report = _report(shipment, cause, status, detail)
        # First queued, then counted, so that a flush also waits for the callbacks. One that runs here and now comes
        # after the count: it may itself flush, and what it raises must not leave the batch without its outcome.
        if not self._reporter.is_direct:
            self._reporter.report(report, messages)
        with self._ledger.lock:
            lane.settled(shipment)
            self._ledger.settle(len(batch), cause)
        if cause:
            self._notices.tell("dropped", cause, len(batch), detail)
        elif detail:
            self._notices.tell("delivered with a warning", detail, len(batch))
        if self._reporter.is_direct:
            self._reporter.report(report, messages)

    def drop_unqueued(self, message: bytes, cause: str, detail: str) -> None:
        """Give a message that never comes into a queue its outcome; without a detail the program has asked for it."""
        report = DeliveryReport(False, cause, 1, 0, None, detail, 0, 0, 0.0)
        messages = [message] if self._reporter.wants_messages else []
        if not self._reporter.is_direct:
            self._reporter.report(report, messages)
        self._ledger.drop_unqueued(cause)
        if detail:
            self._notices.tell("dropped", cause, 1, detail)
        if self._reporter.is_direct:
            self._reporter.report(report, messages)


def _report(shipment: Shipment, cause: str, status: int | None, detail: str) -> DeliveryReport:
    return DeliveryReport(
        delivered=not cause,
        cause=cause,
        messages=len(shipment.batch),
        attempts=shipment.attempts,
        status=status,
        detail=detail,
        body_bytes=shipment.body_bytes,
        sent_bytes=shipment.sent_bytes,
        seconds=time.monotonic() - shipment.first_attempt_at if shipment.first_attempt_at else 0.0,
    )
