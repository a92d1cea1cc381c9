"""Clients for PostHog on each backend, and a real server that keeps what it gets."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fastbatch.posthog import Posthog
from fastbatch.testing import assert_conserved
from tests.support.faulty_server import FaultyServer

SRC = str(Path(__file__).resolve().parents[2] / "src")
QUIET = 3600.0
"""An interval that no test waits for."""


@pytest.fixture
def make_posthog(backend: str, server: FaultyServer) -> Iterator[Callable[..., Posthog]]:
    """Makes clients of `server`; in the end each is shut down, and its account must add up."""
    clients = []

    def make(key: str | None = "phc_test", **settings: Any) -> Posthog:
        if "transport" not in settings and "endpoint" not in settings:
            settings.setdefault("host", server.url())
        posthog = Posthog(key, **{"interval": QUIET, **settings})
        clients.append(posthog)
        return posthog

    yield make
    for posthog in clients:
        posthog.shutdown(5.0)
        assert_conserved(posthog.client)
        assert posthog.stats().queued == posthog.stats().in_flight == 0


@pytest.fixture
def posthog(make_posthog: Callable[..., Posthog]) -> Posthog:
    """One that raises what it refuses."""
    return make_posthog(debug=True)


@pytest.fixture
def sent(server: FaultyServer) -> Callable[..., list[dict[str, Any]]]:
    """A function that flushes clients and returns the events that arrived so far."""

    def events(*clients: Posthog) -> list[dict[str, Any]]:
        for client in clients:
            result = client.flush(5.0)
            assert result is not None
            assert result.pending == 0
        batches = [request for request in server.requests if request.path == "/batch/"]
        return [event for request in batches for event in request.json["batch"]]

    return events


Run = Callable[..., "subprocess.CompletedProcess[str]"]


def _run(text: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", text, *arguments],
        env={**os.environ, "PYTHONPATH": SRC, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def run_program() -> Run:
    """A function that runs a program's text in a process of its own."""
    return _run


@pytest.fixture
def run_on_backend(backend: str) -> Run:
    """The same, on the backend of the test."""
    return lambda text, *arguments: _run(text, *arguments, FASTBATCH_BACKEND=backend)
