"""Compressing a body: which library, which level, and what is left of it."""

from __future__ import annotations

import gzip
import random
import uuid
import zlib
from collections.abc import Callable
from typing import Any

import pytest

import workload
from fastbatch.errors import FastbatchError
from fastbatch.pipeline.compress import compressor

try:
    import orjson
except ImportError:
    pytest.skip("needs orjson", allow_module_level=True)

BODY_BYTES = 500_000


def _message(sequence: int, chance: random.Random) -> dict[str, Any]:
    # Ids and order numbers as random as real ones: they are most of what cannot be compressed.
    message = workload.finished_message(sequence)
    message["messageId"] = str(uuid.UUID(int=0x019A0000000070008 << 60 | chance.getrandbits(62)))
    message["timestamp"] = f"2026-11-21T10:09:52.{sequence // 250 % 1000:03d}Z"
    message["properties"]["order_id"] = f"ord_{chance.getrandbits(32):08x}"
    return message


def _body(count: int) -> bytes:
    chance = random.Random(320)
    return orjson.dumps({"batch": [_message(workload.FIRST_SEQUENCE + number, chance) for number in range(count)]})


BODY = _body(BODY_BYTES // (workload.EVENT_BYTES + 1))
DEFAULT_BODY = _body(250)
"""Of the default ``batch_size``."""


def _zlib(level: int) -> Callable[[bytes], bytes]:
    def compress(body: bytes) -> bytes:
        squeezer = zlib.compressobj(level, wbits=31)
        return squeezer.compress(body) + squeezer.flush()

    return compress


def _isal(level: int) -> Callable[[bytes], bytes]:
    igzip = pytest.importorskip("isal.igzip")
    return lambda body: igzip.compress(body, level)


def _zstd(level: int) -> Callable[[bytes], bytes]:
    return pytest.importorskip("zstandard").ZstdCompressor(level=level).compress


@pytest.mark.parametrize(
    ("library", "level"),
    [*((_zlib, n) for n in (1, 6, 9)), *((_isal, n) for n in (0, 1, 2, 3)), *((_zstd, n) for n in (1, 3))],
    ids=lambda value: getattr(value, "__name__", str(value)).strip("_"),
)
def test_library(benchmark: Any, library: Callable[[int], Callable[[bytes], bytes]], level: int) -> None:
    """One library at one level; 9 is what the peers' ``GzipFile`` uses."""
    compressed = benchmark(library(level), BODY)
    benchmark.extra_info["ratio"] = round(len(BODY) / len(compressed), 2)
    benchmark.extra_info["MB/s"] = round(len(BODY) / benchmark.stats.stats.median / 1e6)
    if library is not _zstd:
        assert gzip.decompress(compressed) == BODY


@pytest.mark.parametrize("body", [BODY, DEFAULT_BODY], ids=["500-KB", "250-events"])
@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_fastbatch(benchmark: Any, name: str, body: bytes) -> None:
    """What the client does by default, with the libraries that are installed."""
    try:
        compress = compressor(name)
    except FastbatchError as error:
        pytest.skip(str(error))
    compressed = benchmark(compress, body)
    benchmark.extra_info["ratio"] = round(len(body) / len(compressed), 2)
    benchmark.extra_info["MB/s"] = round(len(body) / benchmark.stats.stats.median / 1e6)
