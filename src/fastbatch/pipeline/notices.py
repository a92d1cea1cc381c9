"""What the user's logger hears of lost events: the first at once, then a sum now and then, never a line for each."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter

__all__ = ["Notices", "say"]

PERIOD = 30.0
"""Seconds between two lines about the same thing."""


def say(logger: logging.Logger, level: int, text: str, *arguments: object) -> None:
    """Log a line; what a handler of the program's raises is nothing that an event should suffer from."""
    with contextlib.suppress(Exception):
        logger.log(level, text, *arguments)


class Notices:
    """
    Warnings about refused and dropped events, by cause.

    Never called with a lock of fastbatch's held: a logging handler may itself call the client.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._lock = threading.RLock()
        self._untold: Counter[tuple[str, str]] = Counter()
        self._told_at: dict[tuple[str, str], float] = {}

    def tell(self, what: str, cause: str, events: int, detail: str = "") -> None:
        """Note that ``events`` events were ``what`` ("refused", "dropped") for ``cause``."""
        key = what, cause
        now = time.monotonic()
        with self._lock:
            self._untold[key] += events
            if now - self._told_at.get(key, -PERIOD) < PERIOD:
                return
            self._told_at[key] = now
            untold = self._untold.pop(key)
        self._warn(key, untold, detail)

    def tell_rest(self) -> None:
        """Say what was not said yet."""
        with self._lock:
            rest = list(self._untold.items())
            self._untold.clear()
        for key, events in rest:
            self._warn(key, events, "")

    def _warn(self, key: tuple[str, str], events: int, detail: str) -> None:
        what, cause = key
        suffix = f": {detail}" if detail else ""
        plural = "" if events == 1 else "s"
        say(self._logger, logging.WARNING, "%d event%s %s (%s)%s", events, plural, what, cause, suffix)
