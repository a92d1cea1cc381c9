"""The thread between delivery and the user's callbacks."""

from __future__ import annotations

import logging
import sys
import threading
import time

import pytest

from fastbatch.errors import DeliveryError
from fastbatch.pipeline import reporter as reporter_module
from fastbatch.pipeline.reporter import Reporter
from fastbatch.typing import DeliveryReport

LOGGER = logging.getLogger("fastbatch")
MESSAGES = [b'{"event":"A"}', b'{"event":"B"}']


def a_report(cause: str = "", messages: int = 2) -> DeliveryReport:
    return DeliveryReport(not cause, cause, messages, 1, None if cause else 200, "why" if cause else "", 10, 5, 0.1)


class Listener:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, Exception | None]] = []

    def success(self, message):
        self.heard.append(("success", message["event"], None))

    def failure(self, message, error):
        self.heard.append(("failure", message["event"], error))


def soon() -> float:
    return time.monotonic() + 5.0


def reporter_threads() -> int:
    return sum(thread.name == "fastbatch-reporter" for thread in threading.enumerate())


def test_nobody_listens_nothing_is_kept_and_no_thread_runs():
    """The usual client has no callback."""
    reporter = Reporter(None, None, LOGGER, is_direct=False)
    before = reporter_threads()
    reporter.report(a_report(), [])
    assert (reporter.wants_messages, reporter_threads()) == (False, before)
    reporter.wait(soon())


@pytest.mark.parametrize("is_direct", [True, False])
def test_both_callbacks_hear_of_everything_in_order(is_direct):
    """The report of a batch before its messages; a failure with its cause."""
    listener, reports = Listener(), []
    reporter = Reporter(listener, reports.append, LOGGER, is_direct=is_direct)
    reporter.report(a_report(), MESSAGES)
    reporter.report(a_report("rejected"), MESSAGES)
    reporter.wait(soon())
    assert [report.cause for report in reports] == ["", "rejected"]
    assert [(kind, event) for kind, event, _ in listener.heard] == [
        ("success", "A"),
        ("success", "B"),
        ("failure", "A"),
        ("failure", "B"),
    ]
    error = listener.heard[-1][2]
    assert isinstance(error, DeliveryError)
    assert (error.cause, error.status, error.detail) == ("rejected", None, "why")


def test_direct_is_on_the_calling_thread_and_otherwise_it_is_not():
    """``sync_mode`` promises the one, everything else the other."""
    threads = []
    for is_direct in (True, False):
        reporter = Reporter(
            None, lambda report: threads.append(threading.current_thread()), LOGGER, is_direct=is_direct
        )
        reporter.report(a_report(), [])
        reporter.wait(soon())
    assert threads[0] is threading.current_thread()
    assert threads[1].name == "fastbatch-reporter"
    assert threads[1].daemon


def test_a_callback_that_raises_is_logged_now_and_then_and_hurts_nobody(caplog):
    """The first time and every hundredth; by its type alone, since its text may hold an event."""
    heard = []

    def raising(report):
        heard.append(report)
        raise KeyError("s3cr3t")

    reporter = Reporter(None, raising, LOGGER, is_direct=False)
    for _ in range(150):
        reporter.report(a_report(), [])
    reporter.wait(soon())
    assert len(heard) == 150
    assert caplog.messages == ["a callback raised KeyError; 1 so far", "a callback raised KeyError; 101 so far"]


def test_a_callback_that_ends_its_thread_does_not_end_the_reports(caplog):
    """`sys.exit` is no `Exception`, and must not make every later flush wait in vain."""
    heard = []

    def leaving(report):
        heard.append(report)
        sys.exit(1)

    reporter = Reporter(None, leaving, LOGGER, is_direct=False)
    for _ in range(3):
        reporter.report(a_report(), [])
    begin = time.monotonic()
    reporter.wait(begin + 2.0)
    assert time.monotonic() - begin < 1.5
    assert len(heard) == 3
    assert caplog.messages == ["a callback raised SystemExit; 1 so far"]


def test_what_a_slow_callback_leaves_waiting_is_bounded(caplog, monkeypatch):
    """By reports and by bytes; what is not reported is said once, and the rest arrives."""
    monkeypatch.setattr(reporter_module, "MOST_WAITING", 10)
    gate, heard = threading.Event(), []

    def slow(report):
        gate.wait(5.0)
        heard.append(report)

    reporter = Reporter(None, slow, LOGGER, is_direct=False)
    for _ in range(50):
        reporter.report(a_report(), [])
    gate.set()
    reporter.wait(soon())
    assert 10 <= len(heard) <= 11
    assert len(caplog.messages) == 1
    assert "too slow" in caplog.messages[0]
    reporter.report(a_report(), [])
    reporter.wait(soon())
    assert 11 <= len(heard) <= 12


