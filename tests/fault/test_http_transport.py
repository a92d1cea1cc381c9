"""Each way in which a server or the network fails, and what the transport makes of it."""

from __future__ import annotations

import logging
import time

import pytest

from fastbatch.errors import TransportError
from fastbatch.transports.http import HttpTransport
from fastbatch.typing import Request
from tests.support.faulty_server import (
    CONTINUE,
    Chunked,
    Close,
    Delay,
    Drip,
    Endless,
    FaultyServer,
    Hang,
    ReadBytes,
    ReadHead,
    ReadRequest,
    Reply,
    Reset,
    Send,
    answer,
    drop_after_reply,
    huge_headers,
)

RESPONSE_LIMIT_BYTES = 64 * 1024
"""What a request wants of its response, unless it says otherwise."""
KEY = "Basic c2VjcmV0LWtleTo="
SMALL = b'{"batch":[{"event":"secret-event"}]}'
LARGE = b"secret-event" * 1_000_000
"""More than the kernel takes on a loopback connection that nobody reads."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n"
SOON = 0.5
LATE = 2.0
"""Generous: an attempt of `SOON` seconds that is not over by then is not bounded at all."""


def request_to(
    server: FaultyServer, body: bytes | memoryview = SMALL, path: str = "/v1/batch", **headers: str
) -> Request:
    named = {"Authorization": KEY, "Content-Type": "application/json", **headers}
    return Request("POST", server.url(path), named, body)


@pytest.fixture
def transport():
    """A transport that knows no proxy, closed at the end."""
    transport = HttpTransport()
    yield transport
    transport.close()


@pytest.fixture(autouse=True)
def no_proxy_in_the_environment(monkeypatch):
    """What the machine is set to must not matter."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


