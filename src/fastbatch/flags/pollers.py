"""One poller for all clients of a process that read the same definitions in the same way."""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Hashable

from fastbatch.flags.forks import renew_after_fork
from fastbatch.flags.poller import Poller

__all__ = ["POLLERS", "Lease", "Pollers"]


class Lease:
    """A client's share of a poller; `release` it, or forget it, and with the last one the poller ends."""

    def __init__(self, pollers: Pollers, key: Hashable, poller: Poller) -> None:
        self.poller = poller
        self._end = weakref.finalize(self, pollers.release, key, wait=False)
        self._end.atexit = False
        self._release = functools.partial(pollers.release, key, wait=True)

    def release(self) -> None:
        """Give the share back; again does no harm."""
        if self._end.detach() is not None:
            self._release()


class Pollers:
    """
    Pollers by what they read, each with the number of its leases.

    Thread safety:
        Any thread; after a fork the child's pollers have the same leases, and threads when they are needed.
    """

    def __init__(self) -> None:
        self._shared: dict[Hashable, tuple[Poller, int]] = {}
        self.renew()
        renew_after_fork(self)

    def lease(self, key: Hashable, make: Callable[[], Poller]) -> Lease:
        """Return a share of the poller of ``key``, which is made if there is none."""
        with self._lock:
            poller, leases = self._shared.get(key) or (make(), 0)
            self._shared[key] = poller, leases + 1
            return Lease(self, key, poller)

    def release(self, key: Hashable, *, wait: bool) -> None:
        """Take a share back, and with the last one end the poller, perhaps waiting for its thread."""
        with self._lock:
            poller, leases = self._shared.pop(key)
            if leases > 1:
                self._shared[key] = poller, leases - 1
                return
        poller.stop(wait=wait)

    def renew(self) -> None:
        """What a forked child does before anything else."""
        # Its holder may take it again: a garbage collection in here may end a forgotten client's lease.
        self._lock = threading.RLock()


POLLERS = Pollers()
"""Those of this process."""
