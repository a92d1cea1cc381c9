"""One request and the JSON that answers it; whatever goes wrong is a `FlagsError` with the word that events use."""

from __future__ import annotations

import contextlib
import zlib
from typing import Any

from fastbatch.errors import FlagsError, TransportError
from fastbatch.fastjson import loads
from fastbatch.typing import Request, Response, Transport
from fastbatch.version import VERSION

__all__ = ["DEFINITIONS_LIMIT", "FLAGS_LIMIT", "HEADERS", "ask", "decode", "failure_of"]

FLAGS_LIMIT = 16 * 1024 * 1024
"""The longest answer of the flags endpoint, bytes."""
DEFINITIONS_LIMIT = 64 * 1024 * 1024
"""The longest file of flag definitions, bytes after decompression."""

HEADERS = {"User-Agent": f"fastbatch/{VERSION}", "Accept": "application/json"}

_DETAIL_LENGTH = 200
_GZIP = 31


def ask(transport: Transport, request: Request, timeout: float) -> Response:
    """
    Return the response, whatever its status.

    Raises:
        FlagsError: ``timeout`` or ``connection_error``; its ``__cause__`` is the transport's error.
    """
    try:
        return transport.send(request, timeout)
    except TransportError as error:
        raise FlagsError("timeout" if error.kind == "timeout" else "connection_error", str(error)) from error


def decode(response: Response, limit: int) -> Any:
    """
    Return what the body stands for.

    Raises:
        FlagsError: When the body is not whole, too long, or not JSON.
    """
    if response.cut:
        words = {"timeout": "timeout", "network": "connection_error"}
        raise FlagsError(words.get(response.cut, "unknown_error"), f"the answer is cut: {response.cut}")
    body = response.body
    if response.headers.get("content-encoding", "").lower() == "gzip":
        body = _unzipped(body, limit)
    try:
        return loads(body)
    except (ValueError, RecursionError):
        # What the body says is not repeated: it may be anything.
        raise FlagsError("unknown_error", f"the answer is not JSON ({len(body)} bytes)", response.status) from None


def _unzipped(body: bytes, limit: int) -> bytes:
    unzip = zlib.decompressobj(_GZIP)
    try:
        plain = unzip.decompress(body, limit)
    except zlib.error:
        raise FlagsError("unknown_error", "the answer is not gzip, as it says") from None
    if unzip.unconsumed_tail:
        raise FlagsError("unknown_error", "the answer is cut: too long")
    return plain


def failure_of(response: Response, *secrets: str) -> FlagsError:
    """Return what a status other than 200 means; of the body only a text named ``detail`` is kept, without secrets."""
    detail = f"HTTP {response.status}"
    with contextlib.suppress(FlagsError):
        said = decode(response, FLAGS_LIMIT)
        if isinstance(said, dict) and isinstance(said.get("detail"), str):
            text: str = said["detail"]
            for secret in secrets:
                text = text.replace(secret, "<hidden>")
            detail += ": " + "".join(filter(str.isprintable, text))[:_DETAIL_LENGTH]
    return FlagsError(f"api_error_{response.status}", detail, response.status)
