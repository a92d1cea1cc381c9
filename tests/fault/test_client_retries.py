"""When an attempt is made again, when not any more, and what it sends."""

from __future__ import annotations

import json
import threading
import time
from email.utils import formatdate

import pytest

from fastbatch import DeliveryReport
from fastbatch.dialects import Segment
from fastbatch.errors import TransportError
from fastbatch.testing import CapturingTransport, FakeClock
from tests.support.faulty_server import Close, Hang, ReadRequest, answer
from tests.support.outcomes import at_once, deliver

DIALECTS = ["segment", "rudderstack"]
ABOUT_AN_HOUR = 3600.0


def asked_to_wait(header: str | None):
    return answer(429, b"slow down", {} if header is None else {"Retry-After": header})


def wait_for_report(reports: list[DeliveryReport]) -> DeliveryReport:
    """Return the only report, which a close whose time is up does not wait for."""
    end = time.monotonic() + 5.0
    while not reports and time.monotonic() < end:
        time.sleep(0.005)
    [report] = reports
    return report


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("header", "least"),
    [
        ("0.2", 0.2),
        (formatdate(time.time() - ABOUT_AN_HOUR, usegmt=True), 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("", 0.0),
        (None, 0.0),
    ],
    ids=["seconds", "date_in_the_past", "garbage", "negative", "empty", "missing"],
)
def test_retry_after_is_the_least_wait(make_client, server, dialect, header, least):
    """A server that says when to come back is not asked before; one that says nothing sensible costs no extra wait."""
    for status in (429, 503):
        server.then(answer(status, b"slow down", {} if header is None else {"Retry-After": header}))
        report = deliver(make_client, dialect=dialect).report
        assert (report.delivered, report.attempts) == (True, 2), status
        assert least <= report.seconds < least + 3.0


def test_retry_after_as_a_date_is_waited_for(make_client, server):
    """HTTP dates have whole seconds: two from now is between one and two."""
    server.then(asked_to_wait(formatdate(time.time() + 2.0, usegmt=True)))
    report = deliver(make_client).report
    assert (report.delivered, report.attempts) == (True, 2)
    assert report.seconds > 0.9


