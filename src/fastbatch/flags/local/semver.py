"""Versions: ``[v]major[.minor[.patch]]``, compared by their three numbers; what follows ``-`` or ``+`` is ignored."""

from __future__ import annotations

import re
from typing import TypeAlias

__all__ = ["Range", "Version", "caret", "tilde", "version", "wildcard"]

Version: TypeAlias = "tuple[int, int, int]"
Range: TypeAlias = "tuple[Version, Version]"
"""From the first, the second excluded."""

_NUMBER = r"((?!0\d)\d+)"
_VERSION = re.compile(
    rf"\s* [vV]* {_NUMBER} (?: \. {_NUMBER}? (?: \. {_NUMBER}? (?: \. [^+-]* )? )? )? (?: \s* | [+-] .* )",
    re.VERBOSE | re.DOTALL,
)


def version(text: str) -> Version:
    """
    Return the three numbers; those that are missing are 0.

    Raises:
        ValueError: A part is no number, or has a leading zero.
    """
    found = _VERSION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no version")
    major, minor, patch = found.groups("0")
    return int(major), int(minor), int(patch)


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
    parts = [part for part in text.strip().lstrip("vV").replace("*", "").split(".") if part]
    if not parts or not all(re.fullmatch(_NUMBER, part) for part in parts[:3]):
        raise ValueError(f"{text!r} is no version with a wildcard")
    given = [int(part) for part in parts[:3]]
    low, high = [*given, 0, 0], [*given[:-1], given[-1] + 1, 0, 0]
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])
