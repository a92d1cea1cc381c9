"""What a program hears of its events, and that nothing it does on hearing harms delivery."""

from __future__ import annotations

import threading
import time

import pytest

from fastbatch import DeliveryError
from tests.support.transports import Recorder


def test_each_message_is_reported_once_as_it_was_sent(scripted):
    """Success hears of the delivered ones, failure of the others, with the reason."""
    heard = Recorder()
    client, transport = scripted(200, 401, batch_size=2, senders=1, callback=heard)
    for number in range(4):
        client.track("u", f"e{number}", {"n": number})
    client.flush(5)
    assert heard.successes == transport.sent[0].messages
    assert [message for message, _ in heard.failures] == transport.sent[1].messages
    errors = [error for _, error in heard.failures]
    assert all(isinstance(error, DeliveryError) for error in errors)
    assert {(error.cause, error.status) for error in errors} == {("rejected", 401)}


def test_each_batch_is_reported_once(scripted):
    """Its size, its attempts, its bytes, its outcome."""
    heard = Recorder()
    client, transport = scripted(503, 200, 400, batch_size=1, senders=1, on_delivery=heard.report, compression="none")
    client.track("u", "a", {})
    client.flush(5)
    client.track("u", "b", {})
    client.flush(5)
    first, second = heard.reports
    assert (first.delivered, first.cause, first.messages, first.attempts, first.status) == (True, "", 1, 2, 200)
    assert first.body_bytes == first.sent_bytes == len(transport.sent[1].body)
    assert (second.delivered, second.cause, second.attempts, second.status) == (False, "rejected", 1, 400)


def test_what_a_close_gives_up_is_reported_as_well(scripted):
    """Every accepted event has exactly one final word, also at the end."""
    heard = Recorder()
    client, transport = scripted(batch_size=2, senders=1, callback=heard)
    transport.hold()
    for number in range(5):
        client.track("u", f"e{number}", {})
    transport.wait_for(1)
    client.close(0.2)
    heard.wait_until(lambda: len(heard.failures) == 5)
    causes = {message["event"]: error.cause for message, error in heard.failures}
    assert causes == {
        **dict.fromkeys(["e0", "e1"], "possibly_delivered"),
        **dict.fromkeys(["e2", "e3", "e4"], "shutdown"),
    }


