"""A proxy that forwards http, tunnels https through CONNECT, may ask for a password, and records what it was asked."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import ssl
from urllib.parse import urlsplit

from tests.support.loopback import DEADLINE, Connection, LoopbackServer
from tests.support.wire import Recorded, read_head

_HOP_HEADERS = (b"proxy-authorization:", b"proxy-connection:")


class RecordingProxy(LoopbackServer):
    """
    Passes requests on.

    Args:
        credentials: ``user:password`` that it asks for; None lets everybody through.
        refuses_with: HTTP status with which it refuses everything.
        ssl_context: Speak TLS to the client.
    """

    def __init__(
        self,
        credentials: str | None = None,
        refuses_with: int | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(ssl_context)
        self._credentials = credentials
        self._refuses_with = refuses_with
        self._requests: list[Recorded] = []

    @property
    def requests(self) -> list[Recorded]:
        """What it was asked, CONNECT included; the bodies are not kept."""
        with self.changed:
            return list(self._requests)

    def serve(self, connection: Connection) -> None:
        while True:
            connection.wait_readable()
            method, target, headers, raw = read_head(connection)
            with self.changed:
                self._requests.append(Recorded(method, target, headers, b"", connection.number))
                self.changed.notify_all()
            refusal = self._refusal(headers)
            if refusal is not None:
                connection.read(int(headers.get("content-length", "0")))
                connection.send(b"HTTP/1.1 %d Refused\r\nContent-Length: 0\r\n\r\n" % refusal)
            elif method == "CONNECT":
                self._tunnel(connection, target)
                return
            else:
                self._forward(connection, target, headers, raw)

    def _refusal(self, headers: dict[str, str]) -> int | None:
        if self._refuses_with is not None:
            return self._refuses_with
        if self._credentials is None:
            return None
        wanted = "Basic " + base64.b64encode(self._credentials.encode()).decode()
        return None if headers.get("proxy-authorization") == wanted else 407

    def _tunnel(self, connection: Connection, target: str) -> None:
        host, _, port = target.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), DEADLINE) as upstream:
            connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _relay(connection, upstream)

    def _forward(self, connection: Connection, target: str, headers: dict[str, str], raw: bytes) -> None:
        parts = urlsplit(target)
        path = target[target.index(parts.netloc) + len(parts.netloc) :] or "/"
        lines = raw.split(b"\r\n")[1:-2]
        kept = [line for line in lines if not line.lower().startswith(_HOP_HEADERS)]
        method = raw.split(b" ", 1)[0]
        head = b"\r\n".join([b"%b %b HTTP/1.1" % (method, path.encode()), *kept, b"Connection: close", b"", b""])
        body = connection.read(int(headers.get("content-length", "0")))
        with socket.create_connection((parts.hostname, parts.port or 80), DEADLINE) as upstream:
            upstream.sendall(head + body)
            upstream.shutdown(socket.SHUT_WR)
            while chunk := upstream.recv(65536):
                connection.send(chunk)


def _relay(connection: Connection, upstream: socket.socket) -> None:
    """Copy both ways until one side ends."""
    ends = {connection.sock: upstream, upstream: connection.sock}
    while not connection.stopping.is_set():
        for source in select.select(list(ends), [], [], 0.05)[0]:
            chunk = source.recv(65536)
            if not chunk:
                with contextlib.suppress(OSError):
                    ends[source].shutdown(socket.SHUT_WR)
                return
            ends[source].sendall(chunk)
