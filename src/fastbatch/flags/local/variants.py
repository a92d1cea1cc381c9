"""The variants of a flag: which of them an id falls on."""

from __future__ import annotations

from itertools import accumulate
from math import isfinite
from typing import Any

from fastbatch.flags.local.hashing import at_least

__all__ = ["MalformedError", "Variants", "percentage"]

_NEVER = b"\xff" * 21
"""Longer than a digest, and not less than any."""


class MalformedError(ValueError):
    """A definition has not the shape that definitions have; its flag cannot be evaluated."""


def percentage(value: Any, what: str) -> float:
    """
    Return a percentage; there is no harm in one below 0 or above 100.

    Raises:
        MalformedError: It is no number, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise MalformedError(f"{what} is no number")
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        raise MalformedError(f"{what} is not finite")
    return number


class Variants:
    """
    Variants and where their ranges end.

    Args:
        raw: The list of a definition, or None.

    Raises:
        MalformedError: It is no list of variants.
    """

    __slots__ = ("ends", "keys")

    def __init__(self, raw: Any) -> None:
        if not isinstance(raw or [], list):
            raise MalformedError("the variants are no list")
        self.keys: list[str] = []
        shares: list[float] = []
        for variant in raw or []:
            if not isinstance(variant, dict) or not isinstance(variant.get("key"), str):
                raise MalformedError("a variant has no key")
            self.keys.append(variant["key"])
            shares.append(percentage(variant.get("rollout_percentage"), "the rollout of a variant") / 100)
        if any(share < 0 for share in shares):
            raise MalformedError("the rollout of a variant is negative")
        self.ends = tuple([at_least(end) or _NEVER for end in accumulate(shares)])
        """A digest belongs to the first variant whose end it is less than; beyond the last there is none."""
