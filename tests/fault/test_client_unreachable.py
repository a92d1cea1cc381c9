"""Servers that no request reaches: every attempt is certainly without effect, and counted so."""

from __future__ import annotations

import socket

import pytest

from tests.support.faulty_server import Close, FaultyServer, ReadBytes, Send, answer
from tests.support.outcomes import deliver
from tests.support.tls import Authority

DIALECTS = ["segment", "rudderstack"]


@pytest.fixture(autouse=True)
def no_proxy_in_the_environment(monkeypatch):
    """What the machine is set to must not matter."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def authority():
    """An authority that no client here trusts unless told to."""
    return Authority()


def given_up(make_client, dialect: str, **settings) -> str:
    """Return the detail of an event that was given up after two attempts that cannot have reached anybody."""
    outcome = deliver(make_client, dialect=dialect, max_attempts=2, **settings)
    report = outcome.report
    assert (report.cause, report.attempts, report.status) == ("retries_exhausted", 2, None)
    assert outcome.stats.dropped == {"retries_exhausted": 1}
    assert outcome.stats.last_error == report.detail
    return report.detail


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_refused_connection(make_client, dialect):
    """Nobody listens on the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert given_up(make_client, dialect, endpoint=f"http://127.0.0.1:{port}") == "no response: connection refused"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_server_that_comes_up_between_two_attempts(make_client, dialect):
    """The backoff gives it the time; here the user's own function starts it."""
    late: list[FaultyServer] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    def start(attempt: int) -> float:
        if attempt == 2:
            server = FaultyServer(port=port)
            late.append(server.__enter__())
        return 0.0

    try:
        outcome = deliver(make_client, dialect=dialect, endpoint=f"http://127.0.0.1:{port}", retry_after=start)
        assert (outcome.report.delivered, outcome.report.attempts) == (True, 3)
        assert len(late[0].requests) == 1
    finally:
        for server in late:
            server.__exit__(None)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_name_that_does_not_exist(make_client, dialect, monkeypatch):
    """The resolver's answer is an error like any other, and not the end of the sender."""

    def unknown(host, *arguments, **named):
        assert host == "nonexistent.invalid"
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    # Asked of the real resolver, a machine without network may take half a minute to say so.
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    detail = given_up(make_client, dialect, endpoint="http://nonexistent.invalid")
    assert detail == "no response: the name of the host cannot be resolved"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_certificate_that_nobody_vouches_for(make_client, dialect, authority):
    """Neither the key nor an event goes to a server that cannot prove who it is."""
    with FaultyServer(ssl_context=authority.server_context()) as server:
        detail = given_up(make_client, dialect, endpoint=server.url())
        assert server.requests == []
    assert detail.startswith("no response: TLS: ")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_certificate_of_another_host(make_client, dialect, authority, tmp_path):
    """The authority is trusted, the name is not the endpoint's."""
    ca_file = authority.ca_file(tmp_path)
    with FaultyServer(ssl_context=authority.server_context("elsewhere.example")) as server:
        detail = given_up(make_client, dialect, endpoint=server.url(), ca_file=ca_file)
        assert server.requests == []
    assert detail.startswith("no response: TLS: ")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_server_that_is_trusted(make_client, dialect, authority, tmp_path):
    """The counterpart of the two above: with the right authority, a fault and a delivery pass through TLS."""
    with FaultyServer([answer(503)], ssl_context=authority.server_context()) as server:
        outcome = deliver(make_client, dialect=dialect, endpoint=server.url(), ca_file=authority.ca_file(tmp_path))
    assert (outcome.report.delivered, outcome.report.attempts) == (True, 2)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("reply", [(), (Send(b"HTTP/1.1 400 Bad Request\r\n\r\n"),)], ids=["silent", "plain_http"])
def test_a_server_that_does_not_speak_tls(make_client, dialect, reply):
    """An https endpoint on a port of plain HTTP."""
    with FaultyServer(default=(ReadBytes(1), *reply, Close())) as server:
        endpoint = server.url().replace("http://", "https://")
        given_up(make_client, dialect, endpoint=endpoint)
