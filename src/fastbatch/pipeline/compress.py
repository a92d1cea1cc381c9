"""
Compression of request bodies, by the fastest library that is there.

Nothing is imported before a compressor is made. All libraries here give up the GIL while they work.
"""

from __future__ import annotations

import importlib
import sysconfig
import zlib
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

from fastbatch.errors import ConfigError
from fastbatch.zstd import HOW_TO_GET_IT, zstd

__all__ = ["Compressor", "compressor"]

Body: TypeAlias = "bytes | memoryview"

DEFAULT_LEVEL = 1
"""The higher levels save little more for much more CPU: see `bench/bench_compress.py`."""
GZIP_LEVELS = range(10)
IGZIP_LEVELS = range(4)
ZSTD_LEVELS = range(1, 23)
GZIP_WINDOW_BITS = 31  # 15 for the largest window, and 16 for gzip's header and trailer


class Compressor(NamedTuple):
    """
    Compresses bodies; call it. The same body gives the same bytes: a gzip header holds no time.

    Thread safety:
        Any number of threads at once.
    """

    encoding: Literal["gzip", "zstd"] | None
    """For the header Content-Encoding; None leaves it out."""
    library: str | None
    """Which library does it, for people to see."""
    compress: Callable[[Body], bytes]

    def __call__(self, body: Body) -> bytes:
        return self.compress(body)


def compressor(name: str, level: int | None = None) -> Compressor:
    """
    Return the compressor that ``Config.compression`` names.

    Args:
        name: ``"gzip"``, ``"zstd"`` or ``"none"``.
        level: 0 to 9 for gzip, 1 to 22 for zstd; None is 1. It means nothing to ``"none"``.

    Raises:
        ConfigError: For another name or level, or when no library for zstd is installed.
    """
    if name == "none":
        return Compressor(None, None, bytes)
    if name == "gzip":
        return _gzip(_checked(level, GZIP_LEVELS))
    if name == "zstd":
        return _zstd(_checked(level, ZSTD_LEVELS))
    raise ConfigError("compression", name, "one of 'gzip', 'zstd', 'none'")


def _checked(level: int | None, levels: range) -> int:
    if level is None:
        return DEFAULT_LEVEL
    if isinstance(level, bool) or level not in levels:
        raise ConfigError("compression_level", level, f"a whole number from {levels[0]} to {levels[-1]}, or None")
    return level


def _gzip(level: int) -> Compressor:
    # igzip has no level above 3: who asks for one wants a small body, and zlib makes it. A level is thus allowed or not
    # whatever happens to be installed.
    igzip = _import_extension("isal.isal_zlib") if level in IGZIP_LEVELS else None
    if igzip is not None:
        return Compressor("gzip", "isal", lambda body: bytes(igzip.compress(body, level, GZIP_WINDOW_BITS)))
    return Compressor("gzip", "zlib", lambda body: _gzip_with_zlib(body, level))


def _gzip_with_zlib(body: Body, level: int) -> bytes:
    # zlib.compress has no window bits before Python 3.11.
    stream = zlib.compressobj(level, zlib.DEFLATED, GZIP_WINDOW_BITS)
    return stream.compress(body) + stream.flush()


def _zstd(level: int) -> Compressor:
    library = zstd()
    if library is None:
        allowed = f"'gzip' or 'none', unless a library for zstd is installed ({HOW_TO_GET_IT})"
        raise ConfigError("compression", "zstd", allowed)
    return Compressor("zstd", library.name, library.compressor(level))


def _import_extension(name: str) -> Any:
    """Import a library whose free-threaded builds may not exist, or would turn the GIL on again: then do without it."""
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return None
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
