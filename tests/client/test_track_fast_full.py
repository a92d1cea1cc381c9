"""A full queue and the quick way of `Client.track`, in each of its implementations."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from fastbatch import Client, QueueFullError
from tests.support.quick_track import Stuck


def test_refusals_of_a_full_queue_are_counted_exactly_by_many_threads(make_quick: Callable[..., Any]) -> None:
    transport = Stuck()
    client, _ = make_quick(transport=transport, max_queue_bytes=1 << 18)
    results: list[list[bool]] = [[] for _ in range(4)]

    def produce(mine: list[bool]) -> None:
        mine.extend(client.track("user-0123456789", "Order Completed", {"n": n}) for n in range(3000))

    threads = [threading.Thread(target=produce, args=(mine,)) for mine in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = sum(mine.count(True) for mine in results)
    stats = client.stats()
    transport.released.set()
    assert 0 < taken < 12_000
    assert stats.accepted == taken
    assert stats.refused == {"queue_full": 12_000 - taken}


def filled(make_quick: Callable[..., Any], **settings: Any) -> tuple[Client, Stuck]:
    transport = Stuck()
    client, _ = make_quick(transport=transport, max_queue_bytes=1 << 16, max_message_bytes=1000, **settings)
    with contextlib.suppress(QueueFullError):
        while client.track("u", "e", {"a": 1}):
            pass
    return client, transport


def test_a_full_queue_raises_when_asked_to(make_quick: Callable[..., Any]) -> None:
    client, transport = filled(make_quick, on_full="raise")
    with pytest.raises(QueueFullError):
        client.track("u", "e", {"a": 1})
    assert client.stats().refused == {"queue_full": 2}
    transport.released.set()


def test_a_full_queue_blocks_when_asked_to(make_quick: Callable[..., Any]) -> None:
    transport = Stuck()
    client, _ = make_quick(
        transport=transport, max_queue_bytes=1 << 16, max_message_bytes=1000, on_full="block", block_timeout=30.0
    )
    threading.Timer(0.2, transport.released.set).start()
    assert all(client.track("u", "e", {"a": 1}) for _ in range(2000))
    assert client.stats().refused == {}


def test_a_full_queue_is_told_to_the_logger_once(
    make_quick: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    client, transport = filled(make_quick, logger=logging.getLogger("tests.full"))
    for _ in range(100):
        assert client.track("u", "e", {"a": 1}) is False
    assert [record.getMessage() for record in caplog.records] == ["1 event refused (queue_full)"]
    transport.released.set()
    client.close()
    assert caplog.records[-1].getMessage() == "100 events refused (queue_full)"
