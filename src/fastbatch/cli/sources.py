"""The files that `fastbatch send` reads: plain, gzip or zstd by their first bytes, or standard input."""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import IO, Any, cast

from fastbatch.errors import FastbatchError
from fastbatch.zstd import HOW_TO_GET_IT, zstd

__all__ = ["Source", "SourceError"]

_MAX_LINE_BYTES = 16 * 1024 * 1024
"""A line is a message; what has none for so long is no file of lines."""
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class SourceError(FastbatchError):
    """A file cannot be read, or not to its end."""


class Source:
    """
    One file, opened by ``with``.

    Args:
        path: ``-`` is standard input.
        waiting: Entered around each read, which may wait for whoever writes the other end of a pipe.

    Raises:
        SourceError: When it is not there, or cannot be opened.
    """

    def __init__(self, path: str, waiting: Callable[[], AbstractContextManager[Any]] = nullcontext) -> None:
        self.name = "<stdin>" if path == "-" else path
        self.size: int | None = None
        self._path = path
        self._waiting = waiting
        self._raw: io.BufferedReader | None = None
        self._errors: tuple[type[Exception], ...] = OSError, EOFError, zlib.error
        if path != "-":  # all are looked at before the first is sent
            try:
                found = os.stat(path)
            except OSError as error:
                raise SourceError(f"{self.name}: {error.strerror or error}") from error
            if stat.S_ISDIR(found.st_mode):
                raise SourceError(f"{self.name}: a folder, not a file")
            self.size = found.st_size if stat.S_ISREG(found.st_mode) else None

    def __enter__(self) -> Source:  # noqa: PYI034  # typing.Self came with Python 3.11
        try:
            with self._waiting():  # a named pipe waits for its writer
                raw = sys.stdin.buffer if self._path == "-" else open(self._path, "rb")  # see __exit__
        except OSError as error:
            raise SourceError(f"{self.name}: {error.strerror or error}") from error
        # Standard input may have been replaced by something that is only a stream of bytes.
        self._raw = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", raw))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._raw is not None and self._path != "-":
            self._raw.close()

    def position(self) -> int:
        """Return how much of the file was read, in its own bytes; 0 for a pipe."""
        return self._raw.tell() if self._raw is not None and self.size is not None else 0

    def lines(self) -> Iterator[bytes]:
        """
        Yield the lines, with their ends.

        Raises:
            SourceError: When the rest cannot be read.
        """
        number = 0
        try:
            with self._waiting():
                file = self._opened()
            while True:
                with self._waiting():
                    line = file.readline(_MAX_LINE_BYTES)
                if not line:
                    return
                number += 1
                if len(line) == _MAX_LINE_BYTES:
                    raise SourceError(f"{self.name}:{number}: a line of more than {_MAX_LINE_BYTES} bytes")
                yield line
        except self._errors as error:
            raise SourceError(f"{self.name}:{number + 1}: cannot be read further: {error}") from error

    def _opened(self) -> IO[bytes]:
        raw = cast("io.BufferedReader", self._raw)
        start = raw.peek(4)
        if start.startswith(_GZIP_MAGIC):
            return cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
        if start.startswith(_ZSTD_MAGIC):
            library = zstd()
            if library is None:
                raise SourceError(f"{self.name}: no library for zstd is installed: {HOW_TO_GET_IT}")
            self._errors += library.errors
            return cast("IO[bytes]", library.reader(raw))
        return raw
