"""
HTTP by urllib3, and the only importer of it.

urllib3 does what is easily got wrong: TLS, proxies, keep-alive. What it would do on its own account is turned off: no
retry, no redirect, no decoding, no draining of a response that does not end.
"""

from __future__ import annotations

import codecs
import contextlib
import http.client
import os
import queue
import socket
import ssl
import threading
import time
from collections import deque
from typing import Any, NamedTuple

import urllib3
import urllib3.connection
from urllib3.exceptions import HTTPError, ProxyError
from urllib3.util import parse_url

from fastbatch.errors import ConfigError, TransportError
from fastbatch.transports.deadline import ATTEMPT, Stage, TimedSocket
from fastbatch.transports.proxies import Proxy, proxy_for
from fastbatch.transports.reasons import kind, reason
from fastbatch.typing import Request, Response

__all__ = ["HttpTransport"]

POOL_SIZE = 64
"""As many as `Config.senders` may be."""
IDLE_SECONDS = 50.0
"""The longest that a connection is kept unused: many servers and NAT devices forget it after 60 s."""
ROUTES = 32
"""Different URLs that are remembered; a client has one to three."""

# What looks a host up imports it at its first use. A fork at that moment would leave the import's lock taken in the
# child, whose senders would wait for it for ever.
codecs.lookup("idna")

_NO_RETRIES = urllib3.Retry(False, redirect=False)
_FAILURES = (HTTPError, http.client.HTTPException, OSError, ValueError)
"""What a request may end in; ValueError is a header or a URL that HTTP has no form for."""


class HttpTransport:
    """
    Sends requests over kept-alive connections, one per thread that sends at the same time.

    ``timeout`` bounds an attempt as a whole, from connecting to the last byte of the response; only the name look-up is
    the operating system's. A response counts as soon as its status and headers are there: should its body be cut off,
    or the deadline come first, the body is what could be read, perhaps nothing.

    Args:
        proxy:
            URL of the proxy for every request; None takes HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, read when a
            URL is first used.

        ca_file: PEM file of the certificate authorities to trust instead of the system's.

        ssl_context: Used as it is, client certificate and all; it has to verify.

        pool_size: Idle connections kept for each host.

    Raises:
        ConfigError: For a ``ca_file`` without certificates, or an ``ssl_context`` that verifies nothing.

    Thread safety:
        Any number of threads. After a fork the child opens connections of its own and leaves the parent's alone.
        `close` may be called at any time and again; a later `send` opens new connections.
    """

    def __init__(
        self,
        proxy: str | None = None,
        ca_file: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        pool_size: int = POOL_SIZE,
    ) -> None:
        if ssl_context is not None and ssl_context.verify_mode is not ssl.CERT_REQUIRED:
            raise ConfigError("ssl_context", ssl_context.verify_mode, "a context with verify_mode CERT_REQUIRED")
        self._way = proxy, ca_file, ssl_context
        if ca_file is not None:
            ssl_context = _trusting(ca_file)
        self._settings = _Settings(proxy, ssl_context, pool_size)
        self._routes = _Routes(self._settings)

    def send(self, request: Request, timeout: float) -> Response:
        """
        Return the response, whatever its status, within ``timeout`` seconds.

        Raises:
            TransportError: When there was no response; ``possibly_delivered`` is True once all bytes of the request
                were on their way.
        """
        ATTEMPT.begin(timeout)
        body: Any = request.body or None  # urllib3 takes any buffer, and its types do not say so
        try:
            ATTEMPT.remaining()
            route = self._current_routes().find(request.url)
            response = route.pool.urlopen(
                request.method,
                route.target,
                body=body,
                headers=dict(request.headers),
                retries=_NO_RETRIES,
                redirect=False,
                assert_same_host=False,
                timeout=timeout,
                preload_content=False,
                decode_content=False,
                enforce_content_length=False,
            )
        except _FAILURES as error:
            # Not chained: urllib3's texts may quote a header, and with it the key.
            raise TransportError(_describe(error), possibly_delivered=ATTEMPT.request_left, kind=kind(error)) from None
        return _read(response, route, request.max_response_bytes)

    def twin(self) -> HttpTransport:
        """Return a transport that reaches servers in the same way, over connections of its own."""
        return HttpTransport(*self.way)

    @property
    def way(self) -> tuple[str | None, str | None, ssl.SSLContext | None]:
        """What decides how a server is reached: equal for transports that may stand in for each other."""
        return self._way

    def close(self) -> None:
        """Close the idle connections; those in use are closed when their response is complete."""
        routes, self._routes = self._routes, _Routes(self._settings)
        if routes.pid == os.getpid():
            routes.close()

    def _current_routes(self) -> _Routes:
        routes = self._routes
        if routes.pid != os.getpid():
            # A fork: the connections and the lock are the parent's, in whatever state. Forgetting them closes this
            # process's copies of the descriptors and says nothing to the server.
            routes = self._routes = _Routes(self._settings)
        return routes


