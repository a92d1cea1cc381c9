"""What a sender does with a shipment: frame, attempt, and act on the verdict."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable

from fastbatch.config import Config
from fastbatch.core.interface import BodyLimitError, Scratch
from fastbatch.pipeline.backoff import wait_before_retry
from fastbatch.pipeline.delivery import Delivery
from fastbatch.pipeline.lane import Lane
from fastbatch.pipeline.ledger import Ledger
from fastbatch.pipeline.notices import say
from fastbatch.pipeline.post import Answer, Post
from fastbatch.pipeline.shipment import Shipment
from fastbatch.typing import Dialect, Envelope

__all__ = ["Sender"]


class Sender:
    """Sends the shipments of any lane; has no state of its own, so that every thread may share it."""

    def __init__(  # noqa: PLR0913, PLR0917 the parts it joins
        self,
        config: Config,
        dialect: Dialect,
        post: Post,
        ledger: Ledger,
        delivery: Delivery,
        envelope: Callable[[], Envelope],
    ) -> None:
        self._config = config
        self._max_batch_bytes = config.limits.max_batch_bytes
        self._dialect = dialect
        self._post = post
        self._ledger = ledger
        self._delivery = delivery
        self._envelope = envelope
        self._logger = config.logger
        self._log_level = logging.INFO if config.verbose else logging.DEBUG

    def run(self, lane: Lane) -> None:
        """Send until the lane has nothing left and is closing."""
        scratch = lane.scratch()
        while self.send_next(lane, scratch):
            pass

    def run_until_idle(self, lane: Lane, deadline: float | None) -> None:
        """Send on the calling thread until everything has its outcome."""
        scratch = lane.scratch()
        while self.send_next(lane, scratch, until_idle=True, deadline=deadline):
            pass

    def send_next(
        self, lane: Lane, scratch: Scratch, *, until_idle: bool = False, deadline: float | None = None
    ) -> bool:
        """Wait for a shipment and send it; False when the lane has none any more."""
        try:
            shipment = lane.next(scratch, until_idle=until_idle, deadline=deadline)
        except BodyLimitError as error:
            # A dialect whose envelope grew: the message was accepted by the old one's measure, and no batch holds it.
            shipment = lane.take_unframed(1)
            if shipment is not None:
                self._delivery.settle(lane, shipment, "too_large", detail=str(error))
            return True
        except BaseException as error:
            if until_idle and not isinstance(error, Exception):
                raise
            self._survive(lane, lane.take_unframed(1), error)
            return True
        if shipment is None:
            return False
        try:
            self._send(lane, shipment, scratch)
        except BaseException as error:
            self._survive(lane, shipment, error)
            if until_idle and not isinstance(error, Exception):
                raise  # Ctrl-C on the program's own thread
        return True

    def _survive(self, lane: Lane, shipment: Shipment | None, error: BaseException) -> None:
        """Make of an exception that nobody foresaw an attempt that failed."""
        name = type(error).__name__
        say(self._logger, logging.ERROR, "a sender failed with %s", name)
        if shipment is None or shipment.is_settled:
            return
        shipment.attempts += 1
        shipment.is_possibly_delivered |= shipment.is_in_attempt
        self._retry(lane, shipment, None, f"the sender failed with {name}", None)

    def _send(self, lane: Lane, shipment: Shipment, scratch: Scratch) -> None:
        if shipment.route is None and not self._route(lane, shipment):
            return
        headers = self._dialect.route_headers(shipment.route or 0)
        if not self._begin_attempt(lane, shipment, scratch):
            return
        answer = self._post.send(scratch.body, headers)
        self._count(shipment, len(scratch.body), answer)
        self._act(lane, shipment, answer)

    def _begin_attempt(self, lane: Lane, shipment: Shipment, scratch: Scratch) -> bool:
        """Have the body in ``scratch``; False when closing has settled the shipment, whose records are then gone."""
        envelope = None if shipment.is_framed else self._envelope()
        with self._ledger.lock:
            if shipment.is_settled:
                return False
            if envelope is not None:
                lane.core.frame(scratch, shipment.batch, self._max_batch_bytes, envelope)
            shipment.is_framed = False
            shipment.is_in_attempt = True
        if shipment.attempts == 0:
            shipment.first_attempt_at = time.monotonic()
        return True

    def _route(self, lane: Lane, shipment: Shipment) -> bool:
        """Find the shipment's one group; False when it has several, and is replaced by a part for each."""
        if self._dialect.routes == 1:
            shipment.route = 0
            return True
        with self._ledger.lock:
            if shipment.is_settled:
                return False
            messages = lane.core.read(shipment.batch)
        positions: dict[int, list[int]] = defaultdict(list)
        for position, message in enumerate(messages):
            positions[self._dialect.route(message)].append(position)
        if len(positions) == 1:
            shipment.route = next(iter(positions))
            return True
        lane.replace(
            shipment,
            [shipment.part(lane.core.select(shipment.batch, chosen), route) for route, chosen in positions.items()],
        )
        return False

    def _count(self, shipment: Shipment, body_bytes: int, answer: Answer) -> None:
        shipment.attempts += 1
        shipment.body_bytes = body_bytes
        shipment.sent_bytes = answer.sent_bytes
        shipment.is_possibly_delivered |= answer.is_ambiguous
        self._ledger.attempt(is_retry=shipment.attempts > 1, framed=body_bytes, sent=answer.sent_bytes)
        if self._logger.isEnabledFor(self._log_level):
            say(
                self._logger,
                self._log_level,
                "attempt %d: %d messages, %d bytes, %d sent: %s",
                shipment.attempts,
                len(shipment.batch),
                body_bytes,
                answer.sent_bytes,
                answer.status or answer.verdict.detail,
            )

    def _act(self, lane: Lane, shipment: Shipment, answer: Answer) -> None:
        verdict = answer.verdict
        said = f"HTTP {answer.status}" if answer.status is not None else "no response"
        detail = f"{said}: {verdict.detail}" if verdict.detail else said
        if verdict.outcome == "delivered":
            self._ledger.judge(None)
            self._delivery.settle(lane, shipment, "", answer.status)
            return
        self._ledger.judge(detail)
        if verdict.outcome == "split" and len(shipment.batch) > 1:
            self._split(lane, shipment)
        elif verdict.outcome in ("drop", "split"):
            self._delivery.settle(lane, shipment, verdict.cause, answer.status, detail)
        else:
            if verdict.outcome == "reroute":
                self._post.reroute()
                shipment.route = None
            self._retry(lane, shipment, answer.status, detail, verdict.retry_after)

    def _split(self, lane: Lane, shipment: Shipment) -> None:
        """
        Offer the two halves instead, to find which message is to blame and deliver the others.

        The halves' attempts begin anew: what a server refused as a whole it was not asked for in parts.
        """
        batch = shipment.batch
        middle = len(batch) // 2
        halves = (range(middle), range(middle, len(batch)))
        parts = [shipment.part(lane.core.select(batch, positions), shipment.route) for positions in halves]
        for part in parts:
            part.attempts = 0
        lane.replace(shipment, parts)

    def _retry(
        self, lane: Lane, shipment: Shipment, status: int | None, detail: str, retry_after: float | None
    ) -> None:
        wait = wait_before_retry(shipment.attempts, retry_after, self._config.retry_after)
        cause = ""
        if shipment.attempts >= self._config.max_attempts:
            cause = "retries_exhausted"
        elif self._is_too_old(shipment, wait):
            cause = "expired"
        if not cause:
            # Not before: until its answer was acted on, closing may only say that the server may have it.
            shipment.is_in_attempt = False
            lane.retry(shipment, wait)
            return
        if shipment.is_possibly_delivered:
            cause = "possibly_delivered"
        self._delivery.settle(lane, shipment, cause, status, detail)

    def _is_too_old(self, shipment: Shipment, wait: float) -> bool:
        limit = self._config.delivery_timeout
        age = (self._config.clock() - shipment.batch.oldest_ns) / 1e9
        return limit is not None and age + wait > limit
