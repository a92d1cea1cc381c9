"""Values as the text that they are compared by: the JSON that PostHog's server would make of them."""

from __future__ import annotations

import json
from decimal import Decimal
from math import isfinite
from typing import Any

__all__ = ["NoTextError", "ascii_lower", "text_of"]

_TO_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


class NoTextError(ValueError):
    """A value has no JSON form; the server could not have received it."""


def text_of(value: Any) -> str:
    """
    Return text as it is, and all else as compact JSON with sorted keys.

    Raises:
        NoTextError: For what JSON does not know: other types, infinities, keys that are no text.
    """
    return value if isinstance(value, str) else _json(value)


def ascii_lower(text: str) -> str:
    """Return ``text`` with only A to Z in lower case, as the server compares; `str.lower` would do more."""
    return text.lower() if text.isascii() else text.translate(_TO_LOWER)


def _json(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join([_json(item) for item in value])}]"
    if isinstance(value, dict):
        return f"{{{','.join([f'{_key(key)}:{_json(item)}' for key, item in _sorted(value)])}}}"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)  # the number, where an enum would give its name
    if isinstance(value, float) and isfinite(value):
        return _float(value)
    raise NoTextError(type(value).__name__)


def _sorted(value: dict[Any, Any]) -> list[tuple[Any, Any]]:
    try:
        return sorted(value.items(), key=lambda item: item[0])
    except TypeError as error:
        raise NoTextError("keys of several types") from error


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise NoTextError(f"a key of type {type(key).__name__}")
    return json.dumps(key, ensure_ascii=False)


def _float(value: float) -> str:
    """Return Python's digits in the server's layout: plain down to 0.00001, exponents with a sign and no zeros."""
    text = float.__repr__(value)
    mantissa, e, exponent = text.partition("e")
    if not e:
        return text
    power = int(exponent)
    return format(Decimal(text), "f") if -6 < power < 0 else f"{mantissa}e{power:+d}"
