"""Ctrl-C while events are on their way: stop reading, deliver what was read."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

__all__ = ["Interrupt", "Interrupted"]


class Interrupted(BaseException):
    """Ends a read that waits; like KeyboardInterrupt, it is no Exception."""


class Interrupt:
    """
    Takes SIGINT and SIGTERM over within its ``with``.

    The first sets `is_set`, and ends a read that waits. It ends nothing else: an event that is being enqueued has to be
    either accepted or not, or the account would be wrong by one. The second is an ordinary KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._is_waiting = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:  # noqa: PYI034  # typing.Self came with Python 3.11
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Around a read."""
        self._is_waiting = True
        try:
            if self.is_set:  # it came just before
                raise Interrupted
            yield
        finally:
            self._is_waiting = False

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_set:
            raise KeyboardInterrupt
        self.is_set = True
        if self._is_waiting:
            raise Interrupted
