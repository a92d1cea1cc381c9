"""What the user's logger hears of lost events: the first at once, then a sum now and then, never a line for each."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

__all__ = ["Notices", "say"]

PERIOD = 30.0
"""Seconds between two lines about the same thing."""


def say(logger: logging.Logger, level: int, text: str, *arguments: object) -> None:
    """Log; what the program's logger raises must not reach delivery, where it would look like a failure of its own."""
    try:
        logger.log(level, text, *arguments)
    except Exception:  # noqa: BLE001 there is nobody left to tell
        return


MOST_TOPICS = 100
"""Causes are few, but a server's warnings are whatever it writes; those beyond are told as one."""


@dataclass(slots=True)
class _Topic:
    """Events that something befell, for one cause; ``tells_at`` is when the logger may hear of it again."""

    untold: int = 0
    tells_at: float = 0.0


class Notices:
    """
    Warnings about events, by what befell them and for what cause.

    Never called with a lock of fastbatch's held: a logging handler may itself call the client.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._lock = threading.RLock()
        self._topics: dict[tuple[str, str], _Topic] = {}

    def tell(self, what: str, cause: str, events: int, detail: str = "") -> None:
        """Note that ``events`` events were ``what`` (such as "refused", or "dropped") for ``cause``."""
        key = what, cause
        now = time.monotonic()
        topic = self._topics.get(key)
        if topic is None:
            if len(self._topics) >= MOST_TOPICS:
                key = what, "something else"
            topic = self._topics.setdefault(key, _Topic())
        with self._lock:
            topic.untold += events
            if now < topic.tells_at:
                return
            topic.tells_at = now + PERIOD
            untold, topic.untold = topic.untold, 0
        self._warn(key, untold, detail)

    def tell_rest(self) -> None:
        """Say what was not said yet."""
        for key, topic in list(self._topics.items()):
            with self._lock:
                untold, topic.untold = topic.untold, 0
            if untold:
                self._warn(key, untold, "")

    def _warn(self, key: tuple[str, str], events: int, detail: str) -> None:
        what, cause = key
        suffix = f": {detail}" if detail else ""
        plural = "" if events == 1 else "s"
        say(self._logger, logging.WARNING, "%d event%s %s (%s)%s", events, plural, what, cause, suffix)
