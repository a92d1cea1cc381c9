"""Newline-delimited messages as Segment writes them: ``{"type": "track", "userId": "u1", "event": "Paid"}``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from fastbatch import Alias, Group, Identify, Page, Screen, Track
from fastbatch.cli.formats.record import Lines, Mapping, Record
from fastbatch.typing import Message

__all__ = ["MESSAGE_TYPES", "message_from", "read_messages"]

MESSAGE_TYPES: dict[str, Any] = {type_.kind: type_ for type_ in (Track, Identify, Page, Screen, Group, Alias)}

_SET_BY_OTHERS = frozenset(
    {"type", "sentAt", "receivedAt", "originalTimestamp", "channel", "version", "writeKey", "projectId", "_metadata"}
)
"""What an exported message has besides its fields: set by a server or a client on the way, and left out here."""


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


_ARGUMENTS = {
    kind: {_camel(field.name): field.name for field in dataclasses.fields(type_)}
    for kind, type_ in MESSAGE_TYPES.items()
}


def read_messages(lines: Lines, _mapping: Mapping) -> Iterator[Record]:
    """Yield the message of each line; one without ``messageId`` gets an id that the next run gives it too."""
    for line in lines:
        if line.strip():
            try:
                yield Record(lines.number, message_from(json.loads(line), lines.record_id()))
            except (ValueError, RecursionError) as error:
                yield Record(lines.number, None, str(error))


def message_from(given: Any, message_id: str) -> Message:
    """
    Return the typed message for the JSON of one.

    Raises:
        ValueError: Says what about it is not a message.
    """
    if not isinstance(given, dict):
        raise ValueError("a message must be a JSON object")
    kind = given.get("type")
    arguments = _ARGUMENTS.get(kind) if isinstance(kind, str) else None
    if arguments is None:
        raise ValueError(f'"type" is {kind!r}; must be one of {", ".join(_ARGUMENTS)}')
    unknown = [name for name in given if name not in arguments and name not in _SET_BY_OTHERS]
    if unknown:
        raise ValueError(f"a {kind} has no {unknown[0]!r}; its fields are {', '.join(arguments)}")
    values = {arguments[name]: value for name, value in given.items() if name in arguments}
    values["message_id"] = values.get("message_id") or message_id
    message: Message = MESSAGE_TYPES[str(kind)](**values)
    return message