@pytest.mark.parametrize("header", ["99999999", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT", formatdate(4e9)])
@pytest.mark.parametrize(("delivery_timeout", "is_given_up"), [(299.0, True), (310.0, False)])
def test_a_huge_retry_after_is_cut_to_five_minutes(make_client, server, header, delivery_timeout, is_given_up):
    """One wrong header must not park a batch for days: what would be waited is 300 s, as the time limit shows."""
    server.then(asked_to_wait(header))
    if is_given_up:
        report = deliver(make_client, delivery_timeout=delivery_timeout).report
        assert (report.cause, report.attempts, report.status) == ("expired", 1, 429)
        return
    client = make_client(delivery_timeout=delivery_timeout, retry_after=at_once)
    client.track("user-1", "Event")
    assert client.flush(0.2).pending == 1
    assert client.close(0.1).dropped == 1
    assert client.stats().dropped == {"shutdown": 1}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_storm_of_429_passes_when_enough_attempts_are_allowed(make_client, server, dialect):
    """Thirty refusals, then a delivery: one report, no event lost, none sent twice to a server that took it."""
    server.then(*[asked_to_wait("0")] * 30)
    outcome = deliver(make_client, count=3, dialect=dialect, max_attempts=31)
    assert (outcome.report.delivered, outcome.report.attempts, outcome.report.messages) == (True, 31, 3)
    assert (outcome.stats.attempts, outcome.stats.retries) == (31, 30)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_storm_of_429_ends_after_the_default_of_ten_attempts(make_client, server, dialect):
    """Refusals count like any other attempt."""
    server.then(*[asked_to_wait("0")] * 30)
    outcome = deliver(make_client, dialect=dialect)
    assert (outcome.report.cause, outcome.report.attempts) == ("retries_exhausted", 10)
    assert server.exchanges_left == 20


@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_attempt_is_no_retry(make_client, server, dialect):
    """``max_attempts=1`` is for who would rather lose an event than see it twice."""
    server.then(answer(503))
    outcome = deliver(make_client, dialect=dialect, max_attempts=1)
    assert (outcome.report.cause, outcome.report.attempts, outcome.stats.retries) == ("retries_exhausted", 1, 0)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_all_attempts_bring_the_same_messages(make_client, server, dialect):
    """Ids and times are stamped once, so that the server can tell a repetition; only ``sentAt`` is the attempt's."""
    server.then(answer(500), (ReadRequest(), Close()), answer(429))
    deliver(make_client, count=5, dialect=dialect)
    sent = [request.json["batch"] for request in server.requests]
    assert len(sent) == 4
    for message in (message for batch in sent for message in batch):
        message.pop("sentAt", None)
    assert all(json.dumps(batch) == json.dumps(sent[0]) for batch in sent)
    assert len({message["messageId"] for message in sent[0]}) == 5


def test_the_users_backoff_hears_the_attempts_number(make_client, server):
    """From 1, once after each attempt."""
    asked: list[int] = []
    server.then(answer(500), answer(500), answer(500))
    deliver(make_client, retry_after=lambda attempt: asked.append(attempt) or 0.0)
    assert asked == [1, 2, 3]


@pytest.mark.parametrize("returned", [None, "a while", float("nan"), -1.0], ids=["none", "text", "nan", "negative"])
def test_a_backoff_that_returns_nonsense_does_not_cost_the_event(make_client, server, returned, monkeypatch):
    """It counts as no backoff; and not a number must not become a wait without end."""
    monkeypatch.setattr("fastbatch.pipeline.backoff.full_jitter", lambda attempt: 0.0)
    server.then(answer(500))
    assert deliver(make_client, retry_after=lambda attempt: returned).report.delivered


def test_a_backoff_that_raises_does_not_cost_the_event(make_client, server, monkeypatch):
    """Nor the sender: the next event passes too."""
    monkeypatch.setattr("fastbatch.pipeline.backoff.full_jitter", lambda attempt: 0.0)
    server.then(answer(500))
    outcome = deliver(make_client, retry_after=lambda attempt: 1 // 0)
    assert outcome.report.delivered
    outcome.client.track("user-1", "Next")
    assert outcome.client.flush(5.0).delivered == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_wait_that_would_outlast_the_delivery_timeout_is_not_begun(make_client, server, dialect):
    """The event is given up when that is certain, not an hour later."""
    server.then(answer(503, b"down"))
    report = deliver(make_client, dialect=dialect, delivery_timeout=60.0, retry_after=lambda attempt: 61.0).report
    assert (report.cause, report.attempts, report.status) == ("expired", 1, 503)
    assert report.detail == "HTTP 503: down"


def test_an_event_that_grew_old_is_not_tried_again(make_client):
    """The age counts from the call, in the client's own clock."""
    clock = FakeClock()

    class Ageing(CapturingTransport):
        def send(self, request, timeout):
            clock.advance(31.0)
            return super().send(request, timeout)

    outcome = deliver(make_client, transport=Ageing(500, 500, 500), clock=clock, delivery_timeout=60.0)
    assert (outcome.report.cause, outcome.report.attempts) == ("expired", 2)


def test_an_event_that_is_too_old_but_may_have_arrived_is_possibly_delivered(make_client, server):
    """The lesser certainty is told: an attempt of it had no answer."""
    server.then((ReadRequest(), Close()))
    report = deliver(make_client, delivery_timeout=60.0, retry_after=lambda attempt: 61.0).report
    assert (report.cause, report.attempts) == ("possibly_delivered", 1)


def test_a_batch_that_waits_does_not_hold_up_the_next(make_client, server):
    """With one sender too: while a batch is parked for a minute, later ones are delivered."""
    server.then(asked_to_wait("60"))
    client = make_client(senders=1, batch_size=1, retry_after=at_once)
    client.track("user-1", "Parked")
    server.wait_for(1)
    for number in range(5):
        client.track("user-1", f"Later {number}")
    events = [message["event"] for request in server.wait_for(6) for message in request.json["batch"]]
    assert events == ["Parked", *[f"Later {number}" for number in range(5)]]
    assert client.flush(0.5).pending == 1
    assert client.close(0.0) == (0, 1, 0)
    assert client.stats().dropped == {"shutdown": 1}


def test_a_flush_does_not_cut_a_wait_short(make_client, server):
    """A server that asked for time gets it, whoever is in a hurry."""
    server.then(asked_to_wait("0.5"))
    begin = time.monotonic()
    assert deliver(make_client).report.delivered
    assert time.monotonic() - begin > 0.5


def test_giving_up_at_close_reports_what_the_server_said_last(make_client, server):
    """``shutdown`` alone would not tell an operator why the events were still there."""
    reports = []
    server.then(asked_to_wait("60"))
    client = make_client(senders=1, retry_after=at_once, on_delivery=reports.append)
    client.track("user-1", "Event")
    client.flush(0.3)
    client.close(0.3)
    report = wait_for_report(reports)
    assert (report.cause, report.attempts, report.status) == ("shutdown", 1, 429)
    assert report.detail == "HTTP 429: slow down"


def test_giving_up_at_close_while_an_attempt_is_under_way_is_possibly_delivered(make_client, server):
    """The request is out; nobody waits for its answer any more."""
    reports = []
    server.then((ReadRequest(), Hang()))
    client = make_client(senders=1, request_timeout=1.5, on_delivery=reports.append)
    client.track("user-1", "Event")
    assert client.flush(0.2).pending == 1
    begin = time.monotonic()
    assert client.close(0.2) == (0, 1, 0)
    assert time.monotonic() - begin < 1.4
    report = wait_for_report(reports)
    assert (report.cause, report.status) == ("possibly_delivered", None)


def test_what_close_has_given_up_is_not_sent_any_more(make_client):
    """``shutdown`` means that the server has not got it; and the queue's memory may be somebody else's by then."""
    framing, closed = threading.Event(), threading.Event()

    class Slow(Segment):
        """Takes its time over the envelope of the second attempt."""

        def envelope(self, write_key, sent_at):
            if transport.requests and threading.current_thread().name == "fastbatch-sender":
                framing.set()
                closed.wait(10.0)
            return super().envelope(write_key, sent_at)

    transport = CapturingTransport(503)
    client = make_client(transport=transport, dialect=Slow(), senders=1, retry_after=lambda attempt: 0.1)
    client.track("user-1", "Event")
    assert client.flush(0.05).pending == 1
    assert framing.wait(10.0)
    client.close(0.05)
    closed.set()
    for thread in client._engine._threads:
        thread.join(10.0)
    assert client.stats().dropped == {"shutdown": 1}
    assert len(transport.requests) == 1


def test_a_transport_that_raises_anything_is_an_attempt_that_may_have_arrived(make_client):
    """A third party's transport knows neither our exceptions nor our ambiguity."""
    transport = CapturingTransport(RuntimeError("s3cr3t"), KeyError("s3cr3t"))
    report = deliver(make_client, transport=transport, max_attempts=2).report
    assert (report.cause, report.attempts) == ("possibly_delivered", 2)
    assert report.detail == "no response: the transport raised KeyError"


class Interrupting(CapturingTransport):
    """Raises the first time what is not an `Exception`."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._errors = [error]

    def send(self, request, timeout):
        if self._errors:
            raise self._errors.pop()
        return super().send(request, timeout)


def test_ctrl_c_while_sending_on_the_calling_thread_passes_and_keeps_the_event(make_client):
    """With ``sync_mode`` the user's program is interrupted, and a later flush delivers."""
    client = make_client(transport=Interrupting(KeyboardInterrupt()), sync_mode=True)
    with pytest.raises(KeyboardInterrupt):
        client.track("user-1", "Event")
    assert client.stats().in_flight == 1
    assert client.flush(5.0) == (1, 0, 0)


@pytest.mark.parametrize("error", [SystemExit(1), GeneratorExit()], ids=["system_exit", "generator_exit"])
def test_a_transport_that_raises_no_exception_does_not_end_the_sender(make_client, error):
    """Some libraries' timeouts and cancellations are no `Exception`; the event is tried again all the same."""
    report = deliver(make_client, transport=Interrupting(error)).report
    assert (report.delivered, report.attempts) == (True, 2)


def test_a_transport_may_say_that_nothing_left(make_client):
    """`TransportError.possibly_delivered` is a transport's to know."""
    transport = CapturingTransport(*[TransportError("no route to host", possibly_delivered=False)] * 2)
    report = deliver(make_client, transport=transport, max_attempts=2).report
    assert (report.cause, report.detail) == ("retries_exhausted", "no response: no route to host")


@pytest.mark.parametrize("ordering", [None, "user"])
def test_senders_that_could_not_be_started_are_started_by_a_later_event(make_client, server, monkeypatch, ordering):
    """A limit on threads that was reached for a second must not silence a client for good."""

    start, refused = threading.Thread.start, []

    def refuse(thread):
        if thread.name != "fastbatch-sender":
            return start(thread)
        refused.append(thread)
        raise RuntimeError("can't start new thread")

    client = make_client(interval=0.05, senders=2, ordering=ordering)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for number in range(20):
            assert client.track(f"user-{number}", "Event", {"number": number})
    assert len(refused) >= 20
    assert client.stats().queued == 20
    for number in range(20, 40):
        client.track(f"user-{number}", "Event", {"number": number})
    end = time.monotonic() + 10.0
    while client.stats().delivered < 40 and time.monotonic() < end:
        time.sleep(0.005)
    assert client.stats().delivered == 40
    assert 1 <= len(client._engine._threads) <= 2


def test_a_flush_sends_what_has_no_sender(make_client, server, monkeypatch):
    """With one lane of two: the flush does the work of the thread that could not be started."""
    start, allowed = threading.Thread.start, []

    def refuse(thread):
        if thread.name == "fastbatch-sender" and allowed:
            raise RuntimeError("can't start new thread")
        if thread.name == "fastbatch-sender":
            allowed.append(thread)
        return start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    client = make_client(interval=60.0, senders=2, ordering="user")
    for number in range(40):
        client.track(f"user-{number}", "Event", {"number": number})
    assert client.flush(10.0) == (40, 0, 0)
    assert len(client._engine._threads) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_many_senders_and_a_server_that_fails_at_random_lose_nothing(make_client, server, dialect):
    """Every event arrives, although every other request fails in one way or another."""
    faults = [answer(500), (ReadRequest(), Close()), answer(429), answer(400), answer(200)]
    server.then(*[faults[number % len(faults)] for number in range(60)])
    reports = []
    client = make_client(
        dialect=dialect, senders=4, batch_size=10, retry_after=at_once, max_attempts=100, on_delivery=reports.append
    )

    def produce(thread: int) -> None:
        for number in range(100):
            client.track(f"user-{thread}", "Event", {"number": thread * 100 + number})

    threads = [threading.Thread(target=produce, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = client.flush(30.0)
    assert result.pending == 0
    stats = client.stats()
    arrived = {message["properties"]["number"] for request in server.requests for message in request.json["batch"]}
    # A 400 to a batch of one is final; the server above says it to a few.
    rejected = stats.dropped.get("rejected", 0)
    assert stats.delivered == 400 - rejected
    assert set(stats.dropped) <= {"rejected"}
    assert arrived == set(range(400))
    assert sum(report.messages for report in reports) == 400
