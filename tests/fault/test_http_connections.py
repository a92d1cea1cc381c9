"""Connections: how many there are, what they may cost, and whose they are after a fork."""

from __future__ import annotations

import gc
import os
import threading
import tracemalloc

import pytest

from fastbatch.errors import TransportError
from fastbatch.transports import http
from fastbatch.transports.http import HttpTransport
from fastbatch.typing import Request, Transport
from tests.support.faulty_server import Endless, FaultyServer, ReadRequest, Reply, answer
from tests.support.tls import Authority

pytestmark = pytest.mark.usefixtures("no_proxies")


@pytest.fixture
def no_proxies(monkeypatch):
    """Reach loopback directly whatever the machine is set to."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("NO_PROXY", "*")


def post(server: FaultyServer, body: bytes = b"{}") -> Request:
    return Request("POST", server.url("/v1/batch"), {}, body)


def test_it_follows_the_transport_protocol():
    """The client takes any object that does."""
    assert isinstance(HttpTransport(), Transport)


def test_requests_of_one_thread_share_one_connection():
    """A handshake for each batch would cost more than the batch."""
    transport = HttpTransport()
    with FaultyServer() as server:
        for _ in range(20):
            transport.send(post(server), 5.0)
        assert (server.connections, len(server.requests)) == (1, 20)
        transport.close()


def test_threads_that_send_at_once_have_a_connection_each_and_keep_it():
    """A round trip of one batch must not hold up another; and no more connections are made than that."""
    transport = HttpTransport()
    threads_count = 4
    together = threading.Barrier(threads_count, timeout=10)
    barrier_in_server = threading.Barrier(threads_count, timeout=10)

    def reply_when_all_are_here(_request) -> Reply:
        barrier_in_server.wait()
        return Reply()

    with FaultyServer(default=reply_when_all_are_here) as server:

        def work() -> None:
            for _ in range(10):
                together.wait()
                transport.send(post(server), 5.0)

        threads = [threading.Thread(target=work) for _ in range(threads_count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert (server.connections, len(server.requests)) == (threads_count, 10 * threads_count)
        transport.close()


def test_no_more_idle_connections_are_kept_than_the_pool_holds():
    """What is beyond the pool's size is closed when its response is there, without a word in the log."""
    transport = HttpTransport(pool_size=1)
    barrier_in_server = threading.Barrier(3, timeout=10)

    def reply_when_all_are_here(_request) -> Reply:
        barrier_in_server.wait()
        return Reply()

    with FaultyServer(default=reply_when_all_are_here) as server:
        threads = [threading.Thread(target=transport.send, args=(post(server), 5.0)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        server.wait_until(lambda: len(server._open) == 1, 5.0, "one connection left")
        transport.close()


def test_a_connection_that_was_idle_for_long_is_not_trusted(monkeypatch):
    """Servers and NAT devices forget it without telling; the request would be lost, or wait for its deadline."""
    transport = HttpTransport()
    with FaultyServer() as server:
        transport.send(post(server), 5.0)
        monkeypatch.setattr(http, "IDLE_SECONDS", -1.0)
        transport.send(post(server), 5.0)
        assert server.connections == 2
        transport.close()


def test_close_lets_go_of_idle_connections_and_may_be_called_again():
    """The server sees the end; a later send simply connects anew."""
    transport = HttpTransport()
    transport.close()
    with FaultyServer() as server:
        transport.send(post(server), 5.0)
        transport.close()
        transport.close()
        server.wait_until_all_closed(5.0)
        assert transport.send(post(server), 5.0).status == 200
        assert server.connections == 2
        transport.close()


def test_many_different_urls_do_not_pile_up():
    """A dialect that asks at ever different URLs must not grow the transport's memory."""
    transport = HttpTransport()
    with FaultyServer() as server:
        for number in range(3 * http.ROUTES):
            transport.send(Request("GET", server.url(f"/{number}"), {}, b""), 5.0)
        assert len(transport._routes._found) <= http.ROUTES
        transport.close()


def test_an_endless_body_costs_no_more_memory_than_its_first_part():
    """64 KiB are kept, the rest is never read."""
    transport = HttpTransport()
    endless = (ReadRequest(), Reply(body=b"", content_length=10**12), Endless(b"e" * 65536))
    with FaultyServer([answer(), endless]) as server:
        transport.send(post(server), 5.0)
        gc.collect()
        tracemalloc.start()
        try:
            transport.send(post(server), 5.0)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        transport.close()
    assert peak < 2_000_000


def test_name_with_two_addresses_has_time_left_for_the_second(monkeypatch):
    """A host whose IPv6 address leads nowhere must not use up the attempt."""
    import socket

    with FaultyServer() as server, socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        addresses = [(*kind, full.getsockname()), (*kind, ("127.0.0.1", server.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
        transport = HttpTransport()
        assert transport.send(Request("POST", "http://two.test:80/", {}, b"{}"), 2.0).status == 200
        for filler in fillers:
            filler.close()
        transport.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "TLS"])
def test_after_a_fork_the_child_has_connections_of_its_own(is_tls):
    """Two processes that write to one connection would mix their requests; and the parent's must live on."""
    authority = Authority()
    transport = HttpTransport(ssl_context=authority.client_context() if is_tls else None)
    with FaultyServer(ssl_context=authority.server_context() if is_tls else None) as server:
        transport.send(post(server, b"parent"), 5.0)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                transport.send(post(server, b"child"), 5.0)
                transport.send(post(server, b"child"), 5.0)
                transport.close()
                gc.collect()
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        transport.send(post(server, b"parent"), 5.0)
        requests = server.wait_for(4)
        transport.close()
    assert [(request.raw_body, request.connection) for request in requests] == [
        (b"parent", 0),
        (b"child", 1),
        (b"child", 1),
        (b"parent", 0),
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_close_in_a_child_leaves_the_parents_connection_open():
    """A worker that closes its client must not end the master's."""
    transport = HttpTransport()
    with FaultyServer() as server:
        transport.send(post(server), 5.0)
        child = os.fork()
        if child == 0:
            transport.close()
            gc.collect()
            os._exit(0)
        os.waitpid(child, 0)
        transport.send(post(server), 5.0)
        assert server.connections == 1
        transport.close()


def test_an_error_of_one_thread_is_not_anothers():
    """How far an attempt came is known for each thread."""
    transport = HttpTransport()
    outcomes: list[bool] = []
    with FaultyServer() as gone:
        pass
    with FaultyServer() as server:

        def fail() -> None:
            for _ in range(50):
                with pytest.raises(TransportError) as caught:
                    transport.send(post(gone), 5.0)
                outcomes.append(caught.value.possibly_delivered)

        threads = [threading.Thread(target=fail) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(50):
            assert transport.send(post(server), 5.0).status == 200
        for thread in threads:
            thread.join(30)
        transport.close()
    assert outcomes == [False] * 100
