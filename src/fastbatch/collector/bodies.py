"""Request bodies without their content encoding, and the error that a bad request is answered with."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Collection

from fastbatch.errors import FastbatchError
from fastbatch.zstd import Zstd, zstd

__all__ = ["WireError", "inflate"]


class WireError(FastbatchError):
    """
    A request that is answered with an error.

    Args:
        status: HTTP status of the answer.
        reason: What is wrong with the request.
        tag: The vendor's short name for it, where it has one.
    """

    def __init__(self, status: int, reason: str, tag: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.tag = tag


def inflate(body: bytes, encoding: str, limit: int, known: Collection[str] = ("identity", "gzip", "zstd")) -> bytes:
    """
    Return ``body`` without its content encoding; an inflated length above ``limit`` is an error, found early.

    ``known`` are those that the vendor's server takes.
    """
    name = encoding.strip().lower()
    inflater = _INFLATERS.get(name)
    if inflater is None or name not in known:
        here = ", ".join(one for one in _INFLATERS if one in known)
        raise WireError(415, f"the content encoding {encoding!r} is not known; known are {here}")
    plain = inflater(body, limit)
    if len(plain) > limit:
        raise WireError(413, f"the body is longer than {limit} bytes")
    return plain


_PIECE_BYTES = 4096
"""Fed to gzip at a time. What follows a member is copied: of a whole body of tiny ones, that would take minutes."""


def _inflate_gzip(body: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    room = limit + 1
    at = 0
    member = zlib.decompressobj(wbits=31)
    try:
        while at < len(body) and room > 0:
            if member.eof:  # a gzip body may have several members
                member = zlib.decompressobj(wbits=31)
            piece = body[at : at + _PIECE_BYTES]
            parts.append(member.decompress(piece, room))
            room -= len(parts[-1])
            at += len(piece) - len(member.unused_data)
    except zlib.error as error:
        raise WireError(400, f"the body is not gzip: {error}") from None
    if body and room > 0 and not member.eof:
        raise WireError(400, "the gzip body is cut short")
    return b"".join(parts)


def _inflate_deflate(body: bytes, limit: int) -> bytes:
    # RFC 9110 means the zlib format; some send the bare stream under the same name, which never begins like that.
    stream = zlib.decompressobj(wbits=15 if body[:1] == b"\x78" else -15)
    try:
        plain = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise WireError(400, f"the body is not deflate: {error}") from None
    if len(plain) <= limit and not stream.eof:
        raise WireError(400, "the deflate body is cut short")
    return plain


def _inflater_of_zstd(library: Zstd) -> Callable[[bytes, int], bytes]:
    def inflate_zstd(body: bytes, limit: int) -> bytes:
        try:
            with library.reader(io.BytesIO(body)) as reader:
                return reader.read(limit + 1)
        except EOFError:
            raise WireError(400, "the zstd body is cut short") from None
        except library.errors as error:
            raise WireError(400, f"the body is not zstd: {error}") from None

    return inflate_zstd


_INFLATERS: dict[str, Callable[[bytes, int], bytes]] = {
    "identity": lambda body, _limit: body,
    "gzip": _inflate_gzip,
    "deflate": _inflate_deflate,
}
_ZSTD = zstd()
if _ZSTD is not None:
    _INFLATERS["zstd"] = _inflater_of_zstd(_ZSTD)
