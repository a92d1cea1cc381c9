"""A wake-up call for one sleeping thread."""

from __future__ import annotations

import threading

__all__ = ["Wakeup"]


class Wakeup:
    """
    A binary semaphore on a bare lock.

    `threading.Event` takes a lock of its own to set itself, which a signal handler or a destructor that interrupts the
    setting thread would wait for forever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """End the sleep of the thread that sleeps, or else the next sleep at once."""
        try:
            self._lock.release()
        except RuntimeError:
            # It was set already.
            return

    def wait(self, timeout: float) -> None:
        """Sleep until `set`, or for ``timeout`` seconds."""
        self._lock.acquire(timeout=max(0.0, timeout))
