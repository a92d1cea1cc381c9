"""The moments at which a process changes: it forks, or its interpreter exits."""

from __future__ import annotations

import atexit
import os
import weakref
from typing import Protocol

__all__ = ["watch"]


class Watched(Protocol):
    """What hears of those moments."""

    def after_fork_in_child(self) -> None: ...

    def at_exit(self) -> None: ...


# Weak, so that nobody's client lives on because it is watched.
_watched: weakref.WeakSet[Watched] = weakref.WeakSet()


def watch(watched: Watched) -> None:
    """Tell ``watched`` of forks and of the exit, as long as it lives."""
    _watched.add(watched)


def _after_fork_in_child() -> None:
    for watched in list(_watched):
        watched.after_fork_in_child()


def _at_exit() -> None:
    for watched in list(_watched):
        watched.at_exit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
