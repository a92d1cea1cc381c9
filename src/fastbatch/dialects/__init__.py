"""The vendors' wires. To add one, write a file with a subclass of `BaseDialect` and name it in `_DIALECTS`."""

from __future__ import annotations

from collections.abc import Callable

from fastbatch.dialects.base import BaseDialect
from fastbatch.dialects.rudderstack import RudderStack
from fastbatch.dialects.segment import Segment
from fastbatch.errors import ConfigError
from fastbatch.typing import Dialect

__all__ = ["BaseDialect", "RudderStack", "Segment", "resolve"]

_DIALECTS: dict[str, Callable[[], Dialect]] = {
    "segment": Segment,
    "rudderstack": RudderStack,
}


def resolve(dialect: str | Dialect) -> Dialect:
    """
    Return a new dialect of that name, or the object itself.

    Raises:
        ConfigError: For a name that no dialect has, or a class in place of its instance.
    """
    if isinstance(dialect, str) and dialect in _DIALECTS:
        return _DIALECTS[dialect]()
    if isinstance(dialect, (str, type)):
        names = ", ".join(map(repr, _DIALECTS))
        raise ConfigError("dialect", dialect, f"one of {names}, or an object that follows the Dialect Protocol")
    return dialect
