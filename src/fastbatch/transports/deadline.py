"""
One deadline for all of an HTTP attempt, and how far the attempt has come.

A socket's own timeout begins anew with each ``recv``, so that a server that drips one byte a second holds a sender
for ever; in ``http.client`` this happens inside ``readline``, out of reach. `TimedSocket` therefore stands in for the
socket and gives each operation only what is left of the attempt. It needs no thread of its own and wraps TLS like
plain TCP.
"""

from __future__ import annotations

import contextlib
import enum
import io
import socket
import threading
import time
from typing import Any

__all__ = ["ATTEMPT", "Attempt", "Stage", "TimedSocket"]


class Stage(enum.Enum):
    """How far an attempt has come; the value completes the sentence "timed out while ..."."""

    CONNECTING = "connecting"
    SENDING = "sending the request"
    WAITING = "waiting for the response"
    READING = "reading the response"


class Attempt(threading.local):
    """The attempt that the current thread is making: one at a time, so that a thread-local needs no passing about."""

    end: float = 0.0
    """When it must be over, on the monotonic clock."""
    stage: Stage = Stage.CONNECTING

    def begin(self, timeout: float) -> None:
        """Start the clock."""
        self.end = time.monotonic() + timeout
        self.stage = Stage.CONNECTING

    def remaining(self) -> float:
        """
        Return the seconds that are left.

        Raises:
            TimeoutError: When none is.
        """
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the attempt's deadline has passed")
        return left

    @property
    def request_left(self) -> bool:
        """True when every byte of the request was handed to the kernel, so that the server may have all of it."""
        return self.stage in (Stage.WAITING, Stage.READING)


ATTEMPT = Attempt()


class TimedSocket:
    """
    A connected socket whose every operation ends with the current thread's attempt.

    It is a stand-in, not a subclass: TLS makes its sockets itself, and from a context that may be the application's.
    """

    __slots__ = ("_sends_all_in_time", "_sock")

    def __init__(self, sock: Any) -> None:
        try:
            sock.settimeout(ATTEMPT.remaining())
        except TimeoutError:
            sock.close()  # nobody else holds it yet
            raise
        self._sock = sock
        # The timeout of a plain sendall is for all of it; TLS starts anew with each record of 16 KiB.
        self._sends_all_in_time = type(sock) is socket.socket

    def sendall(self, data: bytes | memoryview) -> None:
        if self._sends_all_in_time:
            self._sock.settimeout(ATTEMPT.remaining())
            self._sock.sendall(data)
            return
        with memoryview(data).cast("B") as view:
            sent = 0
            while sent < len(view):
                self._sock.settimeout(ATTEMPT.remaining())
                sent += self._sock.send(view[sent:])

    def settimeout(self, timeout: float | None) -> None:
        """Do nothing: each operation sets its own, and urllib3 asks for this twice a request."""

    def makefile(self, mode: str = "rb", *_: Any, **__: Any) -> io.BufferedReader:
        """Return the reading side, the only one that HTTP clients ask for."""
        if mode not in ("rb", "r"):
            raise ValueError(f"a TimedSocket is read through makefile, not {mode!r}")
        return _ResponseReader(_TimedReader(self._sock))

    def fileno(self) -> int:
        return int(self._sock.fileno())

    def close(self) -> None:
        self._sock.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: Any) -> None:
        self._sock = sock
        # The socket's own file object keeps the descriptor open until it is closed itself, as http.client expects.
        self._file = sock.makefile("rb", buffering=0)
        self.is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.is_over:
            return None
        self._sock.settimeout(ATTEMPT.remaining())
        count: int | None = self._file.readinto(buffer)
        if count and ATTEMPT.stage is Stage.WAITING:
            ATTEMPT.stage = Stage.READING
        return count

    def shut_down(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
            super().close()


class _ResponseReader(io.BufferedReader):
    raw: _TimedReader  # pyright: ignore[reportIncompatibleVariableOverride]  # what `makefile` gave it

    def close(self) -> None:
        if not self.closed:
            # Bytes beyond the response: what follows them could be taken for the answer to the next request, so that
            # there must be none. urllib3 sees the end of the connection when it is about to use it again.
            self.raw.is_over = True
            if self.peek(1):
                self.raw.shut_down()
        super().close()
