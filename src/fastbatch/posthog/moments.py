"""The time of an event as programs of the posthog package give it."""

from __future__ import annotations

import re
from datetime import datetime

from fastbatch.messages.timestamp import to_utc_text

__all__ = ["utc_text"]

_DATE = re.compile(r"\d{4}-?\d\d-?\d\d")
_COMPACT_OFFSET = re.compile(r"([+-]\d\d)(\d\d)$")


def utc_text(value: object) -> str | None:
    """
    Return a datetime, or ISO 8601 text with a time of day, in UTC; None when it is neither.

    Without a zone it is local when it is less than five seconds from now, and UTC otherwise.
    """
    try:
        if isinstance(value, str):
            if _DATE.fullmatch(value):
                return None  # it has no time of day
            value = datetime.fromisoformat(_COMPACT_OFFSET.sub(r"\1:\2", value.replace("Z", "+00:00")))
        return to_utc_text(value) if isinstance(value, datetime) else None
    except (ValueError, OverflowError):
        return None
