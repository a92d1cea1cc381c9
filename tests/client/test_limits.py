"""Sizes: of a message, a batch and the queue, each exact to the byte; and what becomes of what does not fit."""

from __future__ import annotations

import threading
import time

import pytest

from fastbatch import ConfigError, MessageTooLargeError, QueueFullError
from fastbatch.core.interface import record_span

QUIET = 3600.0


def sized(client, transport, wanted: int) -> dict[str, str]:
    """Return properties with which a message has ``wanted`` bytes."""
    with pytest.raises(MessageTooLargeError) as caught:
        client.track("u", "e", {"pad": "x" * 4_000_000})
    return {"pad": "x" * (4_000_000 - (caught.value.size - wanted))}


def test_a_message_of_the_limit_is_taken_and_a_byte_more_is_not(scripted):
    """32 768 bytes as they stand on the wire; the error says how many there were."""
    client, transport = scripted(compression="none")
    fitting = sized(client, transport, 32_768)
    assert client.track("u", "e", fitting)
    with pytest.raises(MessageTooLargeError) as caught:
        client.track("u", "e", {"pad": fitting["pad"] + "x"})
    assert (caught.value.size, caught.value.limit) == (32_769, 32_768)
    assert client.stats().refused == {"too_large": 2}
    client.flush(5)
    body = transport.sent[0].body
    assert len(body[len(b'{"batch":[') : body.rindex(b'],"sentAt"')]) == 32_768


def test_the_limit_of_rudderstack_counts_the_sent_at_of_each_message(scripted):
    """It is written when the message is sent, and the server measures it then."""
    client, transport = scripted(dialect="rudderstack", compression="none")
    with pytest.raises(MessageTooLargeError) as caught:
        client.track("u", "e", {"pad": "x" * 40_000})
    pad = 40_000 - (caught.value.size - caught.value.limit)
    assert client.track("u", "e", {"pad": "x" * pad})
    client.flush(5)
    body = transport.sent[0].body
    assert len(body[len(b'{"batch":[') : body.rindex(b'],"sentAt"')]) == 32_768


def test_a_message_larger_than_a_batch_is_refused(scripted):
    """The batch's limit counts the envelope; a batch of one that just fits is sent."""
    client, transport = scripted(max_batch_bytes=2000, compression="none")
    with pytest.raises(MessageTooLargeError) as caught:
        client.track("u", "e", {"pad": "x" * 2000})
    pad = 2000 - (caught.value.size - caught.value.limit)
    assert client.track("u", "e", {"pad": "x" * pad})
    client.flush(5)
    assert len(transport.sent[0].body) == 2000


@pytest.mark.parametrize("name", ["max_message_bytes", "max_batch_bytes"])
def test_no_limit_can_be_raised_beyond_4_mb(make_client, name):
    """4 MB is taken, a byte more is a ConfigError."""
    make_client(**{name: 4 * 1024 * 1024})
    with pytest.raises(ConfigError, match=name):
        make_client(**{name: 4 * 1024 * 1024 + 1})


def test_the_queue_holds_exactly_its_bytes(scripted):
    """As many messages as their spans fit into it, and not one more; each outcome makes room for another."""
    client, transport = scripted(max_queue_bytes=64_000, max_message_bytes=2000, batch_size=10, senders=1)
    transport.hold()
    assert client.track("u", "e", {"pad": "x" * 500})
    span = client.stats().queued_bytes
    taken = 1
    while client.track("u", "e", {"pad": "x" * 500}):
        taken += 1
    assert taken == 64_000 // span
    assert client.stats().queued_bytes == taken * span <= 64_000
    assert client.stats().refused == {"queue_full": 1}
    assert span == record_span(span - 24)
    transport.release()
    assert client.flush(5).pending == 0
    assert client.stats().queued_bytes == 0
    assert client.track("u", "e", {"pad": "x" * 500})


@pytest.mark.parametrize("size", [700, 1500, 2500, 3500])
def test_a_queue_smaller_than_a_batch_still_flows(scripted, elapsed, size):
    """It never holds a batch's worth, and must wait neither for one nor for the interval while a caller waits."""
    client, _ = scripted(max_queue_bytes=4096, max_message_bytes=3800, on_full="block", block_timeout=3)
    for number in range(30):
        assert client.track("u", "e", {"pad": "x" * (size if number % 2 else 300)})
    assert client.flush(5).pending == 0
    assert client.stats().delivered == 30
    assert elapsed() < 2.0


