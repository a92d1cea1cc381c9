"""What goes wrong between an answer and what becomes of the batch: attempts are counted once, nothing is forgotten."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import pytest

from fastbatch.dialects import Segment
from fastbatch.typing import Response, Verdict
from tests.support.transports import Recorder, Sent


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


class Judging(Segment):
    """A dialect whose first word on an answer is somebody's mistake."""

    def __init__(self, verdict: Any = None, each: Any = None) -> None:
        self._verdict, self._each = verdict, each

    def verdict(self, response: Response) -> Verdict:
        if response.status != 200:
            return super().verdict(response)
        return Verdict("itemized") if self._verdict is None else self._verdict

    def verdicts(self, response: Response, messages: Sequence[bytes]) -> list[Verdict]:
        return [self._each] * len(messages)


NO_VERDICTS = ["delivered", 5, ("delivered",), {"outcome": "delivered"}]


@pytest.mark.parametrize("said", NO_VERDICTS, ids=repr)
@pytest.mark.parametrize("is_each", [False, True], ids=["on all", "on each"])
def test_what_is_no_verdict_drops_the_batch_as_a_dialect_that_raises_does(scripted, said, is_each):
    """The server has answered, and sending the same again would bring the same answer, and the events twice."""
    heard = Recorder()
    dialect = Judging(each=said) if is_each else Judging(said)
    client, transport = scripted(dialect=dialect, batch_size=2, senders=1, max_attempts=3, on_delivery=heard.report)
    client.track("u", "a", {})
    client.track("u", "b", {})
    assert client.flush(5).pending == 0
    assert len(transport.sent) == client.stats().attempts == 1
    assert client.stats().dropped == {"rejected": 2}
    assert f"the dialect returned {type(said).__name__} instead of a verdict" in heard.reports[0].detail


MISTAKES = {
    "a wait that is text": Judging(Verdict("retry", retry_after="soon")),  # type: ignore[arg-type]
    "a wait of each that is text": Judging(each=Verdict("retry", retry_after="soon")),  # type: ignore[arg-type]
    "a verdict on each that is not hashable": Judging(each=Verdict("drop", detail=["a"])),  # type: ignore[arg-type]
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("dialect", MISTAKES.values(), ids=MISTAKES)
def test_an_answer_that_cannot_be_acted_on_is_one_attempt(scripted, dialect):
    """Each attempt is counted once, so that there are as many as were asked for."""
    heard = Recorder()
    client, transport = scripted(dialect=dialect, batch_size=1, senders=1, max_attempts=2, on_delivery=heard.report)
    client.track("u", "a", {})
    assert client.flush(10).pending == 0
    assert len(transport.sent) == client.stats().attempts == heard.reports[0].attempts == 2


def test_what_the_server_may_have_kept_is_possibly_delivered_when_its_answer_is_not_understood(scripted):
    """It said what became of each message, and only that was not understood."""
    dialect = MISTAKES["a verdict on each that is not hashable"]
    client, _ = scripted(dialect=dialect, batch_size=1, senders=1, max_attempts=2)
    client.track("u", "a", {})
    assert client.flush(10).pending == 0
    assert client.stats().dropped == {"possibly_delivered": 1}


class BreakingClock:
    """A clock that is right until an answer has come, and breaks once."""

    is_armed = False

    def __call__(self) -> int:
        if self.is_armed:
            self.is_armed = False
            raise ZeroDivisionError
        return time.time_ns()


def test_a_clock_that_breaks_after_a_refusal_costs_no_attempt_and_no_certainty(scripted):
    """The server has said that it does not have the batch."""
    clock = BreakingClock()

    def refuse(_: Sent) -> int:
        clock.is_armed = True
        return 503

    client, transport = scripted(
        refuse, refuse, default=503, clock=clock, delivery_timeout=3600.0, batch_size=1, senders=1, max_attempts=3
    )
    client.track("u", "a", {})
    assert client.flush(20).pending == 0
    assert len(transport.sent) == client.stats().attempts == 3
    assert client.stats().dropped == {"retries_exhausted": 1}


class Interrupting(logging.Logger):
    """Ctrl-C comes while an attempt is logged, the first time."""

    is_armed = True

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if self.is_armed and str(msg).startswith("attempt"):
            self.is_armed = False
            raise KeyboardInterrupt


def test_ctrl_c_after_an_answer_leaves_the_attempts_right(scripted):
    """What was answered and not acted on is sent again, as what may be there already."""
    heard = Recorder()
    logger = Interrupting("of-the-test", logging.DEBUG)
    client, transport = scripted(200, 503, sync_mode=True, max_attempts=2, logger=logger, on_delivery=heard.report)
    with pytest.raises(KeyboardInterrupt):
        client.track("u", "a", {})
    client.flush(5)
    assert len(transport.sent) == heard.reports[0].attempts == 2
    assert client.stats().dropped == {"possibly_delivered": 1}
