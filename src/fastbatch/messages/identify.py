"""What is known of someone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from fastbatch.messages.checks import Id, put_any_id, put_common, put_mapping

__all__ = ["Identify"]


@dataclass(slots=True, kw_only=True)
class Identify:
    """
    A user's traits; one of the ids is required.

    Shape:
        ``{"userId": "u1", "traits": {"plan": "pro"}}``
    """

    kind: ClassVar[str] = "identify"

    user_id: Id | None = None
    anonymous_id: Id | None = None
    traits: Mapping[str, Any] | None = None
    context: Mapping[str, Any] | None = None
    integrations: Mapping[str, Any] | None = None
    timestamp: datetime | str | None = None
    message_id: str | None = None

    def fields(self) -> dict[str, Any]:
        """Return what was given, checked, under the names of the wire; raises `FieldError`."""
        fields: dict[str, Any] = {}
        put_any_id(fields, self)
        put_mapping(fields, self, "traits")
        put_common(fields, self)
        return fields
