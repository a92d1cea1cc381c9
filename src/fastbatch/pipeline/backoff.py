"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["LONGEST_RETRY_AFTER", "full_jitter", "wait_before_retry"]

BASE = 0.5
CAP = 30.0

LONGEST_RETRY_AFTER = 300.0
"""A server may ask for more; a batch is not parked longer, seconds."""


def full_jitter(attempt: int) -> float:
    """
    Return a wait after attempt number ``attempt``: anything from 0 to 0.5 s doubled each time, at most 30 s.

    The whole wait is random, so that clients that failed together do not come back together.
    """
    return random.uniform(0.0, min(CAP, BASE * 2.0 ** min(attempt - 1, 16)))


def wait_before_retry(attempt: int, asked: float | None, chosen: Callable[[int], float] | None) -> float:
    """
    Return the wait after attempt number ``attempt``, seconds.

    Args:
        attempt: From 1.
        asked: What the server asked for; it is a minimum, cut to `LONGEST_RETRY_AFTER`.
        chosen: The user's own backoff; what it raises or returns amiss falls back to `full_jitter`.
    """
    wait = full_jitter(attempt)
    if chosen is not None:
        try:
            answer = float(chosen(attempt))
        except Exception:  # noqa: BLE001 the user's function must not cost the user a batch
            answer = -1.0
        if answer >= 0:  # which NaN is not
            wait = min(answer, LONGEST_RETRY_AFTER)
    if asked is not None:
        wait = max(wait, min(asked, LONGEST_RETRY_AFTER))
    return wait
