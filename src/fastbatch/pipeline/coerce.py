"""
The coercion table: what becomes of a value that JSON has no form for.

The table exists once. orjson calls `coerce` for what it does not know, and the plain encoder calls it for the same
values; docs/guide/encoding.md explains each row.
"""

from __future__ import annotations

import base64
import dataclasses
from collections import UserString
from collections.abc import Callable, Iterable, Mapping, MappingView, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeAlias
from uuid import UUID

__all__ = ["coerce"]

Rule: TypeAlias = Callable[[Any], Any]


def coerce(value: object) -> Any:
    """
    Return ``value`` as something nearer to JSON, which may need coercing again.

    Raises:
        TypeError: When the table has no row for its type. Code of the value's own may raise anything.
    """
    rule = _RULES.get(type(value)) or _rule_of(value)
    return rule(value)


def _rule_of(value: object) -> Rule:
    for kind, rule in _RULES.items():
        if isinstance(value, kind):
            return rule
    # The type is asked, not the value: a value that invents its attributes (a mock, a proxy) would have all of them.
    for name, rule in _RULES_BY_ATTRIBUTE.items():
        if hasattr(type(value), name):
            return rule
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _utc_text(value: datetime) -> str | None:
    if value != value:  # noqa: PLR0124 - so is pandas' NaT, which says that it is a datetime
        return None
    # A tzinfo without an offset is naive too, and astimezone() would take that for local time.
    aware = value if value.utcoffset() is None else value.astimezone(timezone.utc)
    return aware.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _decimal_number(value: Decimal) -> float | None:
    if not value.is_finite():
        return None
    number = float(value)
    if number in (float("inf"), float("-inf")):
        raise OverflowError("a Decimal beyond the range of a float")
    return number


def _bytes_text(value: bytes | bytearray | memoryview) -> str:
    octets = bytes(value)
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return base64.b64encode(octets).decode("ascii")


def _in_order(items: Iterable[Any]) -> list[Any]:
    # Sorted by text first, because sorted() keeps some of the order it finds where "less than" is not total: NaN, sets.
    by_text = sorted(items, key=_text_for_order)
    try:
        return sorted(by_text)
    except TypeError:
        return by_text


def _text_for_order(item: object) -> str:
    return repr(_in_order(item)) if isinstance(item, frozenset) else repr(item)


def _attrs_fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in type(value).__attrs_attrs__}


def _dataclass_fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _pydantic_1_fields(value: Any) -> Any:
    if not callable(getattr(type(value), "dict", None)):
        raise TypeError(f"{type(value).__name__} has no JSON form")
    return value.dict()


def _listed(value: Any) -> Any:
    dtype = getattr(value, "dtype", None)
    if type(value).__module__ == "numpy" and dtype is not None:
        # Left alone, a datetime64 in nanoseconds lists itself as an int, and a longdouble as a longdouble.
        if dtype.kind in "mM":
            value = value.astype(f"{dtype.kind}8[us]")
        elif dtype.kind == "f" and dtype.itemsize > 8:
            value = value.astype("f8")
    return value.tolist()


_RULES: dict[type, Rule] = {
    Enum: lambda value: value.value,
    datetime: _utc_text,
    date: date.isoformat,
    time: lambda value: value.isoformat(),
    timedelta: lambda value: value.total_seconds(),
    UUID: str,
    Decimal: _decimal_number,
    float: float.__float__,
    bytes: _bytes_text,
    bytearray: _bytes_text,
    memoryview: _bytes_text,
    PurePath: str,
    UserString: str,
    tuple: lambda value: list(tuple.__iter__(value)),
    set: _in_order,
    frozenset: _in_order,
    Mapping: dict,
    MappingView: list,
    AbstractSet: _in_order,
    Sequence: list,
}
"""In this order, since a type may have several rows: a datetime is a date, a namedtuple is a Sequence."""

_RULES_BY_ATTRIBUTE: dict[str, Rule] = {
    "model_dump": lambda value: value.model_dump(mode="json"),
    "__fields__": _pydantic_1_fields,
    "__attrs_attrs__": _attrs_fields,
    "__dataclass_fields__": _dataclass_fields,
    "tolist": _listed,
}
"""Libraries that need not be installed: pydantic 2, pydantic 1, attrs, dataclasses of any make, numpy and its kin."""
