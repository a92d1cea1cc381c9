"""Settings that the client hands on, each observed on the wire; and what of them is never shown."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Callable
from urllib.parse import quote

import pytest

from fastbatch import Client, TransportError
from fastbatch.typing import Request
from tests.support.faulty_server import FaultyServer
from tests.support.proxy import RecordingProxy
from tests.support.tls import Authority
from tests.support.transports import Recorder

DIALECTS = ["segment", "rudderstack"]


@pytest.fixture(autouse=True)
def no_proxy_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine is set to must not matter."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def authority() -> Authority:
    """One private authority for all tests: making its key takes a while."""
    return Authority()


# Integrations.


@pytest.mark.parametrize("dialect", DIALECTS)
def test_default_integrations_are_part_of_every_event_that_names_none(make_client, server, dialect):
    """Of each kind, and of the quick call as of the others; an event's own replace them, as the documents say."""
    default, own = {"All": False, "Amplitude": {"session_id": 7}}, {"Mixpanel": True}
    client = make_client(dialect=dialect, integrations=default)
    client.track("u", "quick", {"a": 1})
    client.track("u", "slow", {"a": 1}, timestamp="2026-11-21T12:00:00Z")
    client.identify("u", {"plan": "pro"})
    client.page("u", None, "Home")
    client.screen("u", None, "Start")
    client.group("u", "g", {})
    client.alias("before", "u")
    client.track("u", "own", {"a": 1}, integrations=own)
    assert client.flush(5).delivered == 8
    *those, last = [message for request in server.requests for message in request.json["batch"]]
    assert [message["integrations"] for message in those] == [default] * 7
    assert last["integrations"] == own


def test_default_integrations_are_the_clients_own(make_client, server):
    """What the program does to its mapping afterwards changes nothing; without the setting there are none."""
    given = {"All": False}
    client = make_client(integrations=given)
    given["All"] = True
    client.track("u", "e", {})
    client.flush(5)
    plain = make_client()
    plain.track("u", "e", {})
    plain.flush(5)
    [[first], [second]] = [request.json["batch"] for request in server.requests]
    assert first["integrations"] == {"All": False}
    assert "integrations" not in second


# Connections.


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_proxy_is_asked_for_every_request(make_client, server, dialect):
    """By the whole URL, with its credentials, which the endpoint does not see."""
    with RecordingProxy("user:p@ss") as proxy:
        client = make_client(dialect=dialect, batch_size=1, proxy=f"http://user:p%40ss@127.0.0.1:{proxy.port}")
        client.track("u", "a", {})
        client.track("u", "b", {})
        assert client.flush(5).pending == 0
        asked = proxy.requests
    assert {request.path for request in asked} == {server.url(request.path) for request in server.requests}
    assert len(asked) == len(server.requests) == 2
    wanted = "Basic " + base64.b64encode(b"user:p@ss").decode()
    assert {request.headers["proxy-authorization"] for request in asked} == {wanted}
    assert not any("proxy-authorization" in request.headers for request in server.requests)


def test_the_proxy_makes_tunnels_to_an_endpoint_with_tls(make_client, authority, tmp_path):
    """It sees where to, and nothing of the events."""
    with FaultyServer(ssl_context=authority.server_context()) as server, RecordingProxy() as proxy:
        client = make_client(endpoint=server.url(), proxy=proxy.url(), ca_file=authority.ca_file(tmp_path))
        client.track("u", "e", {})
        assert client.flush(5).delivered == 1
        client.close(5)
        assert {(request.method, request.path) for request in proxy.requests} == {
            ("CONNECT", f"127.0.0.1:{server.port}")
        }
        assert server.requests[0].json["batch"][0]["event"] == "e"


