"""A screen of an application that someone saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from fastbatch.messages.checks import Id, put_any_id, put_common, put_mapping, put_text

__all__ = ["Screen"]


@dataclass(slots=True, kw_only=True)
class Screen:
    """
    A screen view; one of the ids is required.

    Shape:
        ``{"userId": "u1", "name": "Pricing", "category": "Docs", "properties": {"url": "https://..."}}``
    """

    kind: ClassVar[str] = "screen"

    user_id: Id | None = None
    anonymous_id: Id | None = None
    name: str | None = None
    category: str | None = None
    properties: Mapping[str, Any] | None = None
    context: Mapping[str, Any] | None = None
    integrations: Mapping[str, Any] | None = None
    timestamp: datetime | str | None = None
    message_id: str | None = None

    def fields(self) -> dict[str, Any]:
        """Return what was given, checked, under the names of the wire; raises `FieldError`."""
        fields: dict[str, Any] = {}
        put_any_id(fields, self)
        put_text(fields, self, "name")
        put_text(fields, self, "category")
        put_mapping(fields, self, "properties")
        put_common(fields, self)
        return fields
