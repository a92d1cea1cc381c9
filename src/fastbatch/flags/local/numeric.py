"""Values as numbers, where they are numbers or say one."""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite
from typing import Any

__all__ = ["number_of"]

_NUMERAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def number_of(value: Any) -> float | None:
    """Return a finite number; None for booleans, infinities, and text that is no plain decimal numeral."""
    kind = type(value)
    if kind is not int and kind is not float:  # nearly always one of them
        if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
            return None
        if isinstance(value, str) and not _NUMERAL.fullmatch(value):
            return None
    try:
        number = float(value)
    except (ValueError, OverflowError):  # a signalling NaN; an integer of hundreds of digits
        return None
    return number if isfinite(number) else None
