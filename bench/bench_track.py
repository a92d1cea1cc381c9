"""One call of the client with its senders asleep, beside what encoding the same message costs; see overhead.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("orjson")
import orjson

import idle

ROUNDS = 100
CALLS = idle.cycled(idle.ARGUMENTS)


@pytest.fixture(scope="module")
def messages() -> list[dict[str, Any]]:
    """Return the finished messages of `CALLS`."""
    return idle.cycled(idle.finished_messages())


@pytest.fixture
def client() -> Iterator[Any]:
    """Return a client whose senders sleep."""
    with idle.open_client()[0] as client:
        yield client


def test_track_5000_calls(benchmark: Any, client: Any) -> None:
    """The shorthand with positional arguments."""

    def run() -> None:
        track = client.track
        for user, event, properties in CALLS:
            track(user, event, properties)

    benchmark.pedantic(run, setup=lambda: _delivered(client), rounds=ROUNDS, warmup_rounds=3)


def test_enqueue_5000_messages(benchmark: Any, client: Any) -> None:
    """The message object, built in the loop."""
    from fastbatch import Track

    def run() -> None:
        enqueue = client.enqueue
        for user, event, properties in CALLS:
            enqueue(Track(user_id=user, event=event, properties=properties))

    benchmark.pedantic(run, setup=lambda: _delivered(client), rounds=ROUNDS, warmup_rounds=3)


@pytest.mark.parametrize("dumps", [orjson.dumps, json.dumps], ids=["orjson", "json"])
def test_dumps_5000_finished_messages(benchmark: Any, messages: list[dict[str, Any]], dumps: Any) -> None:
    """What every client has to do at least."""

    def run() -> None:
        for message in messages:
            dumps(message)

    benchmark.pedantic(run, rounds=ROUNDS, warmup_rounds=3)


def _delivered(client: Any) -> None:
    # Outside the timing: the queue is empty again before each round.
    assert client.flush(timeout=30.0).pending == 0