FAILURES = {
    # name: (exchange, body, possibly delivered, words of the reason)
    "reset before reading anything": ((Reset(),), LARGE, False, "sending the request"),
    "closed before reading anything": ((Close(),), LARGE, False, "sending the request"),
    "reset in the middle of the body": ((ReadBytes(100_000), Reset()), LARGE, False, "sending the request"),
    "nobody reads the body": ((ReadHead(), Hang()), LARGE, False, "timed out while sending the request"),
    "reset after reading": ((ReadRequest(), Reset()), SMALL, True, "reset"),
    "closed after reading": ((ReadRequest(), Close()), SMALL, True, "closed while waiting for the response"),
    "never answers": ((ReadRequest(), Hang()), SMALL, True, "timed out while waiting for the response"),
    "answers too late": ((ReadRequest(), Delay(60), Reply()), SMALL, True, "timed out while waiting for the response"),
    "status line drips": ((ReadRequest(), Drip(HEAD, 0.1)), SMALL, True, "timed out while reading the response"),
    "headers drip": (
        (ReadRequest(), Send(HEAD[:17]), Drip(b"X-Slow: " + b"z" * 500, 0.1)),
        SMALL,
        True,
        "timed out while reading the response",
    ),
    "reset in the status line": ((ReadRequest(), Send(b"HTTP/1.1 2"), Reset()), SMALL, True, ""),
    "closed in the headers": ((ReadRequest(), Send(b"HTT"), Close()), SMALL, True, "not HTTP"),
    "garbage": ((ReadRequest(), Send(b"\x00\xffgarbage\r\n\r\n"), Close()), SMALL, True, "not HTTP"),
    "endless garbage": ((ReadRequest(), Endless(b"g" * 65536)), SMALL, True, "too long a line"),
    "endless header": ((ReadRequest(), Send(HEAD[:17]), Endless(b"X-Long: " + b"h" * 99)), SMALL, True, "line"),
    "too many headers": ((ReadRequest(), Send(HEAD[:17]), Endless(b"X-Many: 1\r\n")), SMALL, True, "headers"),
    "endless 100 Continue": ((ReadRequest(), Endless(CONTINUE.data)), SMALL, True, "timed out"),
    "early hints": ((ReadRequest(), Send(b"HTTP/1.1 103 Early Hints\r\n\r\n"), Reply()), SMALL, True, "HTTP 103"),
    "switching protocols": ((ReadRequest(), Send(b"HTTP/1.1 101 Switch\r\n\r\n")), SMALL, True, "HTTP 101"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_no_response_is_a_transport_error_that_says_whether_the_server_may_have_it(transport, case):
    """Too bold loses events, too timid sends them twice; the line is drawn where the last byte went to the kernel."""
    exchange, body, possibly_delivered, words = FAILURES[case]
    with FaultyServer([exchange]) as server:
        begin = time.monotonic()
        with pytest.raises(TransportError) as caught:
            transport.send(request_to(server, body), SOON)
        assert time.monotonic() - begin < LATE
    assert (caught.value.possibly_delivered, words in str(caught.value)) == (possibly_delivered, True), str(
        caught.value
    )
    assert caught.value.kind == ("timeout" if "timed out" in str(caught.value) else "network")


@pytest.mark.parametrize("case", FAILURES)
def test_a_transport_error_holds_neither_key_nor_payload_and_the_next_request_goes_through(transport, case):
    """Errors end up in logs; and what went wrong on one connection must not spoil the next request."""
    exchange, body, _, _ = FAILURES[case]
    with FaultyServer([exchange]) as server:
        with pytest.raises(TransportError) as caught:
            transport.send(request_to(server, body), SOON)
        assert transport.send(request_to(server), 5.0).body == b'{"success":true}'
    error = caught.value
    assert "secret" not in str(error)
    assert KEY not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


RESPONSE_LIMIT_BYTES = Request("POST", "http://h/", {}, b"").max_response_bytes
OK_BODY = b'{"success":true}'
RESPONSES = {
    # name: (exchange, status, body, requests that go over one connection)
    "plain": (answer(), 200, OK_BODY, 2),
    "an error": (answer(503, b"busy", {"Retry-After": "7"}), 503, b"busy", 2),
    "an empty body": (answer(204, b""), 204, b"", 2),
    "chunks": ((ReadRequest(), Chunked((b"a" * 10, b"b" * 20))), 200, b"a" * 10 + b"b" * 20, 2),
    "100 Continue first": ((ReadRequest(), CONTINUE, CONTINUE, Reply()), 200, OK_BODY, 2),
    "huge headers": ((ReadRequest(), huge_headers()), 200, b"", 2),
    "a redirect": (answer(302, b"", {"Location": "/elsewhere"}), 302, b"", 2),
    "a body said to be gzip": (answer(200, b"not gzip", {"Content-Encoding": "gzip"}), 200, b"not gzip", 2),
    "the largest body": (answer(200, b"b" * RESPONSE_LIMIT_BYTES), 200, b"b" * RESPONSE_LIMIT_BYTES, 2),
    "too large a body": (answer(200, b"b" * 10_000_000), 200, b"b" * RESPONSE_LIMIT_BYTES, 1),
    "too large a body in chunks": (
        (ReadRequest(), Chunked((b"c" * 60_000,) * 50)),
        200,
        b"c" * RESPONSE_LIMIT_BYTES,
        1,
    ),
    "an endless body": (
        (ReadRequest(), Reply(body=b"", content_length=None), Endless(b"e" * 65536)),
        200,
        b"e" * RESPONSE_LIMIT_BYTES,
        1,
    ),
    "a body until the end of the connection": (
        (ReadRequest(), Reply(body=b"until the end", content_length=None), Close()),
        200,
        b"until the end",
        1,
    ),
    "a body shorter than said": ((ReadRequest(), Reply(content_length=99), Close()), 200, OK_BODY, 1),
    "a body that is reset": ((ReadRequest(), Send(HEAD), Reset()), 200, b"", 1),
    "chunks that break off": ((ReadRequest(), Chunked((b"a",), is_complete=False), Close()), 200, b"", 1),
    "a body that drips": ((ReadRequest(), Send(HEAD), Drip(b"z" * 16, 0.1)), 200, b"", 1),
    "a body that never comes": ((ReadRequest(), Send(HEAD), Hang()), 200, b"", 1),
    "two responses at once": ((ReadRequest(), Send(Reply().encode() + Reply(500).encode())), 200, OK_BODY, 1),
}


@pytest.mark.parametrize("case", RESPONSES)
def test_a_status_and_headers_are_a_response_whatever_becomes_of_its_body(transport, case):
    """Once the server has said 200 it has the batch; sending it again would only make duplicates."""
    exchange, status, body, _ = RESPONSES[case]
    with FaultyServer([exchange]) as server:
        begin = time.monotonic()
        response = transport.send(request_to(server), SOON)
        assert time.monotonic() - begin < LATE
    assert (response.status, response.body) == (status, body)
    assert all(name == name.lower() for name in response.headers)


@pytest.mark.parametrize("length", [1_000, 100_000, 100_001])
def test_a_request_says_how_much_of_the_answer_is_of_use(transport, length):
    """A dialect whose server answers for each event wants the whole answer."""
    with FaultyServer([answer(200, b"r" * 100_001)]) as server:
        response = transport.send(request_to(server)._replace(max_response_bytes=length), 5.0)
    assert response.body == b"r" * length


CUTS = {
    "plain": "",
    "an empty body": "",
    "the largest body": "",
    "too large a body": "too long",
    "an endless body": "too long",
    "a body that is reset": "network",
    "chunks that break off": "network",
    "a body that drips": "timeout",
    "a body that never comes": "timeout",
}


@pytest.mark.parametrize("case", CUTS)
def test_a_response_says_why_its_body_is_not_whole(transport, case):
    """A batch needs the status alone; who reads the body has to tell a slow server from one that talks nonsense."""
    with FaultyServer([RESPONSES[case][0]]) as server:
        assert transport.send(request_to(server), SOON).cut == CUTS[case]


@pytest.mark.parametrize("limit", [10, 9_999_999, 10_000_000])
def test_a_request_says_how_much_of_its_response_it_wants(transport, limit):
    """What may be long, such as a file of flag definitions, is asked for; nothing else may fill the memory."""
    with FaultyServer([answer(200, b"b" * 10_000_000)]) as server:
        response = transport.send(request_to(server)._replace(max_response_bytes=limit), 5.0)
    assert len(response.body) == limit
    assert response.cut == ("too long" if limit < 10_000_000 else "")


def test_a_twin_reaches_servers_in_the_same_way_over_connections_of_its_own(transport):
    """It goes on working when the first one was closed."""
    twin = transport.twin()
    assert twin.way == transport.way != HttpTransport(proxy="http://127.0.0.1:1").way
    with FaultyServer() as server:
        transport.send(request_to(server), 5.0)
        twin.send(request_to(server), 5.0)
        transport.close()
        twin.send(request_to(server), 5.0)
        assert [request.connection for request in server.wait_for(3)] == [0, 1, 1]
    twin.close()


@pytest.mark.parametrize("case", RESPONSES)
def test_only_a_connection_whose_response_is_complete_is_used_again(transport, case):
    """What is left of one response must never be read as the next one."""
    exchange, _, _, on_one_connection = RESPONSES[case]
    with FaultyServer([exchange]) as server:
        transport.send(request_to(server), SOON)
        response = transport.send(request_to(server), 5.0)
        assert (response.status, response.body) == (200, OK_BODY)
        assert server.connections == (1 if on_one_connection == 2 else 2)


def test_the_request_arrives_as_it_was_made(transport):
    """Method, path with its query, headers and body, and nothing that would ask for a decoded or a kept response."""
    with FaultyServer() as server:
        transport.send(request_to(server, memoryview(SMALL), "/v1/batch?a=b%20c", **{"X-Extra": "yes"}), 5.0)
        [request] = server.wait_for(1)
    assert (request.method, request.path, request.raw_body) == ("POST", "/v1/batch?a=b%20c", SMALL)
    assert request.headers["authorization"] == KEY
    assert request.headers["x-extra"] == "yes"
    assert request.headers["content-length"] == str(len(SMALL))
    assert request.headers["accept-encoding"] == "identity"
    assert "cookie" not in request.headers


def test_a_get_has_no_body(transport):
    """Dialects ask with GET where to send."""
    with FaultyServer() as server:
        response = transport.send(Request("GET", server.url("/config"), {}, b""), 5.0)
        [request] = server.wait_for(1)
    assert response.status == 200
    assert (request.method, "content-length" in request.headers) == ("GET", False)


def test_cookies_are_not_kept(transport):
    """A cookie would tie the batches of different write keys together."""
    with FaultyServer([answer(200, headers={"Set-Cookie": "a=b"})]) as server:
        transport.send(request_to(server), 5.0)
        transport.send(request_to(server), 5.0)
        assert "cookie" not in server.wait_for(2)[1].headers


def test_a_redirect_is_not_followed(transport):
    """The key must not be carried to wherever a server points."""
    with FaultyServer([answer(307, b"", {"Location": "/elsewhere"})]) as server:
        response = transport.send(request_to(server), 5.0)
        assert (response.status, response.headers["location"], len(server.requests)) == (307, "/elsewhere", 1)


def test_an_early_answer_is_read_although_the_body_was_not_sent_whole(transport):
    """A server may refuse a body by its headers, close, and be understood all the same."""
    early = (ReadHead(), Reply(413, b"too large", {"Connection": "close"}), ReadBytes(len(LARGE) // 2), Close())
    with FaultyServer([early]) as server:
        response = transport.send(request_to(server, LARGE), 5.0)
        assert transport.send(request_to(server), 5.0).status == 200
    assert (response.status, response.body) == (413, b"too large")


def test_a_connection_that_the_server_closed_in_the_meantime_is_not_used(transport):
    """A keep-alive timeout on the server's side is seen before the next request, which then costs nothing."""
    with FaultyServer([drop_after_reply()]) as server:
        transport.send(request_to(server), 5.0)
        server.wait_until_all_closed()
        assert transport.send(request_to(server), 5.0).status == 200
        assert server.connections == 2


def test_a_kept_connection_that_is_closed_under_a_request_is_possibly_delivered(transport):
    """The known race: nobody can say whether the server had read the request."""
    with FaultyServer([answer(), (ReadRequest(), Close())]) as server:
        transport.send(request_to(server), 5.0)
        with pytest.raises(TransportError) as caught:
            transport.send(request_to(server), 5.0)
        assert caught.value.possibly_delivered
        assert server.connections == 1


def test_a_refused_connection_is_certainly_not_delivered(transport):
    """Nobody listens on the port."""
    with FaultyServer() as server:
        pass
    with pytest.raises(TransportError, match="connection refused") as caught:
        transport.send(request_to(server), 5.0)
    assert (caught.value.possibly_delivered, caught.value.kind) == (False, "refused")


def test_a_name_that_does_not_exist_is_certainly_not_delivered(transport):
    """The name has an empty label, which no resolver is asked about; .invalid exists nowhere."""
    for host in ("a..invalid", "fastbatch.invalid"):
        with pytest.raises(TransportError) as caught:
            transport.send(Request("POST", f"http://{host}/v1/batch", {}, SMALL), 5.0)
        assert not caught.value.possibly_delivered


def test_a_connection_that_is_never_accepted_times_out(transport):
    """A listener whose queue is full lets the handshake hang; the deadline holds there too."""
    import socket

    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        begin = time.monotonic()
        with pytest.raises(TransportError, match="timed out while connecting") as caught:
            transport.send(Request("POST", f"http://127.0.0.1:{address[1]}/", {}, SMALL), SOON)
        assert time.monotonic() - begin < LATE
        for filler in fillers:
            filler.close()
    assert not caught.value.possibly_delivered


@pytest.mark.parametrize("timeout", [0.0, -1.0])
def test_an_attempt_without_any_time_is_not_begun(transport, timeout):
    """A flush whose deadline has passed asks for no seconds."""
    with FaultyServer() as server:
        with pytest.raises(TransportError, match="timed out") as caught:
            transport.send(request_to(server), timeout)
        assert (caught.value.possibly_delivered, server.connections) == (False, 0)


def test_a_header_that_http_has_no_form_for_is_an_error_that_hides_it(transport):
    """The value may be the key."""
    with FaultyServer() as server:
        with pytest.raises(TransportError) as caught:
            transport.send(request_to(server, Authorization="secret\r\nX-Smuggled: 1"), 5.0)
        assert (caught.value.possibly_delivered, server.requests) == (False, [])
    assert "secret" not in str(caught.value)


def test_nothing_is_logged_at_info_or_above(transport, caplog):
    """The sender logs; a transport that did so too would say everything twice."""
    caplog.set_level(logging.INFO)
    with FaultyServer([(ReadRequest(), Reset())]) as server:
        with pytest.raises(TransportError):
            transport.send(request_to(server), 5.0)
        transport.send(request_to(server), 5.0)
    assert caplog.records == []
