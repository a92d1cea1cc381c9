"""What a sender does with a shipment: frame, attempt, and act on the verdict."""

from __future__ import annotations

import dataclasses
import logging
import time
import uuid
from collections import defaultdict
from contextlib import ExitStack

from fastbatch.config import Config
from fastbatch.core.interface import Scratch
from fastbatch.pipeline.backoff import wait_before_retry
from fastbatch.pipeline.delivery import Delivery
from fastbatch.pipeline.envelopes import Envelopes
from fastbatch.pipeline.lane import Errand, Lane
from fastbatch.pipeline.ledger import Ledger
from fastbatch.pipeline.notices import say
from fastbatch.pipeline.post import Answer, Post
from fastbatch.pipeline.shipment import Shipment, Word
from fastbatch.typing import Attempt, Dialect, Envelope, Verdict

__all__ = ["Sender"]

FAILURE_PAUSE = 1.0
"""After what should never fail has failed, seconds."""


class Sender:
    """Sends the shipments of any lane; has no state of its own, so that every thread may share it."""

    def __init__(  # noqa: PLR0913, PLR0917 the parts it joins
        self,
        config: Config,
        dialect: Dialect,
        post: Post,
        ledger: Ledger,
        delivery: Delivery,
        envelopes: Envelopes,
    ) -> None:
        self._config = config
        self._max_batch_bytes = config.limits.max_batch_bytes
        self._dialect = dialect
        self._post = post
        self._ledger = ledger
        self._delivery = delivery
        self._envelopes = envelopes
        self._logger = config.logger
        self._log_level = logging.INFO if config.verbose else logging.DEBUG

    def run(self, lane: Lane) -> None:
        """Send until the lane has nothing left and is closing."""
        scratch = lane.scratch()
        while self.send_next(lane, scratch):
            pass

    def run_errand(self, lane: Lane, errand: Errand) -> None:
        """Send on the calling thread until the errand is done."""
        scratch = lane.scratch()
        while self.send_next(lane, scratch, errand):
            pass

    def send_next(self, lane: Lane, scratch: Scratch, errand: Errand | None = None) -> bool:
        """Wait for a shipment and send it; False when the lane has none any more."""
        try:
            shipment = lane.next(scratch, errand)
        except Exception as error:
            # The dialect's envelope or the program's clock. Nothing was taken; what is queued waits for better times.
            if errand is not None and errand.up_to is None:
                raise
            problem = f"a sender cannot take a batch: {type(error).__name__}"
            self._ledger.judge(problem)
            say(self._logger, logging.ERROR, problem)
            lane.rest(FAILURE_PAUSE if errand is None else min(FAILURE_PAUSE, errand.left()))
            return errand is None or errand.left() > 0
        if shipment is None:
            return False
        try:
            self._send(lane, shipment, scratch)
        except BaseException as error:
            # A sender that dies would leave the queue to fill in silence, and a batch that it forgets never ends.
            self._recover(lane, shipment, error)
            if errand is not None and not isinstance(error, Exception):
                raise  # Ctrl-C on the caller's own thread
        return True

    def _recover(self, lane: Lane, shipment: Shipment, error: BaseException) -> None:
        kind = type(error).__name__
        say(self._logger, logging.ERROR, "a sender failed with %s", kind)
        failure = Verdict("retry", detail=f"the sender failed with {kind}")
        if shipment.parts:
            self._conclude(lane, shipment.parts, failure, None)
            return
        if shipment.word is not None:
            self._delivery.settle(lane, shipment, shipment.word.cause)
            return
        # What raised in the middle of an attempt may have raised after the server had it all; so it has after an answer
        # that nobody understands.
        is_unclear = shipment.is_counted or not isinstance(error, Exception)
        shipment.is_possibly_delivered |= shipment.is_in_attempt and is_unclear
        shipment.attempts += not shipment.is_counted
        self._park(lane, shipment, failure, None)

    def _send(self, lane: Lane, shipment: Shipment, scratch: Scratch) -> None:
        shipment.is_counted = False
        if shipment.route is None and not self._route(lane, shipment):
            return
        now = self._envelopes.now()
        headers = self._dialect.attempt_headers(_attempt(shipment, now))
        envelope = None if shipment.is_framed else self._envelopes.again(shipment.created_at, now)
        try:
            is_begun = self._begin_attempt(lane, shipment, scratch, envelope)
        except ValueError as error:
            self._give_up_oversize(lane, shipment, str(error))
            return
        if not is_begun:
            return
        if shipment.attempts == 0:
            shipment.first_attempt_at = time.monotonic()
        answer = self._post.send(scratch.body, headers)
        self._count(shipment, len(scratch.body), answer)
        self._act(lane, shipment, answer)

    def _begin_attempt(self, lane: Lane, shipment: Shipment, scratch: Scratch, envelope: Envelope | None) -> bool:
        """Frame what is not framed yet; False when `Lane.stop` was faster, and the messages' space is given back."""
        with self._ledger.lock:
            if shipment.is_settled:
                return False
            if envelope is not None:
                # Raises ValueError when the dialect's envelope has grown since the messages were accepted.
                lane.core.frame(scratch, shipment.batch, self._max_batch_bytes, envelope)
            shipment.is_framed = False
            shipment.is_in_attempt = True
            return True

    def _route(self, lane: Lane, shipment: Shipment) -> bool:
        """Find the shipment's one group; False when it is settled, or replaced by a part for each of several."""
        if self._dialect.routes == 1:
            shipment.route = 0
            return True
        positions: dict[int, list[int]] = defaultdict(list)
        for position, message in enumerate(lane.read(shipment)):
            positions[self._dialect.route(message)].append(position)
        if not positions:
            return False
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
        shipment.is_counted = True
        shipment.body_bytes = body_bytes
        shipment.sent_bytes = answer.sent_bytes
        shipment.is_possibly_delivered |= answer.is_ambiguous
        self._ledger.attempt(is_retry=shipment.attempts > 1, framed=body_bytes, sent=answer.sent_bytes)
        if self._is_logged():
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

    def _is_logged(self) -> bool:
        try:
            return self._logger.isEnabledFor(self._log_level)
        except Exception:  # noqa: BLE001 the program's own logger
            return False

    def _act(self, lane: Lane, shipment: Shipment, answer: Answer) -> None:
        if answer.verdict.outcome == "itemized":
            self._act_on_each(lane, shipment, answer)
        else:
            self._act_on_all(lane, shipment, answer.verdict, answer.status)

    def _act_on_all(self, lane: Lane, shipment: Shipment, verdict: Verdict, status: int | None) -> None:
        is_split = verdict.outcome == "split" and len(shipment.batch) > 1
        if verdict.outcome in ("delivered", "drop", "split") and not is_split:
            shipment.word = _word(verdict, status)
            self._ledger.judge(shipment.word.detail if shipment.word.cause else None)
            self._delivery.settle(lane, shipment, shipment.word.cause)
            return
        verdict = _told(verdict, status)
        self._ledger.judge(verdict.detail)
        if is_split:
            self._split(lane, shipment)
        else:
            shipment.is_in_attempt = False
            if verdict.outcome == "reroute":
                self._post.reroute(len(shipment.batch))
                shipment.route = None
            shipment.is_possibly_delivered |= verdict.is_ambiguous
            self._retry(lane, shipment, verdict, status)

    def _act_on_each(self, lane: Lane, shipment: Shipment, answer: Answer) -> None:
        """Give each message what the server said of it; those that it wants again go on as the same request."""
        messages = lane.read(shipment)
        if not messages or answer.response is None:
            return
        finals, retries, again = _sorted(self._post.judge_each(answer.response, messages))
        if not finals:
            self._act_on_all(lane, shipment, again, answer.status)
        elif not retries and len(finals) == 1:
            self._act_on_all(lane, shipment, next(iter(finals)), answer.status)
        else:
            again = _told(again, answer.status)
            select, batch = lane.core.select, shipment.batch
            shares = [
                shipment.share(select(batch, positions), _word(verdict, answer.status))
                for verdict, positions in finals.items()
            ]
            problem = next((share.word.detail for share in shares if share.word and share.word.cause), None)
            if retries:
                shares.append(shipment.share(select(batch, retries), None))
                shares[-1].is_possibly_delivered |= again.is_ambiguous
                problem = problem or again.detail
            self._ledger.judge(problem)
            if lane.divide(shipment, shares):
                self._conclude(lane, shares, again, answer.status)

    def _conclude(self, lane: Lane, shares: list[Shipment], again: Verdict, status: int | None) -> None:
        """Bring each share to its end, and offer the one that has no word again; twice does no harm."""
        # Each gets its turn, whatever a callback of another raises on this thread; the one without a word is the last.
        with ExitStack() as turns:
            for share in reversed(shares):
                if share.word is not None:
                    turns.callback(self._delivery.settle, lane, share, share.word.cause)
                elif not share.is_offered:
                    turns.callback(self._park, lane, share, again, status)

    def _give_up_oversize(self, lane: Lane, shipment: Shipment, detail: str) -> None:
        if len(shipment.batch) > 1:
            self._split(lane, shipment)
        else:
            self._delivery.settle(lane, shipment, "too_large", detail=detail)

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

    def _park(self, lane: Lane, shipment: Shipment, verdict: Verdict, status: int | None) -> None:
        """Retry, whatever the program's own parts raise."""
        try:
            self._retry(lane, shipment, verdict, status)
        except Exception:  # noqa: BLE001 such as the program's clock
            if not lane.retry(shipment, FAILURE_PAUSE):
                self._delivery.settle(lane, shipment, "shutdown", status, verdict.detail)

    def _retry(self, lane: Lane, shipment: Shipment, verdict: Verdict, status: int | None) -> None:
        wait = wait_before_retry(shipment.attempts, verdict.retry_after, self._config.retry_after)
        cause = ""
        if shipment.attempts >= self._config.max_attempts:
            cause = "retries_exhausted"
        elif self._is_too_old(shipment, wait):
            cause = "expired"
        if not cause:
            shipment.status, shipment.detail = status, verdict.detail
            if lane.retry(shipment, wait):
                return
            cause = "shutdown"
        if shipment.is_possibly_delivered:
            cause = "possibly_delivered"
        self._delivery.settle(lane, shipment, cause, status, verdict.detail)

    def _is_too_old(self, shipment: Shipment, wait: float) -> bool:
        limit = self._config.delivery_timeout
        if limit is None:
            return False
        age = (self._config.clock() - shipment.batch.oldest_ns) / 1e9
        return age + wait > limit


