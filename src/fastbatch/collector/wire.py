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
import zlib
from collections.abc import Callable
from json.decoder import JSONDecoder, scanstring  # type: ignore[attr-defined]  # typeshed leaves it out
from typing import Any, NamedTuple, NoReturn

from fastbatch.errors import FastbatchError

try:
    import zstandard
except ImportError:
    zstandard = None  # type: ignore[assignment,unused-ignore]

__all__ = ["KINDS", "Received", "WireError", "basic_user", "inflate", "read_batch", "read_single"]

KINDS = frozenset({"track", "identify", "page", "screen", "group", "alias"})


class WireError(FastbatchError):
    """
    A request that is answered with an error.

    Args:
        status: HTTP status of the answer.
        reason: What is wrong with the request.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Received(NamedTuple):
    """One message as it was received; ``text`` is its JSON."""

    message_id: str
    kind: str
    user_id: str | None
    text: str


# Bodies


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """Return ``body`` without its content encoding; an inflated length above ``limit`` is an error, found early."""
    inflater = _INFLATERS.get(encoding.strip().lower())
    if inflater is None:
        raise WireError(415, f"the content encoding {encoding!r} is not known; known are {', '.join(_INFLATERS)}")
    plain = inflater(body, limit)
    if len(plain) > limit:
        raise WireError(413, f"the body is longer than {limit} bytes")
    return plain


def _inflate_gzip(body: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    room = limit + 1
    try:
        while body and room > 0:  # a gzip body may have several members
            member = zlib.decompressobj(wbits=31)
            parts.append(member.decompress(body, room))
            room -= len(parts[-1])
            if room > 0 and not member.eof:
                raise WireError(400, "the gzip body is cut short")
            body = member.unused_data
    except zlib.error as error:
        raise WireError(400, f"the body is not gzip: {error}") from None
    return b"".join(parts)


def _inflate_zstd(body: bytes, limit: int) -> bytes:
    assert zstandard is not None  # noqa: S101 else this is not among the inflaters
    try:
        with zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True) as reader:
            return bytes(reader.read(limit + 1))
    except zstandard.ZstdError as error:
        raise WireError(400, f"the body is not zstd: {error}") from None


_INFLATERS: dict[str, Callable[[bytes, int], bytes]] = {
    "identity": lambda body, _limit: body,
    "gzip": _inflate_gzip,
}
if zstandard is not None:
    _INFLATERS["zstd"] = _inflate_zstd


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


def read_batch(body: bytes) -> list[Received]:
    """
    Return the messages of a ``/v1/batch`` body, ``{"batch":[{...},{...}], ...}``.

    Raises:
        WireError: 400 when it is not JSON, or not of that form, or has no message, or one that has no type.
    """
    text = _decoded(body)
    try:
        found = _walk(text)
    except (ValueError, StopIteration, RecursionError) as error:
        raise WireError(400, f"not JSON: {error}") from None
    if not found:
        raise WireError(400, 'a body must have a "batch" with at least one message')
    return found


def read_single(body: bytes, kind: str) -> list[Received]:
    """Return the one message of a body such as ``/v1/track`` takes; its type need not be said again."""
    text = _decoded(body)
    try:
        at = _skip(text, 0)
        message, end = _scan(text, at)
        _expect_end(text, end)
    except (ValueError, StopIteration, RecursionError) as error:
        raise WireError(400, f"not JSON: {error}") from None
    if isinstance(message, dict) and "type" not in message:
        message = {"type": kind, **message}
        return [_received(message, json.dumps(message, ensure_ascii=False, separators=(",", ":")))]
    return [_received(message, text[at:end])]


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise WireError(400, f"not UTF-8: {error.reason} at byte {error.start}") from None


def _walk(text: str) -> list[Received]:
    found: list[Received] = []
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
            found, at = _walk_messages(text, at)
        else:
            _, at = _scan(text, at)
        at = _skip(text, at)
        if _expect(text, at, ",}") == ",":
            at = _skip(text, at + 1)
            _expect(text, at, '"')
    _expect_end(text, at + 1)
    return found


def _walk_messages(text: str, at: int) -> tuple[list[Received], int]:
    if text[at : at + 1] != "[":
        raise WireError(400, '"batch" must be an array of messages')
    found: list[Received] = []
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return found, at + 1
    while True:
        message, end = _scan(text, at)
        found.append(_received(message, text[at:end]))
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
    return Received(_storable(message_id) or str(uuid.uuid4()), _storable(kind) or "", _storable(user_id), text)


def _storable(value: Any) -> str | None:
    if value is None or (value.__class__ is str and value.isascii()):
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    # "\ud800" is JSON, and no database takes it as text. The message's own text keeps the escape.
    return text.encode(errors="backslashreplace").decode()
