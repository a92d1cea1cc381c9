"""What the tests of the client share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fastbatch import Client
from fastbatch.core.quick import IS_IN_C
from fastbatch.testing import CapturingTransport, assert_conserved
from tests.support.quick_track import InPython, opened
from tests.support.transports import ScriptedTransport

QUIET = 3600.0
"""An interval that no test waits for."""


@pytest.fixture
def transport(make_client: Callable[..., Client]) -> Iterator[ScriptedTransport]:
    """A transport that answers 200 unless told otherwise, and that is released before the clients are closed."""
    scripted = ScriptedTransport()
    yield scripted
    scripted.release()


@pytest.fixture
def scripted(make_client: Callable[..., Client]) -> Iterator[Callable[..., tuple[Client, ScriptedTransport]]]:
    """Makes a client whose transport follows a script; the interval is an hour, and retries do not wait."""
    transports = []

    def make(*script: Any, default: Any = 200, **settings: Any) -> tuple[Client, ScriptedTransport]:
        transport = ScriptedTransport(*script, default=default)
        transports.append(transport)
        settings = {"interval": QUIET, "retry_after": lambda attempt: 0.0, **settings}
        return make_client(transport=transport, **settings), transport

    yield make
    for transport in transports:
        transport.release()


@pytest.fixture
def elapsed() -> Callable[[], float]:
    """A function that returns the seconds since the test began."""
    began = time.monotonic()
    return lambda: time.monotonic() - began


IMPLEMENTATIONS = [*([pytest.param(Client, id="c")] if IS_IN_C else []), pytest.param(InPython, id="python")]


@pytest.fixture(params=IMPLEMENTATIONS)
def implementation(request: pytest.FixtureRequest, backend: str) -> type[Client]:
    """A class of clients with a quick way of `track`, on each backend."""
    return request.param


@pytest.fixture
def make_quick(implementation: type[Client]) -> Iterator[Callable[..., tuple[Client, CapturingTransport]]]:
    """Makes clients and their transports; in the end each is closed, and its account must add up."""
    clients = []

    def make(**settings: Any) -> tuple[Client, CapturingTransport]:
        client, transport = opened(implementation, **settings)
        clients.append(client)
        return client, transport

    yield make
    for client in clients:
        client.close(timeout=5.0)
        assert_conserved(client)
