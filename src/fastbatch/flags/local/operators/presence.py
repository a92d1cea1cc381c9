"""``is_set`` and ``is_not_set``. What is not known here may still be known to the server."""

from __future__ import annotations

from typing import Any

from fastbatch.flags.local.context import Matcher
from fastbatch.flags.local.doubt import CONTEXT

__all__ = ["is_not_set", "is_set"]


def is_set(key: str, _: Any) -> Matcher:
    """Make: the property is known."""
    return lambda properties, _: True if key in properties else CONTEXT


def is_not_set(key: str, _: Any) -> Matcher:
    """Make: the property is not known, of which only the contrary can be seen."""
    return lambda properties, _: False if key in properties else CONTEXT
