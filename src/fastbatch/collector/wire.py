"""
From the bytes of a request to the messages in it.

The text of each message is cut out of the body rather than encoded again, so that what is stored is what was sent:
every digit of a number, the order of the keys, a key that is there twice.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import uuid
from collections.abc import Callable
from json.decoder import JSONDecoder, scanstring  # type: ignore[attr-defined]  # typeshed leaves it out
from typing import Any, NamedTuple, NoReturn, TypeVar

from fastbatch.collector.bodies import WireError

__all__ = [
    "KINDS",
    "Received",
    "basic_user",
    "decoded",
    "read_batch",
    "read_single",
    "storable",
    "walk_array",
    "walk_object",
]

Part = TypeVar("Part")

KINDS = frozenset({"track", "identify", "page", "screen", "group", "alias"})


class Received(NamedTuple):
    """One message as it was received; ``text`` is its JSON."""

    message_id: str
    kind: str
    user_id: str | None
    text: str


# Keys


def basic_user(authorization: str | None) -> str:
    """Return the user of an ``Authorization: Basic`` header, which is where the write key stands; empty for none."""
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


# Messages


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_scan = JSONDecoder(parse_constant=_refuse_constant).scan_once  # type: ignore[attr-defined]  # typeshed leaves it out
_space = re.compile(r"[ \t\n\r]*").match


def _skip(text: str, at: int) -> int:
    # Compact JSON has no space between values; asking that first is cheaper than a match.
    return at if text[at : at + 1] > " " else _space(text, at).end()  # type: ignore[union-attr]


def _expect(text: str, at: int, characters: str) -> str:
    found = text[at : at + 1]
    if not found or found not in characters:
        wanted = " or ".join(repr(character) for character in characters)
        raise WireError(400, f"not JSON: {wanted} expected at character {at}")
    return found


def decoded(body: bytes) -> str:
    """Return the text of a body; one that is not UTF-8 is answered with 400."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise WireError(400, f"not UTF-8: {error.reason} at byte {error.start}") from None


def walk_object(text: str, receive: Callable[[Any, str], Part]) -> tuple[dict[str, Any], list[Part] | None]:
    """
    Return the members of a JSON object but for ``batch``, and what ``receive`` makes of each item of ``batch``.

    It is given the item and the item's text. Without a ``batch`` there is None.

    Raises:
        WireError: 400 when the text is not JSON, or not of that form.
    """
    try:
        return _walk_object(text, receive)
    except (ValueError, StopIteration, RecursionError) as error:
        raise WireError(400, f"not JSON: {error}") from None


def walk_array(text: str, receive: Callable[[Any, str], Part]) -> list[Part]:
    """Return what ``receive`` makes of each item of a JSON array, as `walk_object` does."""
    try:
        found, at = _walk_items(text, _skip(text, 0), receive)
        _expect_end(text, at)
    except (ValueError, StopIteration, RecursionError) as error:
        raise WireError(400, f"not JSON: {error}") from None
    return found


def read_batch(body: bytes) -> list[Received]:
    """
    Return the messages of a ``/v1/batch`` body, ``{"batch":[{...},{...}], ...}``.

    Raises:
        WireError: 400 when it is not JSON, or not of that form, or has no message, or one that has no type.
    """
    _, found = walk_object(decoded(body), _received)
    if not found:
        raise WireError(400, 'a body must have a "batch" with at least one message')
    return found


def read_single(body: bytes, kind: str) -> list[Received]:
    """Return the one message of a body such as ``/v1/track`` takes; its type need not be said again."""
    text = decoded(body)
    try:
        at = _skip(text, 0)
        message, end = _scan(text, at)
        _expect_end(text, end)
    except (ValueError, StopIteration, RecursionError) as error:
        raise WireError(400, f"not JSON: {error}") from None
    if isinstance(message, dict) and "type" not in message:
        comma = "," if message else ""
        return [_received({"type": kind, **message}, f'{{"type":{json.dumps(kind)}{comma}{text[at + 1 : end]}')]
    return [_received(message, text[at:end])]


def _walk_object(text: str, receive: Callable[[Any, str], Part]) -> tuple[dict[str, Any], list[Part] | None]:
    members: dict[str, Any] = {}
    found: list[Part] | None = None
    at = _skip(text, 0)
    _expect(text, at, "{")
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        _expect(text, at, '"')
        key, at = scanstring(text, at + 1)
        at = _skip(text, at)
        _expect(text, at, ":")
        at = _skip(text, at + 1)
        if key == "batch":
            found, at = _walk_items(text, at, receive)
        else:
            members[key], at = _scan(text, at)
        at = _skip(text, at)
        if _expect(text, at, ",}") == ",":
            at = _skip(text, at + 1)
            _expect(text, at, '"')
    _expect_end(text, at + 1)
    return members, found


def _walk_items(text: str, at: int, receive: Callable[[Any, str], Part]) -> tuple[list[Part], int]:
    if text[at : at + 1] != "[":
        raise WireError(400, '"batch" must be an array of messages')
    found: list[Part] = []
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return found, at + 1
    while True:
        message, end = _scan(text, at)
        found.append(receive(message, text[at:end]))
        at = _skip(text, end)
        if _expect(text, at, ",]") == "]":
            return found, at + 1
        at = _skip(text, at + 1)


def _expect_end(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise WireError(400, f"not JSON: more text after its end, at character {at}")


def _received(message: Any, text: str) -> Received:
    if not isinstance(message, dict):
        raise WireError(400, "a message must be an object")
    kind, message_id, user_id = message.get("type"), message.get("messageId"), message.get("userId")
    if not isinstance(kind, str) or not kind:
        raise WireError(400, 'a message must have a "type"')
    # The servers make an id up where there is none; a number is an id too, as they see it.
    return Received(storable(message_id) or str(uuid.uuid4()), storable(kind) or "", storable(user_id), text)


def storable(value: Any) -> str | None:
    """Return an id as text that a database takes; a number is its digits."""
    if value is None or (value.__class__ is str and value.isascii()):
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    # "\ud800" is JSON, and no database takes it as text. The message's own text keeps the escape.
    return text.encode(errors="backslashreplace").decode()
