"""TLS and proxies, each setting observed on the wire."""

from __future__ import annotations

import base64
import time
import warnings

import pytest

from fastbatch.errors import ConfigError, TransportError
from fastbatch.transports.http import HttpTransport
from fastbatch.typing import Request
from tests.support.faulty_server import Drip, FaultyServer, Hang, ReadHead, Reply, Send, answer
from tests.support.proxy import RecordingProxy
from tests.support.tls import Authority

BODY = b"b" * 300_000
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """An environment without proxies, to be filled by the test."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.fixture(scope="module")
def authority():
    """One private authority for all tests: making its key takes a while."""
    return Authority()


def post(url: str, body: bytes = BODY) -> Request:
    return Request("POST", url, {"Authorization": "Basic key"}, body)


def fails(transport: HttpTransport, url: str, timeout: float = 5.0) -> TransportError:
    with pytest.raises(TransportError) as caught:
        transport.send(post(url), timeout)
    transport.close()
    return caught.value


# TLS


def test_a_server_of_a_private_authority_is_reached_with_ca_file(authority, tmp_path):
    """And the connection is kept as without TLS."""
    transport = HttpTransport(ca_file=authority.ca_file(tmp_path))
    with FaultyServer(ssl_context=authority.server_context()) as server:
        for _ in range(3):
            assert transport.send(post(server.url("/v1/batch")), 5.0).status == 200
        assert (server.connections, server.requests[0].raw_body) == (1, BODY)
        transport.close()


def test_an_unknown_authority_is_refused(authority):
    """Nothing may be sent to a server that cannot prove its name."""
    with FaultyServer(ssl_context=authority.server_context()) as server:
        error = fails(HttpTransport(), server.url())
        assert server.requests == []
    assert not error.possibly_delivered
    assert str(error).startswith("TLS: ")


def test_a_certificate_of_another_host_is_refused(authority, tmp_path):
    """A trusted authority is not enough."""
    with FaultyServer(ssl_context=authority.server_context("elsewhere.example")) as server:
        error = fails(HttpTransport(ca_file=authority.ca_file(tmp_path)), server.url())
        assert server.requests == []
    assert not error.possibly_delivered
    assert str(error).startswith("TLS: ")


def test_a_context_that_does_not_check_names_still_has_them_checked(authority):
    """urllib3 does so itself; it would take more than one line to get around it."""
    context = authority.client_context()
    context.check_hostname = False
    with FaultyServer(ssl_context=authority.server_context("elsewhere.example")) as server:
        error = fails(HttpTransport(ssl_context=context), server.url())
        assert (server.requests, error.possibly_delivered) == ([], False)


def test_a_client_certificate_comes_from_ssl_context(authority):
    """The server asks for one, and lets in only who has it."""
    context = authority.server_context(wants_client_certificate=True)
    with FaultyServer(ssl_context=context) as server:
        fails(HttpTransport(ssl_context=authority.client_context()), server.url())
        assert server.requests == []
        transport = HttpTransport(ssl_context=authority.client_context(certificate_for="client@example.org"))
        assert transport.send(post(server.url()), 5.0).status == 200
        transport.close()


def test_a_context_that_verifies_nothing_is_refused():
    """Turning verification off is how peers' users fixed their certificate problems."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with pytest.raises(ConfigError) as caught:
        HttpTransport(ssl_context=context)
    assert caught.value.field == "ssl_context"


def test_a_ca_file_without_certificates_is_refused(tmp_path):
    """At once, not with the first batch."""
    path = tmp_path / "ca.pem"
    path.write_text("nothing")
    with pytest.raises(ConfigError) as caught:
        HttpTransport(ca_file=str(path))
    assert caught.value.field == "ca_file"


def test_a_server_that_speaks_no_tls_is_refused(authority):
    """https to an http port."""
    with FaultyServer([(Send(b"HTTP/1.1 400 Bad Request\r\n\r\n"),)]) as server:
        error = fails(HttpTransport(), server.url().replace("http:", "https:"))
    assert (error.possibly_delivered, str(error).startswith("TLS: ")) == (False, True)


def test_a_handshake_that_never_ends_is_bounded_by_the_deadline():
    """A TCP port that takes connections and says nothing."""
    begin = time.monotonic()
    with FaultyServer([(Hang(),)]) as server:
        error = fails(HttpTransport(), server.url().replace("http:", "https:"), 0.5)
    assert time.monotonic() - begin < 2.0
    assert (error.possibly_delivered, str(error)) == (False, "timed out while connecting")


