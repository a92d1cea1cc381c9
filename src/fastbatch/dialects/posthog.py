"""PostHog's batch endpoint, as its servers and its newest SDKs understand it."""
# ruff: noqa: ARG002 - a method here has the arguments that every dialect's has

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from fastbatch.dialects.base import USER_AGENT, BaseDialect, to_json
from fastbatch.dialects.posthog_events import Events
from fastbatch.dialects.status import StatusTable
from fastbatch.typing import Constants, Envelope, Limits, QuickForm, Response, Stamp, Template, Verdict

__all__ = ["PostHog", "ingestion_host"]

US_HOST = "https://us.i.posthog.com"
EU_HOST = "https://eu.i.posthog.com"

_INGESTION_HOSTS = {
    "https://app.posthog.com": US_HOST,
    "https://us.posthog.com": US_HOST,
    "https://eu.posthog.com": EU_HOST,
}

LONGEST_RETRY_AFTER = 30.0
"""Seconds; PostHog's SDKs cut a server's wish to this."""

EVERY_SERVER_ERROR = frozenset(range(500, 600))


def ingestion_host(host: str) -> str:
    """Return the host that takes events, given the one that people see; without a slash at its end."""
    base = host.strip().rstrip("/") or US_HOST
    return _INGESTION_HOSTS.get(base.lower(), base)


class PostHog(BaseDialect):
    """
    ``POST /batch/`` with ``{"api_key":"...","historical_migration":false,"batch":[...],"sent_at":"..."}``.

    Args:
        historical_migration: True for events of the past, which PostHog then keeps apart from live traffic.
        disable_geoip: Whether the server must not look up where an event came from, unless the message says otherwise.
        super_properties: Part of every event; they win over the event's own.
        is_server: Whether events say that they come from a server.

    Raises:
        ConfigError: When a super property has no JSON form.
    """

    name = "posthog"
    endpoint = US_HOST
    path = "/batch/"
    limits = Limits(batch_size=100, max_message_bytes=921_600, max_batch_bytes=5_242_880)
    statuses = StatusTable(
        retry=EVERY_SERVER_ERROR | {408, 429}, split=frozenset({400, 413}), longest_retry_after=LONGEST_RETRY_AFTER
    )
    reserved: frozenset[str] = frozenset()
    foreign: Mapping[str, str] = {}

    def __init__(
        self,
        *,
        historical_migration: bool = False,
        disable_geoip: bool = True,
        super_properties: Mapping[str, Any] | None = None,
        is_server: bool = True,
    ) -> None:
        self._historical_migration = historical_migration
        owned = json.loads(to_json(dict(super_properties or {}), "super_properties"))
        self._events = Events(disable_geoip=disable_geoip, super_properties=owned, is_server=is_server)

    def base_url(self, endpoint: str) -> str:
        """Return the host that takes events, without the dialect's own path; a prefix of a proxy's own stays."""
        parts = urlsplit(endpoint)
        path = parts.path.rstrip("/").removesuffix(self.path.rstrip("/"))
        return ingestion_host(urlunsplit((parts.scheme, parts.netloc, path, "", "")))

    def headers(self, write_key: str) -> dict[str, str]:
        """Return the headers of every request; the key stands in the body."""
        self._write_key = write_key
        return {"Content-Type": "application/json", "User-Agent": USER_AGENT}

    def template(self, kind: str, given: frozenset[str], constants: Constants) -> Template:
        """Return the bytes around an event's fields; the id comes first, whoever gave it."""
        uuid_ = () if "messageId" in given else (b'"uuid":"', Stamp.MESSAGE_ID, b'",')
        time = () if "timestamp" in given else (b',"timestamp":"', Stamp.TIMESTAMP_US, b'"')
        return _joined(b"{", *uuid_, Stamp.FIELDS, *time, b"}")

    def fields(self, kind: str, fields: dict[str, Any], constants: Constants) -> dict[str, Any]:
        """Return the event that a message is; see `Events`."""
        return self._events.of(kind, fields, constants.context)

    def draft(self, kind: str, fields: dict[str, Any], constants: Constants) -> dict[str, Any]:
        """Return the event as PostHog's SDKs show it to their ``before_send``."""
        return self._events.of(kind, fields, constants.context)

    def revise(self, draft: Mapping[str, Any], message: dict[str, Any]) -> dict[str, Any]:
        """Return the event with a valid id: without one a server could not tell a repetition."""
        return {**message, "uuid": _valid_id(message.get("uuid")) or draft["uuid"]}

    def quick(self, kind: str, constants: Constants) -> QuickForm | None:
        """Return the form of ``[uuid, distinct_id, event, properties]``, with what is constant in it as bytes."""
        if kind != "capture":
            return None
        properties = {**self._events.defaults, **self._events.constants}
        head = (b'{"uuid":', Stamp.VALUE, b',"distinct_id":', Stamp.VALUE, b',"event":', Stamp.VALUE)
        begun = to_json(properties, "super_properties")[:-1]
        tail = (b',"timestamp":"', Stamp.TIMESTAMP_US, b'","properties":' + begun, Stamp.MEMBERS, b"}")
        return QuickForm((*head, *tail), frozenset(properties)) if properties else None

    def envelope(self, write_key: str, sent_at: str) -> Envelope:
        """Return the body's constant bytes: the key, whether these are events of the past, the events, the time."""
        head = {"api_key": write_key, "historical_migration": self._historical_migration}
        return Envelope(
            # As ASCII: a key that is no valid text is the client's to refuse, and must not fail here at every attempt.
            head=json.dumps(head, separators=(",", ":")).encode("ascii")[:-1] + b',"batch":[',
            tail=b'],"sent_at":' + to_json(sent_at, "sent_at") + b"}",
        )

    def verdict(self, response: Response) -> Verdict:
        """Return what ``response`` means; a 200 may say that the project's quota for events is used up."""
        verdict = self.statuses.verdict(response, self._write_key)
        if verdict.outcome == "delivered" and b"quota_limited" in response.body and _is_over_quota(response.body):
            return Verdict("drop", detail="quota_limited: events")
        return verdict


def _joined(*parts: bytes | Stamp) -> Template:
    """Return the parts with neighbouring bytes made one."""
    joined: list[bytes | Stamp] = []
    for part in parts:
        if isinstance(part, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)


def _valid_id(given: object) -> str | None:
    try:
        return str(given if isinstance(given, uuid.UUID) else uuid.UUID(str(given)))
    except ValueError:
        return None


def _is_over_quota(body: bytes) -> bool:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return False
    limited = said.get("quota_limited") if isinstance(said, dict) else None
    return isinstance(limited, list) and "events" in limited
