"""One call of PostHog's face with its senders asleep: the commonest, and what else makes it slower."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("orjson")

from fastbatch.posthog import Posthog

ROUNDS = 100
CALLS = 5000
PROPERTIES = {"revenue": 39.95, "plan": "pro", "items": [1, 2, 3], "currency": "EUR"}


@pytest.fixture
def posthog() -> Iterator[Posthog]:
    """Return a client that sends nothing before it is told to."""
    settings: dict[str, Any] = {"batch_size": 100_000, "interval": 3600, "max_queue_bytes": 1 << 28, "send": False}
    with Posthog("phc_bench", **settings) as client:
        yield client


def test_capture_5000_calls(benchmark: Any, posthog: Posthog) -> None:
    """An event, somebody and properties."""

    def run() -> None:
        capture = posthog.capture
        for _ in range(CALLS):
            capture("Order Completed", distinct_id="user-1", properties=PROPERTIES)

    benchmark.pedantic(run, setup=lambda: _delivered(posthog), rounds=ROUNDS, warmup_rounds=3)


def test_capture_5000_calls_within_a_context(benchmark: Any, posthog: Posthog) -> None:
    """The same with a tag, by the general way."""

    def run() -> None:
        capture = posthog.capture
        with posthog.new_context():
            posthog.tag("plan", "pro")
            for _ in range(CALLS):
                capture("Order Completed", distinct_id="user-1", properties=PROPERTIES)

    benchmark.pedantic(run, setup=lambda: _delivered(posthog), rounds=ROUNDS, warmup_rounds=3)


def _delivered(posthog: Posthog) -> None:
    """Empty the queue before a round."""
    posthog.flush(None)
