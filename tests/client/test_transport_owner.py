"""Whose a transport is: a client closes the one that it made, and the program the one that it gave."""

from __future__ import annotations

import gc

import pytest

from fastbatch import Client
from fastbatch.testing import assert_conserved
from fastbatch.transports.http import HttpTransport
from tests.support.transports import ScriptedTransport


def end(only: list[Client], how: str) -> None:
    """Let the one client go, by `close` or by forgetting it, until its senders have ended."""
    client = only.pop()  # an argument would be kept by the caller, before Python 3.11
    threads = list(client._engine._threads)
    client.flush(5)
    if how == "close":
        client.close(5)
    assert_conserved(client)
    del client
    gc.collect()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


@pytest.mark.parametrize("how", ["close", "forget"])
def test_a_transport_of_the_programs_own_is_left_to_the_program(backend, how):
    """Another client may be using it, and whether one does only the program knows."""
    transport = ScriptedTransport()
    client = Client("WK", transport=transport)
    client.track("u", "e", {})
    only = [client]
    del client
    end(only, how)
    assert transport.events == ["e"]
    assert transport.closed == 0


@pytest.mark.parametrize("how", ["close", "forget"])
def test_a_transport_of_the_clients_own_is_closed_with_it(backend, server, monkeypatch, how):
    """No connection is left open when nobody can use it any more."""
    closed = []
    close = HttpTransport.close
    monkeypatch.setattr(HttpTransport, "close", lambda self: (closed.append(self), close(self)))
    client = Client("WK", endpoint=server.url())
    transport = client._transport
    client.track("u", "e", {})
    only = [client]
    del client
    end(only, how)
    assert set(closed) == {transport}


def test_clients_that_share_a_transport_share_its_connections_to_the_end(make_client, server):
    """The end of one costs the other nothing, not even a new connection."""
    transport = HttpTransport()
    first, second = (make_client(endpoint=server.url(), transport=transport, senders=1) for _ in range(2))
    for client in (first, second):
        client.track("u", "e", {})
        assert client.flush(5).delivered == 1
    first.close(5)
    second.track("u", "e", {})
    assert second.flush(5).delivered == 1
    assert {request.connection for request in server.requests} == {0}
    second.close(5)
    transport.close()


class Falsy(ScriptedTransport):
    """A transport that says how many requests it has in hand, and so is false at first."""

    def __len__(self) -> int:
        return 0


def test_a_transport_that_is_false_is_used_all_the_same(make_client):
    """What is given is not None."""
    transport = Falsy()
    client = make_client(transport=transport)
    client.track("u", "e", {})
    assert client.flush(5).delivered == 1
    assert transport.events == ["e"]
