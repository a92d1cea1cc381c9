"""
An HTTP server that misbehaves as its script says.

A script is data: a sequence of exchanges, each a tuple of steps. Each request that begins to arrive, on whatever
connection, takes the next exchange; when none is left, requests are answered with ``200 {"success":true}``::

    with FaultyServer([answer(503), (ReadBytes(1000), Reset())]) as server:
        ...                     # the first request gets a 503, the second a reset in the middle of its body
        server.wait_for(2)      # Recorded requests; one that did not arrive whole is not among them

A connection stays open after an exchange unless a step closes it.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.support.loopback import DEADLINE, Connection, LoopbackServer
from tests.support.wire import Recorded, read_head, read_request

SUCCESS = b'{"success":true}'
AUTOMATIC = -1


@dataclass(frozen=True)
class ReadRequest:
    """Read the request whole, and record it."""


@dataclass(frozen=True)
class ReadHead:
    """Read the request line and the headers, and leave the body."""


@dataclass(frozen=True)
class ReadBytes:
    """Read that many bytes, whatever they are."""

    count: int


@dataclass(frozen=True)
class Delay:
    """Do nothing for a while."""

    seconds: float


@dataclass(frozen=True)
class Reply:
    """Send a response; ``content_length`` may lie, and None leaves the header out."""

    status: int = 200
    body: bytes = SUCCESS
    headers: Mapping[str, str] = field(default_factory=dict)
    content_length: int | None = AUTOMATIC
    reason: str = "Whatever"

    def encode(self) -> bytes:
        length = len(self.body) if self.content_length == AUTOMATIC else self.content_length
        lines = [f"HTTP/1.1 {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [] if length is None else [f"Content-Length: {length}"]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


@dataclass(frozen=True)
class Chunked:
    """Send a response in chunks; without ``is_complete`` the last, empty one is missing."""

    chunks: tuple[bytes, ...]
    status: int = 200
    is_complete: bool = True

    def encode(self) -> bytes:
        head = f"HTTP/1.1 {self.status} Whatever\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in self.chunks)
        return head + body + (b"0\r\n\r\n" if self.is_complete else b"")


@dataclass(frozen=True)
class Send:
    """Send bytes as they are: garbage, half a status line, headers without end."""

    data: bytes


@dataclass(frozen=True)
class Drip:
    """Send bytes one by one, ``interval`` seconds apart."""

    data: bytes
    interval: float


@dataclass(frozen=True)
class Endless:
    """Send ``chunk`` again and again until the client leaves."""

    chunk: bytes = bytes(65536)


@dataclass(frozen=True)
class Hang:
    """Never do anything again, until the server is stopped."""


@dataclass(frozen=True)
class Reset:
    """Close with RST."""


@dataclass(frozen=True)
class Close:
    """Close in the usual way."""


Step: TypeAlias = (
    "ReadRequest | ReadHead | ReadBytes | Delay | Reply | Chunked | Send | Drip | Endless | Hang | Reset | Close"
)
Exchange: TypeAlias = "tuple[Step, ...]"

CONTINUE = Send(b"HTTP/1.1 100 Continue\r\n\r\n")


def answer(status: int = 200, body: bytes = SUCCESS, headers: Mapping[str, str] | None = None) -> Exchange:
    """Return the exchange of a server that behaves: read it all, and reply."""
    return (ReadRequest(), Reply(status, body, headers or {}))


def drop_after_reply(reply: Reply | None = None) -> Exchange:
    """Return the exchange of a server that closes a connection it seemed to keep."""
    return (ReadRequest(), reply or Reply(), Close())


def huge_headers(count: int = 90, length: int = 60_000) -> Send:
    """Return a response head of ``count`` headers of ``length`` bytes each, and an empty body."""
    fields = b"".join(b"X-%d: %b\r\n" % (number, b"x" * length) for number in range(count))
    return Send(b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 0\r\n\r\n")


class FaultyServer(LoopbackServer):
    """
    Plays a script, records requests.

    Args:
        script: Exchanges, taken in order.
        default: What follows them: an exchange, or a function of the request that returns the reply.
        ssl_context: Speak TLS.
        host: Address to listen on.
        port: Port to listen on; 0 is any that is free.
    """

    def __init__(
        self,
        script: Iterable[Exchange] = (),
        default: Exchange | Callable[[Recorded], Reply] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        super().__init__(ssl_context, host, port)
        self._script = list(script)
        self._default = answer() if default is None else default
        self._requests: list[Recorded] = []
        self._is_narrow = False

    @property
    def requests(self) -> list[Recorded]:
        """The requests that arrived whole, so far."""
        with self.changed:
            return list(self._requests)

    @property
    def exchanges_left(self) -> int:
        """Exchanges of the script that no request has taken yet."""
        with self.changed:
            return len(self._script)

    def then(self, *exchanges: Exchange) -> None:
        """Append to the script."""
        with self.changed:
            self._script += exchanges

    def narrow(self) -> None:
        """
        Take a few kilobytes of what is sent and not read, so that no body of 100 KB is ever on its way as a whole.

        Otherwise the kernel decides, which gives both ends megabytes of memory. For connections that are yet to come;
        a request that is read whole flows as usual.
        """
        self._is_narrow = True
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        # What the sender's end gets follows the size of a segment, which is 64 KB on a loopback connection.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)

    def wait_for(self, count: int, timeout: float = DEADLINE) -> list[Recorded]:
        """Return the requests when there are ``count`` of them; AssertionError after ``timeout`` seconds."""
        self.wait_until(lambda: len(self._requests) >= count, timeout, f"{count} requests")
        return self.requests

    def wait_until_all_closed(self, timeout: float = DEADLINE) -> None:
        """Wait until no connection is open."""
        self.wait_until(lambda: not self._open, timeout, "all connections closed")

    def serve(self, connection: Connection) -> None:
        while not connection.is_closed:
            connection.wait_readable()
            exchange = self._next_exchange()
            if callable(exchange):
                connection.send(exchange(self._record(connection)).encode())
                continue
            for step in exchange:
                self._perform(step, connection)

    def _next_exchange(self) -> Exchange | Callable[[Recorded], Reply]:
        with self.changed:
            return self._script.pop(0) if self._script else self._default

    def _record(self, connection: Connection) -> Recorded:
        if self._is_narrow:
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        request = read_request(connection)
        with self.changed:
            self._requests.append(request)
            self.changed.notify_all()
        return request

    def _perform(self, step: Step, connection: Connection) -> None:
        match step:
            case ReadRequest():
                self._record(connection)
            case Reply() | Chunked():
                connection.send(step.encode())
            case _:
                _perform_plain(step, connection)


def _perform_plain(step: Step, connection: Connection) -> None:  # noqa: C901 - one line a step
    match step:
        case ReadHead():
            read_head(connection)
        case ReadBytes(count):
            connection.read(count)
        case Delay(seconds):
            connection.pause(seconds)
        case Send(data):
            connection.send(data)
        case Drip(data, interval):
            for number in data:
                connection.send(bytes([number]))
                connection.pause(interval)
        case Endless(chunk):
            while True:
                connection.send(chunk)
        case Hang():
            connection.stopping.wait()
        case Reset():
            connection.reset()
        case Close():
            connection.close()