def _attempt(shipment: Shipment, now: str) -> Attempt:
    """Return what the dialect may say of the next attempt; the first gives the shipment its name."""
    shipment.request_id = shipment.request_id or str(uuid.uuid4())
    shipment.created_at = shipment.created_at or now
    return Attempt(shipment.attempts + 1, shipment.request_id, shipment.created_at, now, shipment.route or 0)


def _told(verdict: Verdict, status: int | None) -> Verdict:
    """Return the verdict with a detail that says what there was for an answer."""
    said = f"HTTP {status}" if status is not None else "no response"
    return dataclasses.replace(verdict, detail=f"{said}: {verdict.detail}" if verdict.detail else said)


def _word(verdict: Verdict, status: int | None) -> Word:
    if verdict.outcome == "delivered":
        return Word("", status, verdict.detail)
    return Word(verdict.cause, status, _told(verdict, status).detail)


def _sorted(verdicts: list[Verdict]) -> tuple[dict[Verdict, list[int]], list[int], Verdict]:
    """Return the positions of each final verdict, those of the messages that go again, and the verdict on these."""
    finals: dict[Verdict, list[int]] = defaultdict(list)
    retries: list[int] = []
    for position, verdict in enumerate(verdicts):
        (finals[verdict] if verdict.outcome in ("delivered", "drop", "split") else retries).append(position)
    said = [verdicts[position] for position in retries]
    again = Verdict(
        "retry",
        retry_after=max((verdict.retry_after or 0.0 for verdict in said), default=None),
        detail=next((verdict.detail for verdict in said if verdict.detail), ""),
        is_ambiguous=any(verdict.is_ambiguous for verdict in said),
    )
    return finals, retries, again
