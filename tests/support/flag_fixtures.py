"""Fixtures for tests of flags over a network; a conftest imports them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fastbatch.flags.call import FlagCall
from fastbatch.flags.service import Flags
from fastbatch.transports.http import HttpTransport
from tests.support.flag_server import FlagServer

PROJECT = "phc_project"
PERSONAL = "phx_personal"


@pytest.fixture
def flag_server() -> Iterator[FlagServer]:
    """A server of flags, without any."""
    with FlagServer() as running:
        yield running


@pytest.fixture
def calls() -> list[FlagCall]:
    """The events that flags of `make_flags` had captured."""
    return []


@pytest.fixture
def make_flags(flag_server: FlagServer, calls: list[FlagCall]) -> Iterator[Callable[..., Flags]]:
    """Makes flags of `flag_server`, with a personal key unless told otherwise; in the end each is closed."""
    made = []

    def make(personal_api_key: str | None = PERSONAL, **settings: Any) -> Flags:
        endpoint = settings.pop("endpoint", flag_server.url())
        transport = settings.pop("transport", None) or HttpTransport()
        settings.setdefault("logger", logging.getLogger("fastbatch"))
        settings.setdefault("on_called", calls.append)
        settings.setdefault("poll_interval", 3600.0)
        flags = Flags(settings.pop("project_api_key", PROJECT), endpoint, personal_api_key, transport, **settings)
        made.append((flags, transport))
        return flags

    yield make
    for flags, transport in made:
        flags.close()
        transport.close()
