"""Two ids of the same user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from fastbatch.messages.checks import Id, put_common, put_id

__all__ = ["Alias"]


@dataclass(slots=True, kw_only=True)
class Alias:
    """
    One user's new and former id, both required.

    Shape:
        ``{"userId": "u1", "previousId": "visitor-7"}``
    """

    kind: ClassVar[str] = "alias"

    user_id: Id | None = None
    previous_id: Id | None = None
    context: Mapping[str, Any] | None = None
    integrations: Mapping[str, Any] | None = None
    timestamp: datetime | str | None = None
    message_id: str | None = None

    def fields(self) -> dict[str, Any]:
        """Return what was given, checked, under the names of the wire; raises `FieldError`."""
        fields: dict[str, Any] = {}
        put_id(fields, self, "user_id")
        put_id(fields, self, "previous_id")
        put_common(fields, self)
        return fields
