"""
HTTP/1.1 for the collector: a thread a connection, kept alive.

`fastbatch.collector.routes` says what is answered where.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from fastbatch.collector import routes, segment_paths
from fastbatch.collector.bodies import WireError
from fastbatch.collector.request import Answer, Request, Route, Service
from fastbatch.collector.store import StoreError

__all__ = ["Server"]

logger = logging.getLogger("fastbatch.collector")

IDLE_TIMEOUT = 300.0
"""Seconds that a connection may be idle, or a body may stand still."""
_DRAINED_BYTES = 64 * 1024 * 1024
"""Of a body that is refused for its length, so much is read, so that the client gets to see the answer."""


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]  # the one that made us
    protocol_version = "HTTP/1.1"
    timeout = IDLE_TIMEOUT
    disable_nagle_algorithm = True
    rbufsize = 256 * 1024

    def answer(self) -> None:
        """Answer one request, whatever its method."""
        self.is_body_read = False
        path, _, query = self.path.partition("?")
        refuse: Callable[[WireError], Answer] = segment_paths.refuse
        try:
            route, values = self._route(path)
            refuse = route.refuse
            named = dict(parse_qsl(query, keep_blank_values=True))
            answer = route.answer(Request(self.headers, named, values, self.server.service, self.read_body))
        except WireError as error:
            answer = refuse(error)
        except StoreError as error:
            logger.warning("a request was not stored: %s", error)
            answer = refuse(WireError(503, str(error)))
        self._drain()
        self._reply(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = answer  # noqa: N815  # http.server's names

    def read_body(self) -> bytes:
        """Return the request's body as it was sent."""
        limit = self.server.service.rules.max_body_bytes
        if "chunked" in (self.headers["Transfer-Encoding"] or "").lower():
            body = self._read_chunks(limit)
        else:
            length = self._length()
            if length > limit:
                raise WireError(413, f"the body is longer than {limit} bytes")
            body = self._read_exactly(length)
        self.is_body_read = True
        return body

    def _route(self, path: str) -> tuple[Route, dict[str, str]]:
        found = routes.find(path)
        if found is None:
            raise WireError(404, f"nothing is at {path.rstrip('/') or '/'}")
        methods, values = found
        if self.command not in methods:
            raise WireError(405, f"{path.rstrip('/')} takes {' and '.join(methods)}")
        return methods[self.command], values

    def _length(self) -> int:
        text = self.headers["Content-Length"]
        if text is None:
            return 0
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            self.close_connection = True  # where the next request starts is anyone's guess
            self.is_body_read = True
            raise WireError(400, "Content-Length must be a number")
        return int(text)

    def _read_exactly(self, length: int) -> bytes:
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionResetError("the connection ended within a body")
        return body

    def _read_chunks(self, limit: int) -> bytes:
        self.is_body_read = True  # an error leaves the rest unread; the connection is closed instead
        self.close_connection = True
        parts: list[bytes] = []
        room = limit
        while size := self._chunk_size():
            room -= size
            if room < 0:
                raise WireError(413, f"the body is longer than {limit} bytes")
            parts.append(self._read_exactly(size))
            self._read_exactly(2)
        while self.rfile.readline(1024) not in (b"\r\n", b"\n", b""):
            pass  # trailers
        self.close_connection = self.headers.get("Connection", "").lower() == "close"
        return b"".join(parts)

    def _chunk_size(self) -> int:
        digits = self.rfile.readline(1024).partition(b";")[0].strip()
        # int() alone would take a sign: a length below zero would read until the other side hangs up.
        if not re.fullmatch(rb"[0-9A-Fa-f]+", digits):
            raise WireError(400, "the length of a chunk must be a hexadecimal number")
        return int(digits, 16)

    def _drain(self) -> None:
        """Read a body that nobody asked for: it stands in the way of the next request."""
        if self.is_body_read:
            return
        if "Transfer-Encoding" in self.headers or self._length() > _DRAINED_BYTES:
            self.close_connection = True
            return
        left = self._length()
        while left > 0:
            left -= len(self._read_exactly(min(left, 1024 * 1024)))

    def _reply(self, answer: Answer) -> None:
        body = answer.body
        if not isinstance(body, bytes):
            body = json.dumps(body, separators=(",", ":")).encode()
        head = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
        if answer.status != HTTPStatus.NOT_MODIFIED:
            head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        head += [f"{name}: {value}" for name, value in answer.headers]
        if self.close_connection:
            head.append("Connection: close")
        # One write: two packets would meet the client's delayed acknowledgement.
        self.wfile.write("\r\n".join([*head, "", ""]).encode("latin-1") + (b"" if self.command == "HEAD" else body))
        logger.debug("%s %s %d", self.command, self.path.partition("?")[0], answer.status)  # a query may have a key

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's name
        logger.debug(format, *args)


class Server(http.server.HTTPServer):
    """
    Listens, and knows its connections, so that closing can wait for the requests that are being answered.

    Raises:
        OSError: When the address cannot be had.
    """

    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, host: str, port: int, service: Service) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.service = service
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        super().__init__((host, port), Handler)

    def server_bind(self) -> None:
        """Bind, without the look-up of this machine's name that http.server makes: it may take seconds."""
        if self.allow_reuse_address:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection its thread."""
        thread = threading.Thread(
            target=self._serve_connection, args=(request, client_address), name="fastbatch-collector", daemon=True
        )
        with self._lock:
            self._connections[request] = thread
        thread.start()

    def _serve_connection(self, connection: socket.socket, client_address: Any) -> None:
        try:
            self.finish_request(connection, client_address)
        except Exception:  # noqa: BLE001  # one connection's trouble is not another's
            self.handle_error(connection, client_address)
        finally:
            self.shutdown_request(connection)
            with self._lock:
                self._connections.pop(connection, None)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  # socketserver's signature
        """Log what ended a connection: that it ended is the client's business, anything else is ours."""
        logger.debug("the connection with %s ended", client_address, exc_info=True)

    def close_connections(self, timeout: float) -> None:
        """Wait until the requests that have arrived are answered, at most ``timeout`` seconds; then hang up."""
        deadline = time.monotonic() + timeout
        for how in (socket.SHUT_RD, socket.SHUT_RDWR):
            with self._lock:
                connections = list(self._connections.items())
            for connection, _ in connections:
                _shut(connection, how)
            for _, thread in connections:
                thread.join(max(0.0, deadline - time.monotonic()))
            deadline = time.monotonic() + 1.0


def _shut(connection: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):  # it is closed already
        connection.shutdown(how)