@pytest.mark.parametrize(
    ("steps", "possibly_delivered"),
    [((ReadHead(), Hang()), False), ((Drip(b"HTTP/1.1 200 OK\r\n" * 9, 0.1),), False)],
    ids=["the body is not read", "drips instead of reading"],
)
def test_a_tls_server_that_does_not_read_is_bounded_by_the_deadline(authority, steps, possibly_delivered):
    """With TLS each record of the body would have a timeout of its own."""
    transport = HttpTransport(ssl_context=authority.client_context())
    with FaultyServer([steps], ssl_context=authority.server_context()) as server:
        begin = time.monotonic()
        with pytest.raises(TransportError, match="timed out while sending") as caught:
            transport.send(post(server.url(), b"x" * 20_000_000), 0.5)
        assert time.monotonic() - begin < 2.0
        transport.close()
    assert caught.value.possibly_delivered is possibly_delivered


def test_a_tls_response_that_drips_is_bounded_by_the_deadline(authority):
    """The hard case once more, through TLS."""
    script = [(*answer()[:1], Drip(b"HTTP/1.1 200 OK\r\n" * 9, 0.1))]
    with FaultyServer(script, ssl_context=authority.server_context()) as server:
        begin = time.monotonic()
        error = fails(HttpTransport(ssl_context=authority.client_context()), server.url(), 0.5)
        assert time.monotonic() - begin < 2.0
    assert error.possibly_delivered


# Proxies


def test_http_goes_through_the_proxy_as_a_whole_url():
    """And the credentials go to the proxy alone."""
    with FaultyServer() as server, RecordingProxy("user:p@ss") as proxy:
        transport = HttpTransport(proxy=f"http://user:p%40ss@127.0.0.1:{proxy.port}")
        assert transport.send(post(server.url("/v1/batch")), 5.0).status == 200
        transport.close()
        [asked], [arrived] = proxy.requests, server.requests
    assert (asked.method, asked.path) == ("POST", server.url("/v1/batch"))
    assert asked.headers["proxy-authorization"] == "Basic " + base64.b64encode(b"user:p@ss").decode()
    assert (arrived.path, arrived.raw_body, arrived.headers["authorization"]) == ("/v1/batch", BODY, "Basic key")


def test_https_goes_through_a_tunnel_that_is_kept(authority):
    """The proxy sees where to, its own credentials, and nothing of the request."""
    with FaultyServer(ssl_context=authority.server_context()) as server, RecordingProxy("user:pass") as proxy:
        transport = HttpTransport(
            proxy=f"http://user:pass@127.0.0.1:{proxy.port}", ssl_context=authority.client_context()
        )
        for _ in range(3):
            assert transport.send(post(server.url("/v1/batch")), 5.0).status == 200
        transport.close()
        [asked] = proxy.requests
        arrived = server.requests
    assert (asked.method, asked.path) == ("CONNECT", f"127.0.0.1:{server.port}")
    assert asked.headers["proxy-authorization"] == "Basic " + base64.b64encode(b"user:pass").decode()
    assert "authorization" not in asked.headers
    assert [request.path for request in arrived] == ["/v1/batch"] * 3
    assert "proxy-authorization" not in arrived[0].headers


def test_a_proxy_that_speaks_tls_itself_is_verified(authority):
    """TLS to the proxy, CONNECT inside it, and TLS to the server inside that."""
    with (
        FaultyServer(ssl_context=authority.server_context()) as server,
        RecordingProxy(ssl_context=authority.server_context()) as proxy,
    ):
        context = authority.client_context()
        transport = HttpTransport(proxy=proxy.url(), ssl_context=context)
        assert transport.send(post(server.url()), 5.0).status == 200
        transport.close()
        assert [request.method for request in proxy.requests] == ["CONNECT"]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("given", ["user:wrong@", ""])
