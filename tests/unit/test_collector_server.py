"""The collector over real HTTP."""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fastbatch.collector import Collector, Counts, StoreError
from fastbatch.collector.wire import KINDS

KEY = {"Authorization": "Basic " + base64.b64encode(b"WK:").decode()}
BATCH = b'{"batch":[{"type":"track","messageId":"m1","userId":"u1"},{"type":"page","messageId":"m2"}]}'


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector in memory."""
    with Collector() as started:
        yield started


def connect(collector: Collector) -> http.client.HTTPConnection:
    """Return a connection; every wait on it has a deadline."""
    address = urlsplit(collector.url)
    return http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)


def ask(
    collector: Collector, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Make one request on a connection of its own; return its status and JSON."""
    connection = connect(collector)
    try:
        connection.request(method, path, body, KEY if headers is None else headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"null")
    finally:
        connection.close()


def collector_threads() -> list[str]:
    """Return the names of threads that a collector started."""
    prefixes = ("fastbatch-collector", "fastbatch-listener", "fastbatch-store")
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(prefixes)]


def test_a_batch_is_stored_before_it_is_answered(collector: Collector) -> None:
    """After the answer, the messages are in the store with the key they came with."""
    assert ask(collector, "POST", "/v1/batch", BATCH) == (200, {"success": True})
    assert list(collector.store.ids()) == ["m1", "m2"]
    assert {row["write_key"] for row in collector.store.rows()} == {"WK"}


def test_a_compressed_batch_is_stored(collector: Collector) -> None:
    """All the SDKs of both vendors may send gzip."""
    headers = {**KEY, "Content-Encoding": "gzip"}
    assert ask(collector, "POST", "/v1/batch", gzip.compress(BATCH), headers)[0] == 200
    assert collector.store.counts() == Counts(2, 2, 0)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_a_path_of_its_own(collector: Collector, kind: str) -> None:
    """A single message is sent to the path named after it."""
    assert ask(collector, "POST", f"/v1/{kind}", b'{"userId":"u"}') == (200, {"success": True})
    assert collector.store.kinds() == {kind: 1}


def test_a_path_may_have_a_slash_and_a_query(collector: Collector) -> None:
    """Endpoints are configured by hand, with a slash too many at times."""
    assert ask(collector, "POST", "/v1/batch/?a=b", BATCH)[0] == 200


def test_health_and_cluster_info_need_no_key(collector: Collector) -> None:
    """A load balancer has no key, and a cluster of one has one node."""
    assert ask(collector, "GET", "/health", headers={}) == (200, {"status": "ok"})
    assert ask(collector, "GET", "/cluster-info", headers={}) == (200, {"nodeCount": 1})


