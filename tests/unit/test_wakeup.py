"""A wake-up call is neither lost nor kept twice."""

from __future__ import annotations

import threading
import time

from fastbatch.pipeline.wakeup import Wakeup


def seconds_of(wait: float, wakeup: Wakeup) -> float:
    begin = time.monotonic()
    wakeup.wait(wait)
    return time.monotonic() - begin


def test_a_call_before_the_sleep_ends_the_next_sleep_at_once_and_only_that():
    """However often it was made."""
    wakeup = Wakeup()
    for _ in range(3):
        wakeup.set()
    assert seconds_of(5.0, wakeup) < 1.0
    assert seconds_of(0.05, wakeup) >= 0.04


def test_a_call_ends_a_sleep():
    """From another thread."""
    wakeup = Wakeup()
    threading.Timer(0.05, wakeup.set).start()
    assert seconds_of(5.0, wakeup) < 2.0


def test_no_time_and_less_is_no_sleep():
    """A deadline that has passed asks for negative seconds."""
    wakeup = Wakeup()
    assert seconds_of(0.0, wakeup) < 1.0
    assert seconds_of(-1.0, wakeup) < 1.0


def test_many_callers_at_once_are_one_call():
    """None of them fails, and none waits."""
    wakeup = Wakeup()
    threads = [threading.Thread(target=lambda: [wakeup.set() for _ in range(1000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wakeup.wait(1.0)
    assert seconds_of(0.02, wakeup) >= 0.01