class Raising(Recorder):
    """Raises what it is given at every word."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def success(self, message):
        super().success(message)
        raise self.error

    def report(self, report):
        super().report(report)
        raise self.error


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_a_callback_that_raises_harms_nothing(scripted, error, elapsed):
    """Each word is said, each event is counted, flush does not wait for a thread that died."""
    heard = Raising(error)
    client, _ = scripted(batch_size=1, callback=heard, on_delivery=heard.report)
    for number in range(3):
        client.track("u", f"e{number}", {})
        assert client.flush(5).pending == 0
    assert client.stats().delivered == 3
    heard.wait_until(lambda: len(heard.successes) == len(heard.reports) == 3)
    assert elapsed() < 3.0


def test_a_callback_that_never_returns_costs_a_flush_no_more_than_its_timeout(scripted):
    """Delivery goes on, and the account is right."""
    release = threading.Event()
    client, _ = scripted(batch_size=1, on_delivery=lambda report: release.wait(20))
    try:
        client.track("u", "a", {})
        client.track("u", "b", {})
        began = time.monotonic()
        assert client.flush(0.3).pending == 0
        assert 0.2 < time.monotonic() - began < 0.6
        assert client.stats().delivered == 2
    finally:
        release.set()


def test_flush_returns_after_the_callbacks_have_heard(scripted):
    """A script that prints its summary after a flush misses nothing."""
    heard = Recorder()
    client, _ = scripted(batch_size=10, callback=heard, on_delivery=heard.report)
    for _ in range(35):
        client.track("u", "e", {})
    client.flush(5)
    assert len(heard.successes) == 35
    assert sum(report.messages for report in heard.reports) == 35


def test_a_callback_may_track(scripted):
    """It becomes an event like any other."""

    class Echo(Recorder):
        def success(self, message):
            super().success(message)
            if message["event"] == "first":
                assert client.track("u", "second", {})

    heard = Echo()
    client, transport = scripted(batch_size=1, callback=heard)
    client.track("u", "first", {})
    heard.wait_until(lambda: len(heard.successes) == 2)
    assert transport.events == ["first", "second"]


@pytest.mark.parametrize(
    "properties", [{"n": 10**400}, {"n": 2**80}, {"s": "\ud800"}, {"f": 1e308}], ids=["400 digits", "80 bits", "s", "f"]
)
def test_a_callback_hears_of_what_a_parser_may_refuse(scripted, properties):
    """Every message that was accepted can be reported, and the thread that reports lives on."""
    heard = Recorder()
    client, _ = scripted(batch_size=1, callback=heard)
    client.track("u", "odd", properties)
    client.track("u", "plain", {})
    client.flush(5)
    heard.wait_until(lambda: len(heard.successes) == 2)
    assert {message["event"] for message in heard.successes} == {"odd", "plain"}


def test_in_sync_mode_callbacks_run_on_the_calling_thread(scripted):
    """When track returns, the callback has heard."""
    threads = []

    class Where(Recorder):
        def success(self, message):
            threads.append(threading.current_thread())

    client, _ = scripted(sync_mode=True, callback=Where())
    client.track("u", "e", {})
    assert threads == [threading.current_thread()]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("action", ["track", "flush", "close", "stats"])
def test_in_sync_mode_a_callback_may_call_anything(scripted, elapsed, action):
    """The batch that it hears of has its outcome already, so nothing waits for it."""
    deadline = threading.Event()

    class Calling(Recorder):
        def success(self, message):
            super().success(message)
            if message["event"] != "first":
                return
            calls = {
                "track": lambda: client.track("u", "second", {}),
                "flush": lambda: client.flush(8),
                "close": lambda: client.close(8),
                "stats": client.stats,
            }
            calls[action]()
            deadline.set()

    heard = Calling()
    client, _ = scripted(sync_mode=True, callback=heard)
    worker = threading.Thread(target=client.track, args=("u", "first", {}), daemon=True)
    worker.start()
    assert deadline.wait(4), "the callback still waits for itself"
    worker.join(4)
    assert [message["event"] for message in heard.successes][:1] == ["first"]
    assert len(heard.successes) == (2 if action == "track" else 1)


def test_in_sync_mode_what_a_callback_raises_on_purpose_leaves_the_account_whole(scripted):
    """Ctrl-C in a callback reaches the program, and the next call works."""
    client, _ = scripted(sync_mode=True, callback=Raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        client.track("u", "e", {})
    assert client.stats().delivered == 1
    assert client.stats().in_flight == 0


def test_callbacks_get_a_message_of_their_own(scripted):
    """What one does to it, no other sees, nor the wire."""

    class Vandal(Recorder):
        def success(self, message):
            message.clear()
            super().success(message)

    client, transport = scripted(batch_size=1, callback=Vandal())
    client.track("u", "e", {"a": 1})
    client.flush(5)
    assert transport.sent[0].messages[0]["properties"] == {"a": 1}
    assert client.stats().delivered == 1


def test_no_callback_thread_runs_where_there_is_no_callback(scripted):
    """Nobody to tell, nothing to start."""
    client, _ = scripted(batch_size=1)
    client.track("u", "e", {})
    client.flush(5)
    assert client._engine._reporter._thread is None


def test_a_failure_is_an_exception_that_names_no_payload(scripted):
    """It may be logged as it is."""
    heard = Recorder()
    client, _ = scripted(401, batch_size=1, callback=heard)
    client.track("u", "secret-event", {"password": "secret-value"})
    client.flush(5)
    heard.wait_until(lambda: len(heard.failures) == 1)
    text = str(heard.failures[0][1]) + repr(heard.failures[0][1])
    assert "secret" not in text
    assert "401" in text