def fill(client) -> int:
    taken = 0
    while client.track("u", f"e{taken}", {"pad": "x" * 200}):
        taken += 1
    return taken


def test_drop_newest_refuses_and_counts(scripted):
    """A False, a count, and what was queued is kept."""
    client, transport = scripted(max_queue_bytes=20_000, max_message_bytes=1000, batch_size=5, senders=1)
    transport.hold()
    taken = fill(client)
    for _ in range(9):
        assert client.track("u", "late", {"pad": "x" * 200}) is False
    assert client.stats().refused == {"queue_full": 10}
    transport.release()
    assert client.flush(5).pending == 0
    assert sorted(transport.events) == sorted(f"e{number}" for number in range(taken))


def test_drop_oldest_keeps_the_newest_and_counts_the_evicted(scripted):
    """What is in flight is safe; of the rest the oldest go, a few at once, and the queue stays nearly full."""
    client, transport = scripted(
        max_queue_bytes=40_000, max_message_bytes=1000, batch_size=5, senders=1, on_full="drop_oldest"
    )
    transport.hold()
    for number in range(500):
        assert client.track("u", f"e{number}", {"pad": "x" * 200})
    stats = client.stats()
    assert stats.refused == {}
    assert stats.queued_bytes <= 40_000
    assert stats.queued_bytes > 40_000 * 0.6
    evicted = stats.dropped["evicted"]
    assert evicted + stats.queued + stats.in_flight == 500
    transport.release()
    assert client.flush(5).pending == 0
    numbers = sorted(int(event[1:]) for event in transport.events)
    assert len(numbers) == 500 - evicted
    assert numbers[-50:] == list(range(450, 500))


def test_drop_oldest_gives_up_what_waits_for_its_retry_before_what_is_new(scripted):
    """In an outage all that is queued soon waits for a retry, and none of it may keep newer events out."""
    client, transport = scripted(
        default=503, max_queue_bytes=20_000, max_message_bytes=1000, batch_size=5, senders=1,
        on_full="drop_oldest", retry_after=lambda attempt: 60.0,
    )  # fmt: skip
    for number in range(30):
        client.track("u", f"e{number}", {"pad": "x" * 200})
    transport.wait_for(6)
    assert client.stats().queued == 0
    for number in range(30, 130):
        assert client.track("u", f"e{number}", {"pad": "x" * 200})
    assert client.stats().refused == {}
    assert client.stats().dropped["evicted"] >= 30
    client.close(0)


def test_block_waits_until_there_is_room(scripted):
    """The call returns True when a batch has its outcome."""
    client, transport = scripted(
        max_queue_bytes=20_000, max_message_bytes=1000, batch_size=5, senders=1, on_full="block", block_timeout=10
    )
    transport.hold()
    accepted = []
    producer = threading.Thread(
        target=lambda: accepted.extend(client.track("u", "e", {"pad": "x" * 200}) for _ in range(100))
    )
    producer.start()
    transport.wait_for(1)
    producer.join(0.2)
    assert producer.is_alive(), "the queue holds them all"
    transport.release()
    producer.join(8)
    assert accepted == [True] * 100
    assert client.flush(5).pending == 0
    assert client.stats().delivered == 100


def test_block_refuses_after_its_timeout(scripted):
    """And not much later."""
    client, transport = scripted(
        max_queue_bytes=4_000, max_message_bytes=1000, batch_size=5, on_full="block", block_timeout=0.3
    )
    transport.hold()
    taken = 0
    began = time.monotonic()
    while client.track("u", "e", {"pad": "x" * 200}):
        taken += 1
        began = time.monotonic()
    assert 0.25 < time.monotonic() - began < 0.6
    assert client.stats().refused == {"queue_full": 1}


def test_raise_says_how_much_the_queue_holds(scripted):
    """QueueFullError, and the event is counted as refused."""
    client, transport = scripted(max_queue_bytes=4_000, max_message_bytes=1000, on_full="raise")
    transport.hold()
    with pytest.raises(QueueFullError, match="4000") as caught:
        fill(client)
    assert caught.value.limit == 4_000
    assert client.stats().refused == {"queue_full": 1}
