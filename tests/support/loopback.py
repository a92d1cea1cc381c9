"""A TCP server on a loopback port whose threads all end with the `with` statement."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

DEADLINE = 10.0
"""What no wait in a test server may exceed, seconds."""


class PeerLeftError(Exception):
    """The other side closed the connection, or the server is being stopped."""


class LoopbackServer:
    """
    Accepts connections, each on a thread of its own.

    A subclass defines `serve`. `OSError` and `PeerLeftError` from it end the connection; anything else fails the test
    when the server is left.
    """

    scheme = "http"

    def __init__(self, ssl_context: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        self._ssl_context = ssl_context
        self._listener = socket.create_server((host, port), backlog=256)
        self._listener.settimeout(0.01)
        self.host, self.port = self._listener.getsockname()[:2]
        self.stopping = threading.Event()
        self.changed = threading.Condition()
        self.connections = 0
        """Connections accepted so far."""
        self.handshake_failures: list[str] = []
        self._open: set[Connection] = set()
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []

    def serve(self, connection: Connection) -> None:
        raise NotImplementedError

    def url(self, path: str = "", host: str | None = None) -> str:
        scheme = "https" if self._ssl_context else "http"
        return f"{scheme}://{host or self.host}:{self.port}{path}"

    def wait_until(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        """Wait until ``condition()``, which `changed` announces; AssertionError after ``timeout`` seconds."""
        with self.changed:
            assert self.changed.wait_for(condition, timeout), f"not within {timeout} s: {what}"

    def __enter__(self) -> Self:
        self._start(self._accept_until_stopped)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.stopping.set()
        with self.changed:
            self.changed.notify_all()
            for connection in self._open:
                connection.wake()
        self._join()
        self._listener.close()
        if self._errors and kind is None:
            raise self._errors[0]

    def _join(self) -> None:
        end = time.monotonic() + DEADLINE
        for thread in self._threads:  # the accepting thread comes first, and only it appends
            thread.join(max(0.0, end - time.monotonic()))
            assert not thread.is_alive(), f"{thread.name} did not end"

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=f"{type(self).__name__}-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept_until_stopped(self) -> None:
        while not self.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                sock, _ = self._listener.accept()
                with self.changed:
                    number = self.connections
                    self.connections += 1
                    self.changed.notify_all()
                self._start(lambda sock=sock, number=number: self._run(sock, number))

    def _run(self, sock: socket.socket, number: int) -> None:
        connection = Connection(sock, number, self.stopping)
        with self.changed:
            self._open.add(connection)
        try:
            if self._ssl_context is not None:
                self._shake_hands(connection)
            self.serve(connection)
        except (OSError, PeerLeftError):
            pass
        except BaseException as error:  # noqa: BLE001 - the test gets to see it
            self._errors.append(error)
        finally:
            with self.changed:
                self._open.discard(connection)
                self.changed.notify_all()
            connection.close()

    def _shake_hands(self, connection: Connection) -> None:
        assert self._ssl_context is not None
        try:
            connection.sock = self._ssl_context.wrap_socket(connection.sock, server_side=True)
        except OSError as error:
            with self.changed:
                self.handshake_failures.append(str(error))
                self.changed.notify_all()
            raise


class Connection:
    """One accepted connection: reads ahead into a buffer, and gives up when the server is being stopped."""

    def __init__(self, sock: socket.socket, number: int, stopping: threading.Event) -> None:
        self.sock = sock
        self.number = number
        self.stopping = stopping
        self.is_closed = False
        self._buffer = bytearray()
        sock.settimeout(DEADLINE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def wait_readable(self) -> None:
        """Wait until there is something to read, without reading it; for as long as the server runs."""
        while not self._buffer and not self._pending() and not select.select([self.sock], [], [], 0.02)[0]:
            if self.stopping.is_set():
                raise PeerLeftError

    def _pending(self) -> bool:
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0

    def receive(self, limit: int = 65536) -> bytes:
        """Return what comes next, at least one byte."""
        if self._buffer:
            chunk = bytes(self._buffer[:limit])
            del self._buffer[: len(chunk)]
            return chunk
        chunk = self.sock.recv(limit)
        if not chunk:
            raise PeerLeftError
        return chunk

    def read(self, count: int) -> bytes:
        chunks = []
        while count > 0:
            chunks.append(self.receive(min(count, 65536)))
            count -= len(chunks[-1])
        return b"".join(chunks)

    def read_until(self, mark: bytes, limit: int = 1 << 20) -> bytes:
        while (at := self._buffer.find(mark)) < 0:
            assert len(self._buffer) < limit, f"no {mark!r} in {limit} bytes"
            chunk = self.sock.recv(65536)
            if not chunk:
                raise PeerLeftError
            self._buffer += chunk
        found = bytes(self._buffer[: at + len(mark)])
        del self._buffer[: len(found)]
        return found

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def pause(self, seconds: float) -> None:
        if self.stopping.wait(seconds):
            raise PeerLeftError

    def reset(self) -> None:
        """Close with RST: what is under way is thrown away, on both sides."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def wake(self) -> None:
        """End whatever the connection's thread is waiting for."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.is_closed = True
        self.sock.close()
