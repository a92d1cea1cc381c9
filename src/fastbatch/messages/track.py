"""Something that someone did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from fastbatch.messages.checks import Id, put_any_id, put_common, put_mapping, put_text

__all__ = ["Track"]


@dataclass(slots=True, kw_only=True)
class Track:
    """
    An event, and who caused it: ``event`` and one of the ids are required.

    Shape:
        ``{"event": "Order Completed", "userId": "u1", "properties": {"revenue": 39.95}}``
    """

    kind: ClassVar[str] = "track"

    user_id: Id | None = None
    anonymous_id: Id | None = None
    event: str | None = None
    properties: Mapping[str, Any] | None = None
    context: Mapping[str, Any] | None = None
    integrations: Mapping[str, Any] | None = None
    timestamp: datetime | str | None = None
    message_id: str | None = None

    def fields(self) -> dict[str, Any]:
        """Return what was given, checked, under the names of the wire; raises `FieldError`."""
        fields: dict[str, Any] = {}
        put_text(fields, self, "event", required=True)
        put_any_id(fields, self)
        put_mapping(fields, self, "properties")
        put_common(fields, self)
        return fields
