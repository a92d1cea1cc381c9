"""HTTP/1.1 requests as a server reads them."""

from __future__ import annotations

import gzip
import importlib
import json
from dataclasses import dataclass
from typing import Any

from tests.support.loopback import Connection


@dataclass(frozen=True)
class Recorded:
    """One request that arrived whole."""

    method: str
    path: str
    """As in the request line: a whole URL when a proxy was asked."""
    headers: dict[str, str]
    """Names in lower case; of several headers with one name, the last."""
    raw_body: bytes
    connection: int
    """Which connection it came on, from 0."""

    @property
    def body(self) -> bytes:
        """The body without its Content-Encoding."""
        return decoded(self.raw_body, self.headers.get("content-encoding"))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def decoded(body: bytes, encoding: str | None) -> bytes:
    """Return ``body`` without ``encoding``."""
    if encoding in (None, "identity"):
        return body
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "zstd":
        return _unzstd(body)
    raise AssertionError(f"unexpected Content-Encoding {encoding!r}")


def _unzstd(body: bytes) -> bytes:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            data: bytes = importlib.import_module(name).decompress(body)
        except ImportError:
            continue
        return data
    unpacked: bytes = importlib.import_module("zstandard").ZstdDecompressor().decompressobj().decompress(body)
    return unpacked


def read_head(connection: Connection) -> tuple[str, str, dict[str, str], bytes]:
    """Read a request line and headers: method, target, headers, and the bytes that they were."""
    raw = connection.read_until(b"\r\n\r\n")
    line, *fields = raw.decode("latin-1").split("\r\n")[:-2]
    method, target, version = line.split(" ")
    assert version in ("HTTP/1.1", "HTTP/1.0"), line
    pairs = (field.split(":", 1) for field in fields)
    return method, target, {name.strip().lower(): value.strip() for name, value in pairs}, raw


def read_request(connection: Connection) -> Recorded:
    """Read one whole request."""
    method, target, headers, _ = read_head(connection)
    assert "chunked" not in headers.get("transfer-encoding", ""), "requests have a Content-Length here"
    body = connection.read(int(headers.get("content-length", "0")))
    return Recorded(method, target, headers, body, connection.number)
