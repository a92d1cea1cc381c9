"""The moments at which a process changes: it forks, or its interpreter exits."""

from __future__ import annotations

import atexit
import os
import time
import weakref
from typing import Protocol

__all__ = ["finish_at_exit", "forget", "renew_after_fork"]


class Forks(Protocol):
    """What has to be renewed in a forked child."""

    def after_fork_in_child(self) -> None: ...


class Runs(Protocol):
    """What has something to finish before the interpreter exits."""

    def begin_closing(self) -> None: ...

    def close_at_exit(self, deadline: float) -> None: ...

    @property
    def close_timeout(self) -> float: ...


# Weak, so that nobody's client lives on because it is watched.
_forks: weakref.WeakSet[Forks] = weakref.WeakSet()

# Strong: what is queued must be sent even when its client is forgotten.
_running: dict[Runs, int] = {}
"""Each with the process that it runs in: a fork that Python does not see copies this as well."""


def renew_after_fork(forks: Forks) -> None:
    """Tell ``forks`` of every fork, in the child, as long as it lives."""
    _forks.add(forks)


def finish_at_exit(runs: Runs) -> None:
    """Close ``runs`` when the interpreter exits, unless `forget` is called before."""
    _running[runs] = os.getpid()


def forget(runs: Runs) -> None:
    """Leave ``runs`` alone at the exit: it has finished."""
    _running.pop(runs, None)


def _after_fork_in_child() -> None:
    # What ran belongs to the parent, who will finish it.
    _running.clear()
    for forks in list(_forks):
        forks.after_fork_in_child()


def _at_exit() -> None:
    running = [runs for runs, process in list(_running.items()) if process == os.getpid()]
    for runs in running:
        runs.begin_closing()
    deadline = time.monotonic() + max((runs.close_timeout for runs in running), default=0.0)
    for runs in running:
        runs.close_at_exit(deadline)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
