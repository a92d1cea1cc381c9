"""What a review of the pipeline found wrong, each defect once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import pytest

from fastbatch import Client
from fastbatch.dialects import Segment
from fastbatch.testing import CapturingTransport

DEADLINE = 10.0


def quick(attempt: int) -> float:
    return 0.0


class PausingDialect(Segment):
    """Calls `pause` between the choice of a batch and its attempt number ``at``."""

    def __init__(self, at: int, pause: Callable[[], object]) -> None:
        self._at, self._pause, self._asked = at, pause, 0

    def route_headers(self, route: int) -> Mapping[str, str]:
        self._asked += 1
        if self._asked == self._at:
            self._pause()
        return {}


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_batch_that_close_gave_up_is_not_sent_any_more(make_client: Callable[..., Client], attempt: int) -> None:
    is_chosen, is_closed = threading.Event(), threading.Event()

    def pause() -> None:
        is_chosen.set()
        is_closed.wait(DEADLINE)

    transport = CapturingTransport(503)
    client = make_client(dialect=PausingDialect(attempt, pause), transport=transport, batch_size=1, retry_after=quick)
    client.track("u", "e", {"n": 1})
    assert is_chosen.wait(DEADLINE)
    client.close(timeout=0.0)
    is_closed.set()
    client._engine._join(time.monotonic() + DEADLINE)
    assert client.stats().dropped == {"shutdown": 1}
    assert len(transport.requests) == attempt - 1
