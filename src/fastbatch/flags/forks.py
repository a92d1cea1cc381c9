"""What has to start anew in a forked child: threads that are not there, locks that nobody gives back."""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ["Renews", "renew_after_fork"]


class Renews(Protocol):
    """What can start anew."""

    def renew(self) -> None: ...


_renewed: weakref.WeakSet[Renews] = weakref.WeakSet()


def renew_after_fork(renews: Renews) -> None:
    """Call ``renews.renew()`` in every forked child as long as it lives; not after forks that Python does not see."""
    _renewed.add(renews)


def _after_fork_in_child() -> None:
    for renews in list(_renewed):
        renews.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
