"""A client's share in flag definitions: none, or a lease of the poller that keeps them."""

from __future__ import annotations

import logging

from fastbatch.flags.endpoint import DefinitionsEndpoint
from fastbatch.flags.poller import Poller
from fastbatch.flags.pollers import POLLERS, Lease
from fastbatch.flags.provider import FlagDefinitionCacheProvider, SharedDefinitions
from fastbatch.transports.http import HttpTransport
from fastbatch.typing import Request, Response, Transport

__all__ = ["DEFINITIONS_TIMEOUT", "Source"]

DEFINITIONS_TIMEOUT = 10.0
"""The longest that one request for definitions may take, seconds."""


class Source:
    """
    Where a client's flag definitions come from.

    Args:
        project_api_key: Names the project.
        personal_api_key: May read its definitions.
        endpoint: Base URL.
        transport: How the server is reached.
        interval: Seconds between two polls; None never polls, and loads by hand alone.
        logger: Hears of trouble.
        provider: Where definitions are shared with other processes, if they are.
    """

    def __init__(  # noqa: PLR0913, PLR0917 what a poller is known by
        self,
        project_api_key: str,
        personal_api_key: str,
        endpoint: str,
        transport: Transport,
        interval: float | None,
        logger: logging.Logger,
        provider: FlagDefinitionCacheProvider | None,
    ) -> None:
        way = transport.way if isinstance(transport, HttpTransport) else id(transport)
        key = endpoint.rstrip("/"), project_api_key, personal_api_key, interval, way, id(provider)

        def make() -> Poller:
            own = transport.twin() if isinstance(transport, HttpTransport) else _Borrowed(transport)
            where = DefinitionsEndpoint(project_api_key, personal_api_key, endpoint, own, DEFINITIONS_TIMEOUT)
            shared = None if provider is None else SharedDefinitions(provider, logger)
            return Poller(where, interval, logger, shared)

        self._lease: Lease = POLLERS.lease(key, make)
        self.poller = self._lease.poller

    def close(self) -> None:
        """Give the poller back; the definitions that are there stay."""
        self._lease.release()


class _Borrowed:
    """A program's own transport, which the program closes."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def send(self, request: Request, timeout: float) -> Response:
        return self._transport.send(request, timeout)

    def close(self) -> None:
        """Do nothing."""
