"""Where flag definitions come from: one GET, unchanged definitions cost a 304."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

from fastbatch.flags.exchange import DEFINITIONS_LIMIT, HEADERS, ask, decode, failure_of
from fastbatch.typing import Request, Transport

__all__ = ["DefinitionsEndpoint", "Fetched"]


class Fetched(NamedTuple):
    """What the endpoint said: ``payload`` is None when the definitions are those of the ETag that was asked about."""

    payload: Any
    etag: str


class DefinitionsEndpoint:
    """
    The definitions endpoint of one project.

    Args:
        project_api_key: Names the project.
        personal_api_key: A personal key, or a project's secret key; sent as a Bearer token.
        endpoint: Base URL.
        transport: Carries the requests.
        timeout: The longest that one request may take, seconds.
    """

    def __init__(
        self, project_api_key: str, personal_api_key: str, endpoint: str, transport: Transport, timeout: float
    ) -> None:
        token = quote(project_api_key, safe="")
        self._url = f"{endpoint.rstrip('/')}/flags/definitions?token={token}&send_cohorts"
        self._headers = {**HEADERS, "Authorization": f"Bearer {personal_api_key}", "Accept-Encoding": "gzip"}
        self._secrets = project_api_key, personal_api_key
        self._transport = transport
        self._timeout = timeout

    def fetch(self, etag: str) -> Fetched:
        """
        Return the definitions as the server sent them, unless they are still those of ``etag``.

        Raises:
            FlagsError: When there are none; ``status`` is the server's, if it answered.
        """
        headers = {**self._headers, "If-None-Match": etag} if etag else self._headers
        request = Request("GET", self._url, headers, b"", DEFINITIONS_LIMIT)
        response = ask(self._transport, request, self._timeout)
        new_etag = response.headers.get("etag", "")
        if etag and response.status == HTTPStatus.NOT_MODIFIED:
            return Fetched(None, new_etag or etag)
        if response.status != HTTPStatus.OK:
            raise failure_of(response, *self._secrets)
        return Fetched(decode(response, DEFINITIONS_LIMIT), new_etag if new_etag.isprintable() else "")

    def close(self) -> None:
        """Let go of the connection."""
        self._transport.close()
