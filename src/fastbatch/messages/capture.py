"""An event, in PostHog's words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from fastbatch.messages.checks import Id, put_flag, put_id, put_mapping, put_names, put_text, put_timestamp, put_uuid

__all__ = ["Capture"]


@dataclass(slots=True, kw_only=True)
class Capture:
    """
    An event of PostHog's, and who caused it: ``distinct_id`` and ``event`` are required.

    Args:
        groups: Key of the group of each type that the event belongs to: ``{"company": "acme"}``.
        uuid: The event's id, by which the server knows a repetition.
        set: Properties of the person to set, ``$set``.
        set_once: Properties of the person to set unless they are set already, ``$set_once``.
        disable_geoip: Whether the server must not look up where the event came from; None is the client's setting.
        system: Whether the event says which interpreter and system it comes from; None is yes, unless all it does is to
            set properties of a person.
        keep: Names of the only properties to send, those that the client adds included; None sends all.

    Shape:
        ``{"event": "Order Completed", "userId": "u1", "properties": {"revenue": 39.95}}``
    """

    kind: ClassVar[str] = "capture"

    distinct_id: Id | None = None
    event: str | None = None
    properties: Mapping[str, Any] | None = None
    groups: Mapping[str, Any] | None = None
    timestamp: datetime | str | None = None
    uuid: str | UUID | None = None
    set: Mapping[str, Any] | None = None
    set_once: Mapping[str, Any] | None = None
    disable_geoip: bool | None = None
    system: bool | None = None
    keep: Collection[str] | None = None

    def fields(self) -> dict[str, Any]:
        """Return what was given, checked, under Segment's names where it has some; raises `FieldError`."""
        fields: dict[str, Any] = {}
        put_text(fields, self, "event", required=True)
        put_id(fields, self, "distinct_id")
        put_mapping(fields, self, "properties")
        put_mapping(fields, self, "groups")
        put_mapping(fields, self, "set")
        put_mapping(fields, self, "set_once")
        put_timestamp(fields, self)
        put_uuid(fields, self)
        put_flag(fields, self, "disable_geoip")
        put_flag(fields, self, "system")
        put_names(fields, self, "keep")
        return fields
