"""
Zstandard by whichever library is there: the standard library's (Python 3.14), its backport, or the package zstandard.

Nothing is imported before it is asked for. A free-threaded interpreter does without the package zstandard, which would
bring the GIL back for the whole program.
"""

from __future__ import annotations

import functools
import importlib
import io
import sysconfig
import threading
from collections.abc import Callable
from typing import IO, Any, NamedTuple

__all__ = ["HOW_TO_GET_IT", "Zstd", "zstd"]

HOW_TO_GET_IT = "pip install backports.zstd"

_PIECE = 512
"""Bytes inflated at once where a library has no bound for what comes out: 16 MiB of zeros, at the very most."""


class Zstd(NamedTuple):
    """A library for zstd."""

    name: str
    compressor: Callable[[int], Callable[[bytes | memoryview], bytes]]
    """From a level to a function that compresses; any number of threads may share it."""
    reader: Callable[[IO[bytes]], io.BufferedIOBase]
    """
    From a file to what it holds, frame after frame.

    It inflates little more than it is asked for. A frame that is cut short is an EOFError.
    """
    errors: tuple[type[Exception], ...]
    """What the reader raises for bytes that are not zstd."""


def zstd() -> Zstd | None:
    """Return the library that is there, None when none is."""
    for name in ("compression.zstd", "backports.zstd"):
        module = _import(name)
        if module is not None:
            return Zstd(name, _compressor_of(module), module.ZstdFile, (module.ZstdError,))
    zstandard = None if sysconfig.get_config_var("Py_GIL_DISABLED") else _import("zstandard")
    if zstandard is None:
        return None
    return Zstd(
        "zstandard",
        lambda level: _Compressors(zstandard, level).compress,
        lambda file: io.BufferedReader(_Frames(zstandard.ZstdDecompressor(), file)),
        (zstandard.ZstdError,),
    )


def _compressor_of(module: Any) -> Callable[[int], Callable[[bytes | memoryview], bytes]]:
    return lambda level: functools.partial(module.compress, level=level)


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


class _Compressors(threading.local):
    """A compressor of the package zstandard for each thread: they are costly to make and must not be shared."""

    def __init__(self, zstandard: Any, level: int) -> None:
        self._compressor = zstandard.ZstdCompressor(level=level)

    def compress(self, body: bytes | memoryview) -> bytes:
        return bytes(self._compressor.compress(body))


class _Frames(io.RawIOBase):
    """What a file of frames holds, by the package zstandard, whose own reader takes one that is cut short for whole."""

    def __init__(self, decompressor: Any, file: IO[bytes]) -> None:
        self._decompressor = decompressor
        self._file = file
        self._frame: Any = decompressor.decompressobj()
        self._waiting = b""
        """Inflated, and not yet asked for."""
        self._packed = b""
        """Read, and not yet inflated."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._waiting:
            self._packed = self._packed or self._file.read(_PIECE)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("the zstd frame is cut short")
                return 0
            self._inflate()
        length = min(len(buffer), len(self._waiting))
        buffer[:length] = self._waiting[:length]
        self._waiting = self._waiting[length:]
        return length

    def _inflate(self) -> None:
        self._frame = self._frame or self._decompressor.decompressobj()
        self._waiting = self._frame.decompress(self._packed)
        self._packed = self._frame.unused_data
        if self._frame.eof:
            self._frame = None