class _Settings(NamedTuple):
    proxy: str | None
    ssl_context: ssl.SSLContext | None
    pool_size: int


class _Route(NamedTuple):
    pool: urllib3.HTTPConnectionPool
    target: str
    """What stands in the request line: a path, or the whole URL for a proxy that forwards."""
    is_forwarded: bool


class _Routes:
    """From URLs to connection pools, as one process sees them."""

    def __init__(self, settings: _Settings) -> None:
        self.pid = os.getpid()
        self._settings = settings
        self._ssl_context = settings.ssl_context
        self._lock = threading.Lock()
        self._found: dict[str, _Route] = {}
        self._managers: dict[tuple[Proxy | None, bool], urllib3.PoolManager] = {}

    def find(self, url: str) -> _Route:
        return self._found.get(url) or self._make(url)

    def close(self) -> None:
        with self._lock:
            self._clear()

    def _make(self, url: str) -> _Route:
        with self._lock:
            if len(self._found) >= ROUTES:
                self._clear()
            parts = parse_url(url)
            proxy = proxy_for(url, self._settings.proxy)
            manager = self._manager(proxy, is_tls=parts.scheme == "https")
            is_forwarded = proxy is not None and parts.scheme == "http"
            target = parts._replace(fragment=None).url if is_forwarded else parts.request_uri
            route = self._found[url] = _Route(manager.connection_from_url(url), target, is_forwarded)
            return route

    def _manager(self, proxy: Proxy | None, is_tls: bool) -> urllib3.PoolManager:
        is_tls = is_tls or (proxy is not None and proxy.url.startswith("https:"))
        manager = self._managers.get((proxy, is_tls))
        if manager is None:
            manager = self._managers[proxy, is_tls] = self._new_manager(proxy, self._context() if is_tls else None)
        return manager

    def _context(self) -> ssl.SSLContext:
        # Not before it is needed: loading the system's authorities is slow.
        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        return self._ssl_context

    def _new_manager(self, proxy: Proxy | None, context: ssl.SSLContext | None) -> urllib3.PoolManager:
        pools: dict[str, Any] = {"num_pools": ROUTES, "maxsize": self._settings.pool_size, "ssl_context": context}
        manager: urllib3.PoolManager
        if proxy is None:
            manager = urllib3.PoolManager(**pools)
        else:
            headers = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else None
            manager = urllib3.ProxyManager(proxy.url, proxy_headers=headers, proxy_ssl_context=context, **pools)
        manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
        return manager

    def _clear(self) -> None:
        for manager in self._managers.values():
            manager.clear()
        self._managers.clear()
        self._found.clear()


