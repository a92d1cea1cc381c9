"""What every test may use: both backends, clients that are closed and audited, a server that does as told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fastbatch.core
from fastbatch import Client
from fastbatch.testing import assert_conserved
from tests.support.faulty_server import FaultyServer

# One that the environment asks for is tested alone.
BACKENDS = [os.environ["FASTBATCH_BACKEND"]] if os.environ.get("FASTBATCH_BACKEND") else ["native", "pure"]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a backend, which clients made during the test use."""
    name: str = request.param
    if name == "native" and fastbatch.core.NATIVE_PROBLEM is not None:
        pytest.skip(f"no native core: {fastbatch.core.NATIVE_PROBLEM}")
    monkeypatch.setattr(fastbatch.core, "BACKEND", name)
    return name


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    """A server that answers 200, until the test says otherwise by `FaultyServer.then`."""
    with FaultyServer() as running:
        yield running


@pytest.fixture
def make_client(backend: str, server: FaultyServer) -> Iterator[Callable[..., Client]]:
    """Makes clients of `server`, on each backend; in the end each is closed, and its account must add up."""
    clients = []

    def make(write_key: str = "WK", **settings: Any) -> Client:
        if "transport" not in settings:
            settings.setdefault("endpoint", server.url())
        client = Client(write_key, **settings)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close(timeout=5.0)
        assert_conserved(client)
        assert client.stats().queued == client.stats().in_flight == 0
