"""What the log says of lost events: at once, then in sums."""

from __future__ import annotations

import logging
import threading

import pytest

from fastbatch.pipeline import notices as notices_module
from fastbatch.pipeline.notices import PERIOD, Notices


class Clock:
    """The monotonic clock, moved by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(notices_module, "time", clock)
    return clock


@pytest.fixture
def notices():
    return Notices(logging.getLogger("fastbatch"))


def test_the_first_is_told_at_once_and_the_rest_as_a_sum_after_the_period(clock, notices, caplog):
    """A line for the operator to see, and not a line an event."""
    notices.tell("refused", "queue_full", 1)
    for _ in range(999):
        notices.tell("refused", "queue_full", 1)
    assert caplog.messages == ["1 event refused (queue_full)"]
    clock.now += PERIOD - 0.1
    notices.tell("refused", "queue_full", 1)
    assert len(caplog.messages) == 1
    clock.now += 0.1
    notices.tell("refused", "queue_full", 5)
    assert caplog.messages[1:] == ["1005 events refused (queue_full)"]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_the_very_first_is_told_on_a_machine_that_has_just_started(clock, notices, caplog):
    """The monotonic clock begins at 0 there."""
    clock.now = 0.0
    notices.tell("dropped", "rejected", 1)
    assert len(caplog.messages) == 1


def test_causes_do_not_silence_each_other(clock, notices, caplog):
    """Neither do refusals and drops."""
    notices.tell("dropped", "rejected", 2, "HTTP 401: who are you")
    notices.tell("dropped", "expired", 1)
    notices.tell("refused", "expired", 1)
    assert caplog.messages == [
        "2 events dropped (rejected): HTTP 401: who are you",
        "1 event dropped (expired)",
        "1 event refused (expired)",
    ]


def test_nothing_is_left_unsaid_at_the_end(clock, notices, caplog):
    """`tell_rest` says the sums that wait for their period, once."""
    notices.tell("dropped", "rejected", 1)
    notices.tell("dropped", "rejected", 2)
    notices.tell("dropped", "rejected", 3)
    notices.tell_rest()
    notices.tell_rest()
    assert caplog.messages == ["1 event dropped (rejected)", "5 events dropped (rejected)"]


def test_a_handler_may_itself_cause_a_notice(clock, caplog):
    """A logging handler that sends its lines through the client must not wait for itself."""
    logger = logging.getLogger("fastbatch.test_notices")
    notices = Notices(logger)

    class Handler(logging.Handler):
        def emit(self, record):
            notices.tell("refused", "queue_full", 1)

    logger.addHandler(handler := Handler())
    try:
        done = threading.Thread(target=notices.tell, args=("refused", "queue_full", 1), daemon=True)
        done.start()
        done.join(5.0)
        assert not done.is_alive()
    finally:
        logger.removeHandler(handler)


def test_threads_lose_no_count(clock, notices, caplog):
    """The sums are exact."""
    threads = [
        threading.Thread(target=lambda: [notices.tell("refused", "closed", 1) for _ in range(1000)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    notices.tell_rest()
    assert sum(int(message.split()[0]) for message in caplog.messages) == 4000
