"""Which exceptions were captured already: an exception passes many hands on its way up, and is one event."""

from __future__ import annotations

import contextlib

__all__ = ["is_captured", "mark_captured"]

# The posthog package's own names, so that a program that reads the event's uuid from its exception finds it.
_CAPTURED = "__posthog_exception_captured"
_UUID = "__posthog_exception_uuid"


def is_captured(error: BaseException) -> bool:
    """Return whether the exception is an event already."""
    # Past a __getattr__ of its own, which may have an answer for every name.
    return _CAPTURED in BaseException.__getattribute__(error, "__dict__")


def mark_captured(error: BaseException, uuid: str) -> None:
    """Note that the exception is the event ``uuid``."""
    with contextlib.suppress(Exception):  # one that takes no attribute may be captured twice
        # Past a __setattr__ of its own, such as a frozen dataclass has.
        BaseException.__setattr__(error, _CAPTURED, True)
        BaseException.__setattr__(error, _UUID, uuid)