def test_messages_that_wait_for_a_slow_callback_are_bounded_in_bytes(caplog, monkeypatch):
    """Their bytes are given back when they are passed on."""
    monkeypatch.setattr(reporter_module, "MOST_WAITING_BYTES", 10 * len(MESSAGES[0]))
    gate, listener = threading.Event(), Listener()
    listener_success = listener.success

    def slow(message):
        gate.wait(5.0)
        listener_success(message)

    listener.success = slow
    reporter = Reporter(listener, None, LOGGER, is_direct=False)
    for _ in range(50):
        reporter.report(a_report(), MESSAGES)
    gate.set()
    reporter.wait(soon())
    count = len(listener.heard)
    assert 10 <= count <= 12
    for _ in range(10):
        reporter.report(a_report(), MESSAGES)
        reporter.wait(soon())
    assert len(listener.heard) == count + 20


def test_waiting_ends_at_its_deadline():
    """A callback that hangs does not hold a flush beyond its timeout."""
    gate = threading.Event()
    reporter = Reporter(None, lambda report: gate.wait(10.0), LOGGER, is_direct=False)
    reporter.report(a_report(), [])
    begin = time.monotonic()
    reporter.wait(begin + 0.1)
    assert 0.09 < time.monotonic() - begin < 2.0
    gate.set()
    reporter.wait(soon())


def test_a_callback_that_waits_for_the_callbacks_does_not_wait_for_itself():
    """Flushing from a callback is allowed."""
    waited = []

    def flushing(report):
        begin = time.monotonic()
        reporter.wait(begin + 5.0)
        waited.append(time.monotonic() - begin)

    reporter = Reporter(None, flushing, LOGGER, is_direct=False)
    reporter.report(a_report(), [])
    reporter.wait(soon())
    assert len(waited) == 1
    assert waited[0] < 2.0


def test_the_thread_ends_when_it_is_idle_and_comes_back(monkeypatch):
    """A client that is forgotten keeps no thread."""
    monkeypatch.setattr(reporter_module, "IDLE_SECONDS", 0.05)
    heard = []
    reporter = Reporter(None, heard.append, LOGGER, is_direct=False)
    for round_ in (1, 2):
        reporter.report(a_report(), [])
        reporter.wait(soon())
        assert len(heard) == round_
        thread = reporter._thread
        if thread is not None:
            thread.join(5.0)
            assert not thread.is_alive()
        assert reporter._thread is None


def test_a_report_that_comes_as_the_thread_ends_is_not_forgotten(monkeypatch):
    """Whichever is first, it is told: a thousand times at the edge."""
    monkeypatch.setattr(reporter_module, "IDLE_SECONDS", 0.0005)
    heard = []
    reporter = Reporter(None, heard.append, LOGGER, is_direct=False)
    for number in range(300):
        reporter.report(a_report(), [])
        time.sleep(0.0004 + number % 5 * 0.0001)
    reporter.wait(soon())
    assert len(heard) == 300


@pytest.fixture
def no_threads(monkeypatch):
    """A process that can start no thread: while its interpreter shuts down, or at the machine's limit."""

    def refuse(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        yield patch


def test_without_a_thread_whoever_waits_passes_the_reports_on(no_threads):
    """The last reports of a program that ends come from its last flush."""
    listener, reports = Listener(), []
    reporter = Reporter(listener, reports.append, LOGGER, is_direct=False)
    reporter.report(a_report(), MESSAGES)
    reporter.report(a_report(), MESSAGES)
    assert reports == []
    reporter.wait(soon())
    assert (len(reports), len(listener.heard)) == (2, 4)
    assert reporter._waiting_bytes == 0


def test_without_a_thread_a_callback_may_wait_too(no_threads):
    """It returns at once, and everything is passed on one after the other."""
    depths, depth = [], 0

    def flushing(report):
        nonlocal depth
        depth += 1
        depths.append(depth)
        reporter.wait(soon())
        depth -= 1

    reporter = Reporter(None, flushing, LOGGER, is_direct=False)
    for _ in range(3):
        reporter.report(a_report(), [])
    begin = time.monotonic()
    reporter.wait(soon())
    assert time.monotonic() - begin < 2.0
    assert depths == [1, 1, 1]


def test_when_threads_can_be_started_again_what_waited_is_passed_on(no_threads):
    """A limit on threads is often a matter of seconds."""
    reports = []
    reporter = Reporter(None, reports.append, LOGGER, is_direct=False)
    reporter.report(a_report(), [])
    no_threads.undo()
    reporter.report(a_report(), [])
    reporter.wait(soon())
    assert len(reports) == 2


def test_ctrl_c_passes_through_a_callback_on_the_users_thread():
    """In ``sync_mode`` the callback runs there."""

    def interrupted(report):
        raise KeyboardInterrupt

    reporter = Reporter(None, interrupted, LOGGER, is_direct=True)
    with pytest.raises(KeyboardInterrupt):
        reporter.report(a_report(), [])
