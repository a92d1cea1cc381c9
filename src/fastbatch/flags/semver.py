"""Versions: ``[v]major[.minor[.patch]]``, compared by their three numbers; what follows ``-`` or ``+`` is ignored."""

from __future__ import annotations

from typing import TypeAlias

__all__ = ["Version", "caret", "tilde", "version", "wildcard"]

Version: TypeAlias = "tuple[int, int, int]"
Range: TypeAlias = "tuple[Version, Version]"
"""From the first, the second excluded."""


def version(text: str) -> Version:
    """
    Return the three numbers; those that are missing are 0.

    Raises:
        ValueError: A part is no number, or has a leading zero.
    """
    parts = _bare(text).partition("-")[0].partition("+")[0].split(".")
    numbers = [_number(parts[0]), *(_number(part) if part else 0 for part in parts[1:3]), 0, 0]
    return numbers[0], numbers[1], numbers[2]


def tilde(text: str) -> Range:
    """Return what ``~1.2.3`` allows: later patches."""
    low = version(text)
    return low, (low[0], low[1] + 1, 0)


def caret(text: str) -> Range:
    """Return what ``^1.2.3`` allows: what leaves the first number that is not 0 as it is."""
    low = major, minor, patch = version(text)
    if major:
        return low, (major + 1, 0, 0)
    return low, (0, minor + 1, 0) if minor else (0, 0, patch + 1)


def wildcard(text: str) -> Range:
    """
    Return what ``1.*`` or ``1.2.*`` allows.

    Raises:
        ValueError: No number is given, or not a number.
    """
    parts = [part for part in _bare(text).replace("*", "").split(".") if part]
    given = [_number(part) for part in parts[:3]]
    if not given:
        raise ValueError("a wildcard needs a number")
    low, high = [*given, 0, 0], [*given[:-1], given[-1] + 1, 0, 0]
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def _bare(text: str) -> str:
    return text.strip().lstrip("vV")


def _number(part: str) -> int:
    if not part.isdigit() or (part[0] == "0" and len(part) > 1):
        raise ValueError(f"{part!r} is no part of a version")
    return int(part)
