"""When batches leave, and what flush and close wait for."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from fastbatch import ClosedError, ConfigError
from tests.support.faulty_server import Hang, ReadRequest, answer
from tests.support.transports import Recorder

QUIET = 3600.0


def test_a_batch_leaves_as_soon_as_it_has_batch_size_messages(scripted):
    """The count alone suffices; the interval is an hour."""
    client, transport = scripted(batch_size=3)
    for number in range(7):
        client.track("u", f"e{number}", {"n": number})
    assert [len(sent.messages) for sent in transport.wait_for(2)[:2]] == [3, 3]
    assert client.flush(5).pending == 0
    assert sorted(transport.events) == [f"e{number}" for number in range(7)]


def test_batch_size_1_sends_each_at_once(scripted):
    """Each message is a request of its own."""
    client, transport = scripted(batch_size=1)
    for number in range(3):
        client.track("u", f"e{number}", {})
    assert [len(sent.messages) for sent in transport.wait_for(3)] == [1, 1, 1]


def test_a_batch_leaves_as_soon_as_it_is_full_of_bytes(scripted):
    """Bytes alone suffice as well."""
    client, transport = scripted(max_batch_bytes=4096, batch_size=1000)
    for number in range(30):
        client.track("u", f"e{number}", {"pad": "x" * 300})
    transport.wait_for(1)
    assert client.flush(5).pending == 0
    assert len(transport.sent) > 2


@pytest.mark.parametrize("dialect", ["segment", "rudderstack"])
def test_every_body_is_as_full_as_can_be_and_never_fuller(scripted, dialect):
    """No body exceeds the limit, and the message that follows it would not have fitted: envelope and commas count."""
    limit = 3000
    client, transport = scripted(dialect=dialect, max_batch_bytes=limit, batch_size=1000, senders=1, compression="none")
    for number in range(60):
        client.track("u", f"e{number}", {"pad": "x" * (number * 7 % 400)})
    assert client.flush(5).pending == 0
    sent = transport.sent
    assert [event for each in sent for event in each.events] == [f"e{number}" for number in range(60)]
    mark = b',{"sentAt"' if dialect == "rudderstack" else b',{"type"'
    for each, following in itertools.pairwise(sent):
        first = following.body[len(b'{"batch":[') :].split(mark)[0]
        # The first of several ends where its comma stands, the only one where the envelope's tail begins.
        length = len(first.split(b'],"sentAt":')[0])
        assert len(each.body) <= limit
        assert len(each.body) + 1 + length > limit
    assert len(sent[-1].body) <= limit


def test_a_message_leaves_after_the_interval(scripted, elapsed):
    """No count, no bytes, no flush: the interval is what sends it."""
    client, transport = scripted(interval=0.2)
    client.track("u", "e", {})
    transport.wait_for(1)
    assert 0.15 < elapsed() < 2.0


def test_flush_does_not_wait_for_the_interval(scripted, elapsed):
    """Half of all complaints about flush are this one."""
    client, transport = scripted()
    client.track("u", "e", {})
    result = client.flush(5)
    assert elapsed() < 1.0
    assert (result.delivered, result.dropped, result.pending) == (1, 0, 0)
    assert transport.events == ["e"]


def test_close_sends_what_is_queued_and_stops_the_threads(scripted, elapsed):
    """Close is a flush and an end."""
    client, transport = scripted()
    for number in range(5):
        client.track("u", f"e{number}", {})
    result = client.close(5)
    assert (result.delivered, result.dropped, result.pending) == (5, 0, 0)
    assert elapsed() < 1.0
    assert len(transport.events) == 5
    assert transport.closed == 0, "it is the program's"
    assert not [thread for thread in client._engine._threads if thread.is_alive()]


def test_flush_waits_for_what_is_in_flight(scripted):
    """A batch that left by its size a moment ago is covered."""
    client, transport = scripted(batch_size=2)
    transport.hold()
    client.track("u", "a", {})
    client.track("u", "b", {})
    transport.wait_for(1)
    assert client.flush(0.05).pending == 2
    threading.Timer(0.1, transport.release).start()
    result = client.flush(5)
    assert (result.delivered, result.pending) == (2, 0)


def test_flush_ends_at_its_watermark_while_producers_never_stop(scripted):
    """What is accepted during a flush is not waited for."""
    client, _ = scripted(max_queue_bytes=1 << 18, on_full="block", block_timeout=5)
    stop = threading.Event()

    def produce() -> None:
        while not stop.is_set():
            client.track("u", "e", {})

    producers = [threading.Thread(target=produce) for _ in range(2)]
    for producer in producers:
        producer.start()
    try:
        for _ in range(3):
            began = time.monotonic()
            assert client.flush(8).pending == 0
            assert time.monotonic() - began < 4.0
    finally:
        stop.set()
        for producer in producers:
            producer.join()


def test_a_flush_starts_the_senders_that_another_thread_is_about_to_start(scripted, monkeypatch):
    """Its own thread must be free to give up in time."""
    senders = []

    def who_sends(sent) -> int:
        senders.append(threading.current_thread().name)
        return 200

    client, _ = scripted(default=who_sends)
    with monkeypatch.context() as patch:
        patch.setattr(client._engine, "wake", lambda lane: None)  # the other thread was preempted here
        client.track("u", "e", {})
    assert client.flush(5) == (1, 0, 0)
    assert senders == ["fastbatch-sender"]


def test_a_flush_that_sends_itself_ends_at_its_watermark(scripted, monkeypatch):
    """Where no sender can be started, or is not yet, it sends what was there, and not what others go on adding."""

    def add_another(sent) -> int:
        client.track("u", "later", {})
        return 200

    client, transport = scripted(default=add_another, batch_size=1)
    with monkeypatch.context() as patch:
        patch.setattr(client._engine, "start", lambda: None)
        client.track("u", "a", {})
        client.track("u", "b", {})
        assert client.flush(5) == (2, 0, 0)
        assert transport.events == ["a", "b"]


def test_a_flush_that_sends_itself_leaves_the_rest_to_senders_that_start_meanwhile(scripted, monkeypatch):
    """They sleep as long as they like, and it must not wait for that."""

    def start_senders(sent) -> int:
        client._engine.start()
        while client._first_lane._turn.acquire(blocking=False):  # until a sender has it
            client._first_lane._turn.release()
        return 200

    client, transport = scripted(default=start_senders, batch_size=1)
    with monkeypatch.context() as patch:
        patch.setattr(client._engine, "start", lambda: None)
        client.track("u", "e", {})
    began = time.monotonic()
    assert client.flush(8) == (1, 0, 0)
    assert time.monotonic() - began < 4.0
    assert transport.events == ["e"]


def test_flush_returns_in_time_from_a_server_that_never_answers(make_client, server):
    """It accepts and is silent: the flush ends at its deadline and says how many are pending."""
    server.then((ReadRequest(), Hang()))
    client = make_client(interval=QUIET, batch_size=10, request_timeout=2.0, max_attempts=1, senders=1)
    for _ in range(13):
        client.track("u", "e", {})
    server.wait_for(1)
    began = time.monotonic()
    result = client.flush(0.4)
    assert 0.35 < time.monotonic() - began < 0.6
    assert result == (0, 0, 13)


def test_close_returns_in_time_and_tells_the_two_kinds_of_loss_apart(scripted):
    """What was never sent is `shutdown`; what the server may have is `possibly_delivered`."""
    client, transport = scripted(batch_size=10, senders=1)
    transport.hold()
    for _ in range(13):
        client.track("u", "e", {})
    transport.wait_for(1)
    began = time.monotonic()
    result = client.close(0.4)
    assert 0.35 < time.monotonic() - began < 0.8
    assert result == (0, 13, 0)
    assert client.stats().dropped == {"possibly_delivered": 10, "shutdown": 3}


def test_close_does_not_wait_out_a_retry(scripted):
    """A sender asleep before its retry is woken, and the batch, which a server did answer, is `shutdown`."""
    client, transport = scripted(default=503, retry_after=lambda attempt: 300.0, batch_size=1)
    client.track("u", "e", {})
    transport.wait_for(1)
    began = time.monotonic()
    client.close(0.5)
    assert 0.4 < time.monotonic() - began < 1.0
    assert client.stats().dropped == {"shutdown": 1}


def test_what_is_closed_before_its_retry_began_is_not_sent_any_more(scripted):
    """Whoever was told `shutdown` must not find the event at the server."""
    is_framing, may_frame = threading.Event(), threading.Event()
    client, transport = scripted(503, default=200, batch_size=1, senders=1)
    envelopes = client._engine._sender._envelopes
    again = envelopes.again

    def slowly_again(created_at: str, now: str) -> object:
        is_framing.set()
        assert may_frame.wait(10)
        return again(created_at, now)

    envelopes.again = slowly_again
    client.track("u", "e", {})
    assert is_framing.wait(5)
    threads = list(client._engine._threads)
    closer = threading.Thread(target=client.close, args=(0.1,))
    closer.start()
    closer.join(2.0)
    may_frame.set()
    closer.join(5.0)
    for thread in threads:
        thread.join(5.0)
    assert len(transport.sent) == 1
    assert client.stats().dropped == {"shutdown": 1}


def test_flush_and_close_from_a_callback_end(scripted):
    """A callback may call anything, also what waits for callbacks."""
    heard = Recorder()

    class Calling(Recorder):
        def success(self, message: object) -> None:
            client.flush(5)
            client.close(5)
            heard.report("closed")

    client, _ = scripted(callback=Calling())
    client.track("u", "e", {})
    began = time.monotonic()
    client.flush(5)
    heard.wait_until(lambda: heard.reports == ["closed"])
    assert time.monotonic() - began < 2.0


def test_close_twice_does_no_harm(scripted):
    """The second finds nothing to do."""
    client, transport = scripted()
    client.track("u", "e", {})
    assert client.close(5).delivered == 1
    assert client.close(5) == (0, 0, 0)
    assert transport.events == ["e"]


def test_two_threads_may_close_at_once(scripted):
    """Both return, and nothing is counted twice."""
    client, _ = scripted(batch_size=10)
    for _ in range(95):
        client.track("u", "e", {})
    closers = [threading.Thread(target=client.close, args=(5,)) for _ in range(2)]
    for closer in closers:
        closer.start()
    for closer in closers:
        closer.join(8)
    assert client.stats().delivered == 95


def test_every_call_after_close_is_a_closed_error_and_counted(scripted):
    """The fast call and the others alike."""
    client, _ = scripted()
    client.close()
    calls = [
        lambda: client.track("u", "e", {}),
        lambda: client.identify("u", {"a": 1}),
        lambda: client.alias("a", "b"),
    ]
    for call in calls:
        with pytest.raises(ClosedError):
            call()
    assert client.stats().refused == {"closed": 3}
    assert client.flush(1) == (0, 0, 0)


def test_the_context_manager_closes(scripted):
    """All that was accepted in the block is delivered at its end."""
    client, transport = scripted()
    with client as same:
        assert same is client
        client.track("u", "e", {})
    assert transport.events == ["e"]
    with pytest.raises(ClosedError):
        client.track("u", "late", {})


def test_an_empty_flush_sends_nothing_and_starts_nothing(scripted):
    """Neither does closing a client that was never used."""
    client, transport = scripted()
    before = set(threading.enumerate())
    assert client.flush(5) == (0, 0, 0)
    assert client.close(5) == (0, 0, 0)
    assert set(threading.enumerate()) <= before
    assert transport.sent == []


def test_an_empty_batch_is_never_sent(scripted):
    """Flushes, intervals and refused events make no request of their own."""
    client, transport = scripted(interval=0.02, batch_size=2)
    for _ in range(5):
        client.track("u", "e", {})
        client.track("u", "e", {})
        client.flush(5)
        client.flush(5)
    assert not transport.hold()._is_open.wait(0.1)  # a few intervals pass
    assert all(sent.messages for sent in transport.sent)
    assert len(transport.events) == 10


def test_no_thread_runs_before_the_first_event(scripted):
    """A program that forks after making its client must not get Python's warning about threads."""
    before = set(threading.enumerate())
    client, _ = scripted()
    client.stats()
    assert set(threading.enumerate()) <= before
    client.track("u", "e", {})
    assert any(thread.name == "fastbatch-sender" for thread in threading.enumerate())


@pytest.mark.parametrize("timeout", [-1, float("nan"), "5", True])
def test_a_timeout_that_is_none_is_a_config_error(scripted, timeout):
    """The text names what is allowed."""
    client, _ = scripted()
    with pytest.raises(ConfigError, match="timeout"):
        client.flush(timeout)
    with pytest.raises(ConfigError, match="timeout"):
        client.close(timeout)


def test_flush_without_a_timeout_waits_as_long_as_it_takes(make_client, server):
    """None is no deadline, however long the server takes to recover."""
    server.then(answer(503), answer(503))
    client = make_client(interval=QUIET, retry_after=lambda attempt: 0.05)
    client.track("u", "e", {})
    assert client.flush(None) == (1, 0, 0)
    assert client.flush(1e300) == (0, 0, 0)