def test_ca_file_is_whom_the_client_trusts(make_client, authority, tmp_path):
    """Events arrive at a server that this authority vouches for, and at no other."""
    with (
        FaultyServer(ssl_context=authority.server_context()) as server,
        FaultyServer(ssl_context=Authority().server_context()) as stranger,
    ):
        trusted = {"ca_file": authority.ca_file(tmp_path), "max_attempts": 1}
        client, wary = (make_client(endpoint=each.url(), **trusted) for each in (server, stranger))
        for each in (client, wary):
            each.track("u", "e", {})
            each.flush(5)
            each.close(5)
        assert [request.json["batch"][0]["event"] for request in server.requests] == ["e"]
        assert stranger.requests == []
    assert wary.stats().dropped == {"retries_exhausted": 1}
    assert "TLS: " in wary.stats().last_error


def test_ssl_context_is_used_as_it_is(make_client, authority):
    """A client certificate shows that it was: the server lets nobody in without."""
    context = authority.server_context(wants_client_certificate=True)
    with FaultyServer(ssl_context=context) as server:
        known = authority.client_context(certificate_for="client@example.org")
        client = make_client(endpoint=server.url(), ssl_context=known)
        unknown = make_client(endpoint=server.url(), ssl_context=authority.client_context(), max_attempts=1)
        for each, event in ((unknown, "of nobody"), (client, "of somebody")):
            each.track("u", event, {})
            each.flush(5)
            each.close(5)
        assert [request.json["batch"][0]["event"] for request in server.requests] == ["of somebody"]
    assert unknown.stats().delivered == 0


# The password of the proxy.

PASSWORD = "s3cr3t: p@ss/word"
CREDENTIALS = f"user:{quote(PASSWORD, safe='')}"
FORMS = [PASSWORD, quote(PASSWORD), quote(PASSWORD, safe=""), base64.b64encode(f"user:{PASSWORD}".encode()).decode()]


def shown_by(client: Client, heard: Recorder, caplog: pytest.LogCaptureFixture) -> str:
    """Return all that a program, or who reads its logs, gets to see."""
    transport = client._transport
    request = Request("POST", f"{client._config.endpoint}/v1/batch", {}, b"{}")
    try:
        transport.send(request, 5.0)
    except TransportError as error:
        raised = "".join(traceback.format_exception(error))  # with all that led to it
    else:
        raised = ""
    objects = [client, client._config, transport, client.stats(), *heard.reports]
    failures = ["".join(traceback.format_exception(error)) for _, error in heard.failures]
    return "\n".join([raised, caplog.text, *map(repr, objects), *map(str, objects), *failures])


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("fate", ["lets through", "wants another", "refuses", "is not there"])
def test_the_password_of_a_proxy_is_never_shown(
    make_client: Callable[..., Client], authority: Authority, caplog: pytest.LogCaptureFixture, fate: str, scheme: str
) -> None:
    """Whatever becomes of the request: not in the log at its most talkative, nor in a repr, a report or an error."""
    caplog.set_level(logging.DEBUG)
    context = authority.server_context() if scheme == "https" else None
    wanted = "user:another" if fate == "wants another" else f"user:{PASSWORD}"
    refusal = 403 if fate == "refuses" else None
    with FaultyServer(ssl_context=context) as server, RecordingProxy(wanted, refuses_with=refusal) as proxy:
        port = 9 if fate == "is not there" else proxy.port
        heard = Recorder()
        client = make_client(
            endpoint=server.url(), proxy=f"http://{CREDENTIALS}@127.0.0.1:{port}", callback=heard,
            on_delivery=heard.report, ssl_context=authority.client_context() if context else None,
            max_attempts=2, retry_after=lambda attempt: 0.0, verbose=True,
        )  # fmt: skip
        client.track("u", "e", {})
        client.flush(5)
        shown = shown_by(client, heard, caplog)
        client.close(5)
        assert len(heard.reports) == 1
        assert client.stats().delivered == (fate == "lets through")
    assert "attempt 1" in shown
    assert [form for form in FORMS if form in shown] == []
