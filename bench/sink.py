"""
A server that takes batches as fast as they come and looks at them afterwards.

While a run is timed it only reads and keeps: no decompression, no parsing, one thread a connection, each inside
``recv_into`` and so without the GIL. `GET /verify?events=N`, asked when the contestant has exited, does the work.

    POST any path          keep the body, answer 200 after --delay seconds
    GET /reset             forget all bodies
    GET /usage             CPU seconds of this process so far, requests and bytes kept
    GET /verify?events=N   what arrived of N events (see verify.py)
"""

from __future__ import annotations

import argparse
import gc
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import verify

HEAD_LIMIT_BYTES = 64 * 1024
RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
"""Large enough for several whole bodies: a client's send() then never waits for this process to be scheduled."""

# Says "taken" in the words of each vendor: Segment and RudderStack look at the status, PostHog's client at `status`.
TAKEN = b'{"success":true,"status":1}'


class Head(NamedTuple):
    """What matters of a request's head."""

    method: str
    target: str
    encoding: str
    length: int
    close: bool


@dataclass
class Store:
    """The bodies of one run; appended to by many threads, which a list allows."""

    bodies: list[tuple[str, bytearray]] = field(default_factory=list)


def parse_head(raw: bytes) -> Head:
    """Return the parts of a request's head, ``raw`` without the empty line."""
    first, *lines = raw.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "transfer-encoding" in headers:
        raise ValueError("the sink reads bodies with a Content-Length only")
    encoding = headers.get("content-encoding", "").lower()
    wants_close = headers.get("connection", "").lower() == "close"
    return Head(method, target, encoding, int(headers.get("content-length", 0)), wants_close)


def read_head(connection: socket.socket, rest: bytes) -> tuple[Head, bytes] | None:
    """Return the next head and what was read past it; None when the peer has closed."""
    received = rest
    while (end := received.find(b"\r\n\r\n")) < 0:
        chunk = connection.recv(HEAD_LIMIT_BYTES)
        if not chunk or len(received) > HEAD_LIMIT_BYTES:
            return None
        received += chunk
    return parse_head(received[:end]), received[end + 4 :]


def read_body(connection: socket.socket, length: int, rest: bytes) -> tuple[bytearray, bytes]:
    """Return a body of ``length`` bytes and what was read past it, given what was read before."""
    body = bytearray(length)
    filled = min(len(rest), length)
    body[:filled] = rest[:filled]
    view = memoryview(body)
    while filled < length:
        count = connection.recv_into(view[filled:])
        if not count:
            raise ConnectionError("the peer closed in the middle of a body")
        filled += count
    return body, rest[length:]


def response(payload: bytes) -> bytes:
    """Return a whole 200 response."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
    return head.encode() + payload


def control(target: str, store: Store) -> bytes:
    """Return the answer to a GET."""
    parts = urlsplit(target)
    if parts.path == "/verify":
        events = int(parse_qs(parts.query)["events"][0])
        return json.dumps(verify.prove(store.bodies, events).as_dict()).encode()
    if parts.path == "/reset":
        store.bodies.clear()
    usage = {"cpu": time.process_time(), "requests": len(store.bodies), "bytes": sum(len(b) for _, b in store.bodies)}
    return json.dumps(usage).encode()


def serve_connection(connection: socket.socket, store: Store, delay: float) -> None:
    """Answer requests until the peer closes."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    taken = response(TAKEN)
    rest = b""
    with connection:
        while (request := read_head(connection, rest)) is not None:
            head, rest = request
            body, rest = read_body(connection, head.length, rest)
            if head.method == "GET":
                connection.sendall(response(control(head.target, store)))
            else:
                store.bodies.append((head.encoding, body))
                if delay:
                    time.sleep(delay)
                connection.sendall(taken)
            if head.close:
                return


def serve(listener: socket.socket, delay: float) -> None:
    """Accept connections for ever, one thread each."""
    store = Store()

    def run(connection: socket.socket) -> None:
        try:
            serve_connection(connection, store, delay)
        except (OSError, ValueError) as error:
            print(f"sink: {type(error).__name__}: {error}", file=sys.stderr, flush=True)

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=run, args=(connection,), daemon=True).start()


def main() -> None:
    """Listen on the loopback address and print the URL."""
    parser = argparse.ArgumentParser(description="Keep batches, verify them on request.")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    options = parser.parse_args()
    # Millions of small objects without cycles are made while verifying; looking for cycles among them takes longest.
    gc.disable()
    listener = socket.create_server(("127.0.0.1", options.port), backlog=128)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    serve(listener, options.delay)


def ask(url: str, target: str) -> dict[str, Any]:
    """Return a sink's answer to a GET; verifying a million events takes some seconds."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url + target, timeout=600) as answer:
        return json.load(answer)


@contextmanager
def running(delay: float = 0.0) -> Iterator[str]:
    """Run a sink in a process of its own for as long as the block lasts; yield its URL."""
    command = [sys.executable, str(Path(__file__).resolve()), "--delay", str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
