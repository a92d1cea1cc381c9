"""From a response to an outcome: retries, splits, drops, and what stays the same over attempts."""

from __future__ import annotations

import re
import threading
import time
from email.utils import formatdate

import pytest

from fastbatch import TransportError
from fastbatch.testing import assert_conserved
from fastbatch.typing import Response
from tests.support.faulty_server import Reply, answer
from tests.support.transports import Recorder


@pytest.mark.parametrize(
    ("dialect", "status"),
    [("segment", status) for status in (408, 410, 429, 460, 500, 502, 503, 504)]
    + [("rudderstack", status) for status in (408, 429, 500, 503)],
)
def test_what_may_pass_is_tried_again(scripted, dialect, status):
    """The vendor's table says which."""
    client, _ = scripted(status, status, 200, dialect=dialect, batch_size=1)
    client.track("u", "e", {})
    assert client.flush(5).pending == 0
    stats = client.stats()
    assert (stats.delivered, stats.attempts, stats.retries) == (1, 3, 2)


@pytest.mark.parametrize("status", [301, 401, 403, 404, 501, 505])
@pytest.mark.parametrize("dialect", ["segment", "rudderstack"])
def test_what_is_final_is_dropped_at_once(scripted, dialect, status):
    """One attempt, one count."""
    client, _ = scripted(status, dialect=dialect, batch_size=1)
    client.track("u", "e", {})
    client.flush(5)
    stats = client.stats()
    assert (stats.dropped, stats.attempts) == ({"rejected": 1}, 1)
    assert not stats.healthy
    assert str(status) in (stats.last_error or "")


def test_attempts_are_bounded(scripted):
    """`max_attempts` tries, then `retries_exhausted`."""
    client, transport = scripted(default=503, max_attempts=4, batch_size=1)
    client.track("u", "e", {})
    client.flush(5)
    assert client.stats().dropped == {"retries_exhausted": 1}
    assert len(transport.sent) == 4


def test_a_batch_too_old_is_expired(scripted):
    """`delivery_timeout` bounds the age whatever the attempts."""
    client, _ = scripted(
        default=503, delivery_timeout=0.3, max_attempts=10_000, batch_size=1, retry_after=lambda attempt: 0.02
    )
    client.track("u", "e", {})
    began = time.monotonic()
    client.flush(5)
    assert client.stats().dropped == {"expired": 1}
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_a_minimum(make_client, server, form):
    """Both of its forms; the backoff alone would not wait at all."""
    value = "1" if form == "seconds" else formatdate(time.time() + 2, usegmt=True)
    server.then(answer(429, headers={"Retry-After": value}))
    client = make_client(batch_size=1, retry_after=lambda attempt: 0.0)
    began = time.monotonic()
    client.track("u", "e", {})
    assert client.flush(8).pending == 0
    assert time.monotonic() - began > 0.9
    assert client.stats().delivered == 1


def test_a_batch_that_waits_for_its_retry_blocks_no_newer_one(scripted):
    """Even with one sender."""
    asks = Response(429, {"retry-after": "200"}, b"")
    client, transport = scripted(asks, batch_size=1, senders=1)
    client.track("u", "first", {})
    transport.wait_for(1)
    for number in range(5):
        client.track("u", f"e{number}", {})
    assert [sent.events[0] for sent in transport.wait_for(6)[1:]] == [f"e{number}" for number in range(5)]
    client.close(0.1)
    assert client.stats().dropped == {"shutdown": 1}


def refuse_poison(status):
    def judge(sent):
        return status if any(event.startswith("poison") for event in sent.events) else 200

    return judge


@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize("poison", [{3}, {0, 7}, {4, 5}, set(range(8)), set()], ids=str)
def test_poison_is_isolated_and_the_rest_delivered(scripted, status, poison):
    """The batch is halved until the message that the server refuses stands alone."""
    heard = Recorder()
    client, transport = scripted(default=refuse_poison(status), batch_size=8, callback=heard)
    for number in range(8):
        client.track("u", f"poison{number}" if number in poison else f"e{number}", {})
    assert client.flush(5).pending == 0
    assert {message["event"] for message, _ in heard.failures} == {f"poison{number}" for number in poison}
    assert sorted(message["event"] for message in heard.successes) == [f"e{n}" for n in range(8) if n not in poison]
    assert client.stats().dropped == ({"rejected": len(poison)} if poison else {})
    assert len(transport.sent) <= 15


def test_a_batch_of_one_that_is_refused_is_dropped_at_once(scripted):
    """There is nothing to halve."""
    client, transport = scripted(default=400, batch_size=1)
    client.track("u", "e", {})
    client.flush(5)
    assert client.stats().dropped == {"rejected": 1}
    assert len(transport.sent) == 1


