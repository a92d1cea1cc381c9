"""
What a message's fields must be, and the names that they have on the wire.

Each ``put_`` function moves one field of a message into the dict that `Message.fields` returns, when it was given.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, TypeAlias
from uuid import UUID

from fastbatch.errors import FieldError
from fastbatch.messages.timestamp import to_utc_text

__all__ = [
    "Id",
    "put_any_id",
    "put_common",
    "put_flag",
    "put_id",
    "put_mapping",
    "put_names",
    "put_text",
    "put_timestamp",
    "put_uuid",
]

Id: TypeAlias = "str | int | float | Decimal | UUID"

_WIRE_NAMES = {
    "anonymous_id": "anonymousId",
    "disable_geoip": "disableGeoip",
    "distinct_id": "userId",
    "group_id": "groupId",
    "key": "groupId",
    "message_id": "messageId",
    "previous_id": "previousId",
    "set_once": "setOnce",
    "user_id": "userId",
}
"""Those that differ from our own."""

_MAX_MESSAGE_ID_LENGTH = 256

_AN_ID = "non-empty text, a finite number or a UUID"


def put_text(fields: dict[str, Any], message: object, name: str, *, required: bool = False) -> None:
    value = getattr(message, name)
    if value is None and not required:
        return
    if not isinstance(value, str) or (required and not value):
        raise _error(message, name, value, "non-empty text" if required else "text")
    fields[name] = value


def put_id(fields: dict[str, Any], message: object, name: str, *, required: bool = True) -> None:
    """An empty id is one that was not given."""
    value = getattr(message, name)
    text = value if value is None or type(value) is str else _id_text(value)
    if text:
        fields[_WIRE_NAMES[name]] = text
    elif required or not (value is None or isinstance(value, str)):
        raise _error(message, name, value, _AN_ID)


def put_any_id(fields: dict[str, Any], message: Any) -> None:
    put_id(fields, message, "user_id", required=False)
    put_id(fields, message, "anonymous_id", required=False)
    if "userId" not in fields and "anonymousId" not in fields:
        raise _error(message, "user_id", message.user_id, f"{_AN_ID} where there is no anonymous_id")


def put_mapping(fields: dict[str, Any], message: object, name: str) -> None:
    """Copied, because a dialect may put something into it."""
    value = getattr(message, name)
    if value is None:
        return
    try:
        if isinstance(value, dict) or isinstance(value, Mapping):  # noqa: SIM101 - together they are slower for a dict, which nearly all are
            fields[_WIRE_NAMES.get(name, name)] = dict(value)
            return
    except Exception as error:
        raise _error(message, name, type(value), "a mapping that can be read") from error
    raise _error(message, name, value, "a mapping")


def put_common(fields: dict[str, Any], message: Any) -> None:
    """Put what every message may have."""
    if message.context is not None:
        put_mapping(fields, message, "context")
    if message.integrations is not None:
        put_mapping(fields, message, "integrations")
    put_timestamp(fields, message)
    if message.message_id is not None:
        fields["messageId"] = _message_id(message)


def put_timestamp(fields: dict[str, Any], message: Any) -> None:
    """A time without a zone is guessed, see `to_utc_text`."""
    if message.timestamp is None:
        return
    try:
        fields["timestamp"] = to_utc_text(message.timestamp)
    except (TypeError, ValueError, OverflowError):
        allowed = "a datetime, or RFC 3339 text such as '2026-11-21T10:09:52Z'"
        raise _error(message, "timestamp", message.timestamp, allowed) from None


def put_uuid(fields: dict[str, Any], message: Any) -> None:
    """In its canonical form, by which servers name it."""
    value = message.uuid
    if value is None:
        return
    try:
        fields["messageId"] = str(value if isinstance(value, UUID) else UUID(value))
    except (TypeError, ValueError, AttributeError):
        raise _error(message, "uuid", value, "a UUID, or its text") from None


def put_flag(fields: dict[str, Any], message: object, name: str) -> None:
    value = getattr(message, name)
    if value is None:
        return
    if not isinstance(value, bool):
        raise _error(message, name, value, "True, False or None")
    fields[_WIRE_NAMES.get(name, name)] = value


def put_names(fields: dict[str, Any], message: object, name: str) -> None:
    value = getattr(message, name)
    if value is None:
        return
    is_collection = isinstance(value, Collection) and not isinstance(value, (str, bytes))
    if not is_collection or not all(isinstance(each, str) for each in value):
        raise _error(message, name, value, "a collection of names, or None")
    fields[name] = frozenset(value)


def _message_id(message: Any) -> str:
    value = message.message_id
    # RudderStack strips what is not printable; two ids that differ in that alone would become duplicates of each other.
    if isinstance(value, str) and 0 < len(value) <= _MAX_MESSAGE_ID_LENGTH and value.isascii() and value.isprintable():
        return value
    raise _error(message, "message_id", value, f"1 to {_MAX_MESSAGE_ID_LENGTH} characters of printable ASCII")


def _id_text(value: object) -> str | None:
    if isinstance(value, str):
        return str.__str__(value)  # the text, also of an Enum
    if isinstance(value, bool):
        return None
    try:
        if isinstance(value, Integral):
            return str(int(value))
        if isinstance(value, (Real, Decimal)):
            return str(value) if math.isfinite(value) else None
    except (ValueError, OverflowError):  # more digits than Python writes
        return None
    return str(value) if isinstance(value, UUID) else None


def _error(message: object, name: str, value: object, allowed: str) -> FieldError:
    return FieldError(type(message).__name__, name, value, allowed)