def test_a_proxy_that_wants_other_credentials_is_certainly_not_delivered(authority, scheme, given):
    """HTTP 407 is the proxy's own word, not the endpoint's; the password is not in the error."""
    context = authority.server_context() if scheme == "https" else None
    with FaultyServer(ssl_context=context) as server, RecordingProxy("user:right") as proxy:
        proxy_url = f"http://{given}127.0.0.1:{proxy.port}"
        error = fails(HttpTransport(proxy=proxy_url, ssl_context=authority.client_context()), server.url())
        assert server.requests == []
    assert (error.possibly_delivered, "407" in str(error), "wrong" in str(error)) == (False, True, False)
    assert str(error).startswith("proxy: ")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_certainly_not_delivered(scheme):
    """Its address is not the endpoint's, which the reason says."""
    with RecordingProxy() as proxy:
        pass
    error = fails(HttpTransport(proxy=proxy.url()), f"{scheme}://endpoint.invalid/v1/batch")
    assert (error.possibly_delivered, str(error)) == (False, "proxy: connection refused")


def test_a_tunnel_whose_answer_drips_is_bounded_by_the_deadline():
    """The proxy is a server too."""
    with FaultyServer([(ReadHead(), Drip(b"HTTP/1.1 200 Connection established\r\n", 0.1))]) as proxy:
        begin = time.monotonic()
        error = fails(HttpTransport(proxy=proxy.url()), "https://endpoint.invalid/", 0.5)
        assert time.monotonic() - begin < 2.0
    assert (error.possibly_delivered, str(error)) == (False, "timed out while connecting")


def test_a_tunnel_that_is_refused_is_certainly_not_delivered():
    """Such as by a proxy that cannot reach the endpoint."""
    with FaultyServer([(ReadHead(), Reply(502, b"", reason="Bad Gateway"))]) as proxy:
        error = fails(HttpTransport(proxy=proxy.url()), "https://endpoint.invalid/")
    assert (error.possibly_delivered, "502" in str(error)) == (False, True)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("has_scheme", [True, False], ids=["URL", "host and port"])
def test_the_environment_names_the_proxy(environment, name, has_scheme):
    """In upper and lower case, with a scheme or, as is common, without."""
    with FaultyServer() as server, RecordingProxy("user:pass") as proxy:
        environment.setenv(name, f"{'http://' if has_scheme else ''}user:pass@127.0.0.1:{proxy.port}")
        transport = HttpTransport()
        assert transport.send(post(server.url()), 5.0).status == 200
        transport.close()
        assert len(proxy.requests) == 1


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_the_environment_names_the_proxy_of_https(environment, authority, name):
    """Each scheme has its own, which another scheme's does not replace."""
    with FaultyServer(ssl_context=authority.server_context()) as server, RecordingProxy() as proxy:
        environment.setenv(name, proxy.url())
        environment.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        transport = HttpTransport(ssl_context=authority.client_context())
        assert transport.send(post(server.url()), 5.0).status == 200
        transport.close()
        assert [request.method for request in proxy.requests] == ["CONNECT"]


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize("hosts", ["127.0.0.1", "example.org, 127.0.0.1", "*"])
def test_no_proxy_names_hosts_that_are_reached_directly(environment, name, hosts):
    """As every program reads it."""
    with FaultyServer() as server, RecordingProxy() as proxy:
        environment.setenv("HTTP_PROXY", proxy.url())
        environment.setenv(name, hosts)
        transport = HttpTransport()
        assert transport.send(post(server.url()), 5.0).status == 200
        transport.close()
        assert proxy.requests == []


def test_a_proxy_that_the_program_names_overrules_the_environment(environment):
    """NO_PROXY included: who names a proxy means it."""
    with FaultyServer() as server, RecordingProxy() as proxy:
        environment.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        environment.setenv("NO_PROXY", "*")
        transport = HttpTransport(proxy=proxy.url())
        assert transport.send(post(server.url()), 5.0).status == 200
        transport.close()
        assert len(proxy.requests) == 1


@pytest.mark.parametrize("address", ["socks5://user:secret@127.0.0.1:9", "http://", "http://user:secret@host:port"])
def test_a_proxy_that_cannot_be_used_is_an_error_without_its_password(environment, address):
    """Nothing is sent around a proxy that was meant to be used."""
    environment.setenv("ALL_PROXY", address)
    with FaultyServer() as server:
        error = fails(HttpTransport(), server.url())
        assert (server.connections, error.possibly_delivered) == (0, False)
    assert "secret" not in str(error)


def test_no_warning_is_made(authority):
    """urllib3 warns of requests that are not verified; there must be none."""
    with warnings.catch_warnings(), FaultyServer(ssl_context=authority.server_context()) as server:
        warnings.simplefilter("error")
        transport = HttpTransport(ssl_context=authority.client_context())
        assert transport.send(post(server.url()), 5.0).status == 200
        transport.close()
