"""One HTTP request to a collector, and what came back."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

__all__ = ["Reply", "ask"]


class Reply(NamedTuple):
    """Status, headers and the JSON of an answer; None for an empty body."""

    status: int
    headers: Mapping[str, str]
    json: Any


def ask(url: str, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
    """Make one request on a connection of its own; a body that is not bytes is sent as JSON."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    try:
        connection.request(method, path, sent, dict(headers or {}))
        response = connection.getresponse()
        text = response.read()
        return Reply(response.status, dict(response.getheaders()), json.loads(text) if text else None)
    finally:
        connection.close()
