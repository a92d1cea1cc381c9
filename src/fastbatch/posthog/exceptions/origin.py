"""Where an exception was caught, which is what its event says besides the exception itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["BY_HAND", "Level", "Origin"]

Level = Literal["fatal", "error", "warning", "log", "info", "debug"]


@dataclass(frozen=True, slots=True)
class Origin:
    """
    Args:
        level: ``$exception_level``.
        source: ``$exception_source``, empty for none.
        mechanism: What the outermost exception's ``mechanism`` says: ``type`` and ``handled``.
    """

    level: Level = "error"
    source: str = ""
    mechanism: dict[str, Any] = field(default_factory=dict)


BY_HAND = Origin()
"""A program's own call of ``capture_exception``."""