class _IdleConnections(queue.LifoQueue[Any]):
    """
    The idle connections of one host, the last used on top.

    urllib3's own takes locks twice a request, which a fork may find taken, and logs a warning when it is full. This one
    never waits, and rests on ``deque`` being atomic.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._idle: deque[tuple[float, Any]] = deque()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: ARG002 - the signature is urllib3's
        try:
            since, connection = self._idle.pop()
        except IndexError:
            raise queue.Empty from None
        if time.monotonic() - since > IDLE_SECONDS:
            connection.close()  # it connects anew when it is used
        return connection

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002 - the same
        if item is None:
            return  # urllib3's placeholder for a connection yet to be made
        if len(self._idle) < self.maxsize:
            self._idle.append((time.monotonic(), item))
        else:
            item.close()

    def qsize(self) -> int:
        return len(self._idle)


class _Timed:
    """What makes a urllib3 connection keep to the attempt's deadline and note how far it came."""

    host: str
    port: int
    timeout: float | None
    _timed_socket: TimedSocket | None = None

    @property
    def sock(self) -> Any:
        return self._timed_socket

    @sock.setter
    def sock(self, sock: Any) -> None:
        # urllib3 assigns the TCP socket first, and the TLS socket after the handshake.
        self._timed_socket = None if sock is None else TimedSocket(sock)

    def connect(self) -> None:
        ATTEMPT.stage = Stage.CONNECTING
        # urllib3 gives each address of a name the whole timeout; with equal shares the last one still has a chance.
        self.timeout = ATTEMPT.remaining() / _count_addresses(self.host, self.port)
        super().connect()  # type: ignore[misc]
        ATTEMPT.stage = Stage.SENDING

    def request(self, *args: Any, **kwargs: Any) -> None:
        ATTEMPT.stage = Stage.SENDING
        # A server that closes early has perhaps answered first, such as with a 413: urllib3 goes on to look for that.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            super().request(*args, **kwargs)  # type: ignore[misc]
            ATTEMPT.stage = Stage.WAITING


def _count_addresses(host: str, port: int) -> int:
    return max(1, len(socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)))


class _HttpConnection(_Timed, urllib3.connection.HTTPConnection):  # pyright: ignore[reportIncompatibleVariableOverride]
    pass


class _HttpsConnection(_Timed, urllib3.connection.HTTPSConnection):  # pyright: ignore[reportIncompatibleVariableOverride]
    pass


# urllib3-future, which niquests installs in the place of urllib3, has a queue of its own and takes no other.
_QUEUE: Any = urllib3.HTTPConnectionPool.QueueCls
if issubclass(_QUEUE, queue.LifoQueue):
    _QUEUE = _IdleConnections


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection  # pyright: ignore[reportAssignmentType]
    QueueCls = _QUEUE


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection  # pyright: ignore[reportAssignmentType]
    QueueCls = _QUEUE


def _trusting(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError):
        raise ConfigError("ca_file", ca_file, "the path of a PEM file with certificates") from None


def _read(response: urllib3.BaseHTTPResponse, route: _Route, most: int) -> Response:
    """Return ``response`` with at most ``most`` bytes of its body; only a complete one keeps its connection."""
    cut = ""
    try:
        _refuse_what_is_no_answer(response.status, route)
        body = response.read(most + 1, decode_content=False)
    except _FAILURES as error:
        body = b""  # for a batch the status says it all
        cut = "timeout" if kind(error) == "timeout" else "network"
    finally:
        # urllib3 has taken the connection back if the body ended.
        if response.connection is not None:
            response.close()
            response.release_conn()
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Response(response.status, headers, body[:most], "too long" if len(body) > most else cut)


def _refuse_what_is_no_answer(status: int, route: _Route) -> None:
    if status < 200:
        # The answer proper would follow on this connection and be taken for the next request's.
        raise TransportError(f"HTTP {status} came instead of a final response", possibly_delivered=True)
    if status == http.HTTPStatus.PROXY_AUTHENTICATION_REQUIRED and route.is_forwarded:
        raise TransportError("proxy: HTTP 407, it wants other credentials", possibly_delivered=False)


def _describe(error: Exception) -> str:
    text = reason(error, ATTEMPT.stage)
    return f"proxy: {text}" if isinstance(error, ProxyError) else text
