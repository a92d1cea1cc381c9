"""What is known of a group, in PostHog's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from fastbatch.messages.checks import Id, put_flag, put_id, put_mapping, put_text, put_timestamp, put_uuid

__all__ = ["GroupIdentify"]


@dataclass(slots=True, kw_only=True)
class GroupIdentify:
    """
    A group's properties: ``type`` and ``key`` are required.

    Args:
        type: Kind of group: ``"company"``.
        key: Which one it is.
        distinct_id: Who says so; None is nobody in particular.
        uuid: The event's id, by which the server knows a repetition.
        disable_geoip: Whether the server must not look up where the event came from; None is the client's setting.

    Shape:
        ``{"groupType": "company", "groupId": "acme", "traits": {"employees": 12}}``
    """

    kind: ClassVar[str] = "group_identify"

    type: str | None = None
    key: Id | None = None
    properties: Mapping[str, Any] | None = None
    distinct_id: Id | None = None
    timestamp: datetime | str | None = None
    uuid: str | UUID | None = None
    disable_geoip: bool | None = None

    def fields(self) -> dict[str, Any]:
        """Return what was given, checked, under Segment's names where it has some; raises `FieldError`."""
        fields: dict[str, Any] = {}
        put_text(fields, self, "type", required=True)
        put_id(fields, self, "key")
        put_id(fields, self, "distinct_id", required=False)
        put_mapping(fields, self, "properties")
        put_timestamp(fields, self)
        put_uuid(fields, self)
        put_flag(fields, self, "disable_geoip")
        fields["groupType"] = fields.pop("type")
        if "properties" in fields:
            fields["traits"] = fields.pop("properties")
        return fields
