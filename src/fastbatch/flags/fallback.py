"""Values that the server gave before, for the time when it does not answer."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
import time
from collections import OrderedDict
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from fastbatch.errors import ConfigError
from fastbatch.flags.result import FeatureFlagResult

__all__ = ["FallbackCache"]

STALE_SECONDS = 3600.0
"""The oldest value that is still used."""
USERS = 10_000


class _Kept(NamedTuple):
    result: FeatureFlagResult
    at: float


class FallbackCache:
    """
    The last known values of the users seen last.

    Values that were found under other flag definitions are not used: the flag may have been switched off since.

    Args:
        users: How many users are remembered; the one not seen for the longest time goes first.

    Thread safety:
        Any thread.
    """

    def __init__(self, users: int = USERS) -> None:
        self._users = users
        self._kept: OrderedDict[str, dict[str, _Kept]] = OrderedDict()
        self._generation: object = None
        self._lock = threading.Lock()

    @classmethod
    def from_url(cls, url: str) -> FallbackCache:
        """
        Return the cache that a URL such as ``memory://local/?size=10000`` asks for.

        Raises:
            ConfigError: For any other scheme, Redis included, and for a size that is no whole number above zero.
        """
        allowed = "memory://local/?size=<users>"
        try:
            parts = urlsplit(url)
            users = int(parse_qs(parts.query).get("size", [str(USERS)])[0])
        except (ValueError, TypeError, AttributeError):
            parts, users = urlsplit(""), 0
        if parts.scheme != "memory" or users < 1:
            raise ConfigError("flag_fallback_cache_url", "<hidden>", allowed)
        return cls(users)

    def put(self, distinct_id: str, result: FeatureFlagResult, generation: object) -> None:
        """Remember a value that was found under these definitions; with it the values of others are forgotten."""
        kept = _Kept(_own(result), time.monotonic())
        with self._lock:
            if generation is not self._generation:
                self._kept.clear()
                self._generation = generation
            self._kept.setdefault(distinct_id, {})[result.key] = kept
            self._kept.move_to_end(distinct_id)
            if len(self._kept) > self._users:
                self._kept.popitem(last=False)

    def get(self, distinct_id: str, key: str, generation: object) -> FeatureFlagResult | None:
        """Return the last value unless it is too old, or was found under other definitions."""
        with self._lock:
            kept = self._kept.get(distinct_id, {}).get(key) if generation is self._generation else None
        return None if kept is None or time.monotonic() - kept.at >= STALE_SECONDS else _own(kept.result)

    def renew(self) -> None:
        """What a forked child does before anything else."""
        self._lock = threading.Lock()


def _own(result: FeatureFlagResult) -> FeatureFlagResult:
    """Return the result with a payload of its own: programs may change theirs."""
    if not isinstance(result.payload, (dict, list)):
        return result
    # It came from JSON, so nothing is lost on the way there and back.
    with contextlib.suppress(RecursionError):
        return dataclasses.replace(result, payload=json.loads(json.dumps(result.payload)))
    return result
