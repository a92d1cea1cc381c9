"""What the server and a vendor's paths say to each other: a request, its answer, and the row of a path."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING, Any, NamedTuple

from fastbatch.collector.bodies import WireError, inflate

if TYPE_CHECKING:
    from fastbatch.collector.flag_file import FlagFile
    from fastbatch.collector.store import Store

__all__ = ["Answer", "Request", "Route", "Rules", "Service"]


class Rules(NamedTuple):
    """What the server asks of requests."""

    write_key: str | None
    """None takes any key that is not empty."""
    max_body_bytes: int
    """Of a body, both as sent and without its content encoding."""
    personal_api_key: str | None = None
    """What the definitions of flags are given for; None takes any."""

    def admits(self, key: str) -> bool:
        """Return whether events may come with this write key."""
        return self.write_key is None or hmac.compare_digest(key.encode(), self.write_key.encode())


class Service(NamedTuple):
    """What all requests share."""

    store: Store
    rules: Rules
    flags: FlagFile


class Answer(NamedTuple):
    """One response; a mapping is sent as JSON, bytes are JSON already."""

    status: int
    body: Mapping[str, Any] | bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Request:
    """One request to a known path."""

    headers: Message
    query: Mapping[str, str]
    """Of a name that is there twice, the last."""
    values: Mapping[str, str]
    """What stands where the path's row has a name in braces."""
    service: Service
    read: Callable[[], bytes]
    """Reads the body as it was sent."""

    def body(self, encodings: Collection[str]) -> bytes:
        """Return the body without its content encoding, which must be one of ``encodings``."""
        encoding = self.headers["Content-Encoding"] or "identity"
        return inflate(self.read(), encoding, self.service.rules.max_body_bytes, encodings)


class Route(NamedTuple):
    """A row of the table: what answers a request, and how the vendor's server says that one is bad."""

    answer: Callable[[Request], Answer]
    refuse: Callable[[WireError], Answer]
