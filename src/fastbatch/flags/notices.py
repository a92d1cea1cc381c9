"""Lines about one and the same trouble: the first at once, then one now and then, never one for each call."""

from __future__ import annotations

import logging
import time

__all__ = ["Notices"]

PERIOD = 30.0
"""Seconds between two lines about the same thing."""


class Notices:
    """
    Says things to a logger, each kind of thing once a period.

    Thread safety:
        Any thread; two that come at the very same moment may both be heard.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._next: dict[str, float] = {}

    def tell(self, level: int, kind: str, text: str) -> None:
        """Say ``text`` unless something of that kind was said within the period."""
        now = time.monotonic()
        if now < self._next.get(kind, 0.0):
            return
        self._next[kind] = now + PERIOD
        try:
            self._logger.log(level, "feature flags: %s", text)
        except Exception:  # noqa: BLE001 a handler's failure must not reach who reads a flag
            return
