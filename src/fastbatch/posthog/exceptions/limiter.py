"""How many exceptions of one type are captured: a crash in a loop must not become a million events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Limiter"]

MOST_KEYS = 1000
"""Types that are told apart; beyond it the longest known is forgotten, and starts anew."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    since: float


class Limiter:
    """
    A bucket of tokens for each key. As in PostHog's own clients the call that takes the last token is limited already.

    Args:
        size: Tokens of a full bucket.
        refill: Tokens that come back in each ``interval``.
        interval: Seconds; zero fills the bucket at once.
        clock: What time it is, seconds.
    """

    def __init__(
        self, size: float, refill: float, interval: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._size = size
        self._refill = min(refill, size)
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}

    def allows(self, key: str) -> bool:
        """Take a token of ``key``; False when that was the last one, or none was left."""
        with self._lock:
            now = self._clock()
            bucket = self._buckets.get(key)
            if bucket is None:
                if len(self._buckets) >= MOST_KEYS:
                    del self._buckets[next(iter(self._buckets))]
                bucket = self._buckets[key] = _Bucket(self._size, now)
            else:
                self._fill(bucket, now)
            if bucket.tokens <= 0:
                return False
            bucket.tokens -= 1
            return bucket.tokens > 0

    def _fill(self, bucket: _Bucket, now: float) -> None:
        if self._interval <= 0:
            bucket.tokens, bucket.since = self._size, now
            return
        # Whole intervals; what is left over counts towards the next.
        intervals = int((now - bucket.since) // self._interval)
        bucket.tokens = min(bucket.tokens + intervals * self._refill, self._size)
        bucket.since += intervals * self._interval