@pytest.mark.parametrize(("is_ambiguous", "cause"), [(True, "possibly_delivered"), (False, "retries_exhausted")])
def test_lost_for_sure_and_possibly_delivered_are_told_apart(scripted, is_ambiguous, cause):
    """One attempt of which nobody knows is enough, whatever followed it."""
    unknown = TransportError("timed out", possibly_delivered=is_ambiguous)
    client, _ = scripted(unknown, default=503, max_attempts=3, batch_size=1)
    client.track("u", "e", {})
    client.flush(5)
    assert client.stats().dropped == {cause: 1}


@pytest.mark.parametrize("dialect", ["segment", "rudderstack"])
def test_a_message_is_the_same_bytes_at_every_attempt(scripted, dialect):
    """Id and time are given when it is enqueued; only sentAt may change."""
    client, transport = scripted(
        503, 503, TransportError("x", possibly_delivered=True), 413, dialect=dialect, batch_size=4, senders=1
    )
    for number in range(4):
        client.track("u", f"e{number}", {"n": number})
    assert client.flush(5).pending == 0
    seen = {}
    for sent in transport.sent:
        body = re.sub(rb'"sentAt":"[^"]*",?', b"", sent.body)
        for message in body[len(b'{"batch":[') : body.rindex(b"]")].replace(b'},{"type"', b'}\n{"type"').split(b"\n"):
            event = re.search(rb'"event":"(e\d)"', message)[1]
            assert seen.setdefault(event, message) == message
    assert len(seen) == 4
    assert len(transport.sent) == 6


def test_rudderstack_batches_follow_the_clusters_nodes(make_client, server):
    """451, a question, regrouping: each node gets its users with its headers, nothing is lost, nothing sent twice."""
    nodes = 3
    delivered: list[tuple[str, str]] = []

    def cluster(request):
        if request.path == "/cluster-info":
            return Reply(200, b'{"nodeCount":3}')
        if request.headers.get("rs-nodecount") != str(nodes):
            return Reply(451, b"")
        delivered.extend((message["userId"], request.headers["rs-targetnode"]) for message in request.json["batch"])
        return Reply()

    server._default = cluster
    client = make_client(dialect="rudderstack", batch_size=30, retry_after=lambda attempt: 0.0)
    for number in range(90):
        client.track(f"u{number}", "e", {})
    assert client.flush(8).pending == 0
    assert sorted(user for user, _ in delivered) == sorted(f"u{number}" for number in range(90))
    assert {node for _, node in delivered} == {"0", "1", "2"}
    assert client.stats().delivered == 90


@pytest.mark.parametrize("senders", [1, 4])
def test_the_messages_of_a_user_arrive_in_order(scripted, senders):
    """Under retries and splits, with any number of senders."""
    lock, arrived = threading.Lock(), []

    def flaky(sent):
        if sent.number % 3 == 0:
            return 503
        if sent.number % 7 == 0 and len(sent.messages) > 1:
            return 413
        with lock:
            arrived.extend((message["userId"], message["properties"]["n"]) for message in sent.messages)
        return 200

    client, _ = scripted(default=flaky, ordering="user", senders=senders, batch_size=5, max_attempts=100)
    for number in range(300):
        client.track(f"u{number % 6}", "e", {"n": number})
    assert client.flush(8).pending == 0
    for user in range(6):
        numbers = [n for who, n in arrived if who == f"u{user}"]
        assert numbers == list(range(user, 300, 6))


@pytest.mark.stress
def test_the_account_adds_up_at_every_moment(scripted):
    """Four producers, faults of all kinds, and a thread that does nothing but look."""
    faults = [200, 200, 503, 413, 401, TransportError("x", possibly_delivered=True), ValueError()]
    client, _ = scripted(
        default=lambda sent: faults[sent.number % len(faults)],
        batch_size=50, max_queue_bytes=100_000, on_full="drop_oldest", interval=0.01, max_attempts=3,
    )  # fmt: skip
    stop, failures, looks = threading.Event(), [], []

    def look():
        while not stop.is_set():
            try:
                assert_conserved(client)
                assert client.stats().queued_bytes <= 100_000
                looks.append(1)
            except AssertionError as error:  # noqa: PERF203 one look after another
                failures.append(error)

    def produce():
        while not stop.is_set():
            client.track("u", "e", {"pad": "x" * 100})

    threads = [threading.Thread(target=each) for each in (look, produce, produce, produce, produce)]
    for thread in threads:
        thread.start()
    stop.wait(1.5)
    stop.set()
    for thread in threads:
        thread.join()
    assert client.flush(10).pending == 0
    assert not failures
    assert looks
