"""What all operators have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from fastbatch.flags.local.context import Matcher
from fastbatch.flags.local.text import NoTextError, text_of

__all__ = ["Maker", "UnusableError", "filter_text"]

Maker: TypeAlias = Callable[[str, Any], Matcher]
"""
Makes an operator ready for one filter: a property's key and the value that it is compared with.

All that depends on the filter alone is done by then. It raises `UnusableError` for a value that says nothing to it.
"""


class UnusableError(ValueError):
    """The value of a filter says nothing to its operator."""


def filter_text(value: Any) -> str:
    """Return a filter's value as text."""
    try:
        return text_of(value)
    except NoTextError as error:
        raise UnusableError("its value has no JSON form") from error