@pytest.mark.parametrize(
    ("line", "headers", "body", "status"),
    [
        ("POST /v1/batch", {}, BATCH, 401),
        ("POST /v1/batch", {"Authorization": "Basic Og=="}, BATCH, 401),
        ("POST /v1/batch", KEY, b"{", 400),
        ("POST /v1/batch", KEY, b"", 400),
        ("POST /v1/batch", {**KEY, "Content-Encoding": "gzip"}, BATCH, 400),
        ("POST /v1/batch", {**KEY, "Content-Encoding": "br"}, BATCH, 415),
        ("POST /v2/batch", KEY, BATCH, 404),
        ("GET /", KEY, None, 404),
        ("GET /v1/batch", KEY, None, 405),
        ("DELETE /health", KEY, None, 405),
        ("POST /health", KEY, BATCH, 405),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(
    collector: Collector, line: str, headers: dict[str, str], body: bytes | None, status: int
) -> None:
    """The answer says why, and the store stays empty."""
    answered, answer = ask(collector, *line.split(), body, headers)
    assert answered == status
    assert answer["success"] is False
    assert answer["error"]
    assert collector.store.counts().received == 0


def test_a_given_write_key_is_the_only_one_let_in() -> None:
    """With a key of its own, a collector refuses every other."""
    with Collector(write_key="WK") as collector:
        other = {"Authorization": "Basic " + base64.b64encode(b"other:").decode()}
        assert ask(collector, "POST", "/v1/batch", BATCH, other)[0] == 401
        assert ask(collector, "POST", "/v1/batch", BATCH)[0] == 200


def test_the_limit_holds_for_the_body_as_sent_and_inflated() -> None:
    """One byte above the limit is 413, the limit itself is not."""
    with Collector(max_body_bytes=len(BATCH)) as collector:
        headers = {**KEY, "Content-Encoding": "gzip"}
        assert ask(collector, "POST", "/v1/batch", BATCH)[0] == 200
        assert ask(collector, "POST", "/v1/batch", BATCH + b" ")[0] == 413
        assert ask(collector, "POST", "/v1/batch", gzip.compress(BATCH + bytes(5000)), headers)[0] == 413
        assert ask(collector, "POST", "/v1/batch", b" " * 3_000_000)[0] == 413


def test_a_connection_serves_on_after_errors(collector: Collector) -> None:
    """The body of a refused request does not end up as the next request."""
    connection = connect(collector)
    statuses = []
    for path, headers in (("/nowhere", KEY), ("/v1/batch", {}), ("/v1/batch", KEY), ("/v1/batch", KEY)):
        connection.request("POST", path, BATCH, headers)
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    port = connection.sock.getsockname()[1]
    connection.request("GET", "/health")
    assert connection.getresponse().status == 200
    assert connection.sock.getsockname()[1] == port
    connection.close()
    assert statuses == [404, 401, 200, 200]
    assert collector.store.counts() == Counts(received=4, unique=2, duplicates=2)


def test_a_chunked_body_is_read(collector: Collector) -> None:
    """A proxy may pass a body on in chunks, and the connection is used again after it."""
    connection = connect(collector)
    for _ in range(2):
        connection.request("POST", "/v1/batch", iter([BATCH[:10], BATCH[10:]]), KEY, encode_chunked=True)
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())) == (200, {"success": True})
    connection.close()


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"POST /v1/batch HTTP/1.1\r\nAuthorization: Basic V0s6\r\nContent-Length: ten\r\n\r\n", 400),
        (b"POST /v1/batch HTTP/1.1\r\nAuthorization: Basic V0s6\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /v1/batch HTTP/1.1\r\nAuthorization: Basic V0s6\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"POST /v1/batch HTTP/1.1\r\nAuthorization: Basic V0s6\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
        (
            b"POST /v1/batch HTTP/1.1\r\nAuthorization: Basic V0s6\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n",
            413,
        ),
        (b"POST /v1/batch HTTP/1.1\r\nAuthorization: Basic V0s6\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"BREW /v1/batch HTTP/1.1\r\n\r\n", 501),
    ],
)
def test_a_malformed_request_is_answered_and_the_connection_closed(
    collector: Collector, request_text: bytes, status: int
) -> None:
    """Where the next request would start is not known, so there is none."""
    address = urlsplit(collector.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(request_text)
        with connection.makefile("rb") as answer:
            text = answer.read()
    assert text.startswith(f"HTTP/1.1 {status} ".encode())
    assert ask(collector, "GET", "/health")[0] == 200


def test_closing_hangs_up_on_idle_connections_and_leaves_no_thread(tmp_path: Path) -> None:
    """Connections that are kept alive do not keep the collector."""
    before = collector_threads()
    collector = Collector(tmp_path / "events.db")
    connections = [connect(collector) for _ in range(5)]
    for connection in connections:
        connection.request("POST", "/v1/batch", BATCH, KEY)
        assert connection.getresponse().read() == b'{"success":true}'
    collector.close(timeout=30)
    collector.close()
    assert collector_threads() == before
    for connection in connections:
        assert connection.sock.recv(1) == b""
        connection.close()
    with pytest.raises(OSError, match="refused"):
        ask(collector, "GET", "/health")


def test_a_request_that_came_only_in_part_does_not_hold_up_closing(collector: Collector) -> None:
    """The rest of its body will not come; it is not stored."""
    address = urlsplit(collector.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(b"POST /v1/batch HTTP/1.1\r\nAuthorization: Basic V0s6\r\nContent-Length: 100\r\n\r\n{")
        collector.close(timeout=30)
        with contextlib.suppress(ConnectionResetError):  # where it was not yet accepted
            assert connection.recv(1) == b""
    with pytest.raises(StoreError, match="closed"):
        collector.store.add([])


def test_twenty_connections_lose_nothing(tmp_path: Path) -> None:
    """All that was answered with 200 is there, once each."""
    with Collector(tmp_path / "events.db") as collector:

        def send(worker: int) -> None:
            connection = connect(collector)
            for n in range(10):
                batch = [{"type": "track", "messageId": f"{worker}-{n}-{m}"} for m in range(50)]
                connection.request("POST", "/v1/batch", json.dumps({"batch": batch}), KEY)
                assert connection.getresponse().read() == b'{"success":true}'
            connection.close()

        threads = [threading.Thread(target=send, args=(worker,)) for worker in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert collector.store.counts() == Counts(received=10_000, unique=10_000, duplicates=0)


def test_a_store_that_fails_is_answered_with_503(collector: Collector) -> None:
    """A client tries again on 503, which is what it should do."""
    collector.store.close()
    status, answer = ask(collector, "POST", "/v1/batch", BATCH)
    assert (status, answer["success"]) == (503, False)


def test_a_collector_that_cannot_start_leaves_nothing_behind(collector: Collector, tmp_path: Path) -> None:
    """A port that is taken and a database that cannot be had are errors, without a thread left."""
    before = collector_threads()
    with pytest.raises(OSError, match="in use"):
        Collector(port=urlsplit(collector.url).port or 0)
    with pytest.raises(StoreError):
        Collector(tmp_path / "no" / "such" / "folder.db")
    assert collector_threads() == before


def test_ipv6_is_served_where_it_is() -> None:
    """The URL of an IPv6 address has it in brackets."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with Collector(host="::1") as collector:
        assert collector.url.startswith("http://[::1]:")
        assert ask(collector, "GET", "/health")[0] == 200
