"""The time of a message, as RFC 3339 text in UTC with microseconds: ``2026-11-21T10:09:52.945123Z``."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

__all__ = ["to_utc_text"]

_RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII
)

_FRESH = timedelta(seconds=5)


def to_utc_text(value: datetime | str) -> str:
    """
    Return ``value`` in UTC; digits below the microsecond are cut.

    A datetime without a zone is guessed as Segment's and RudderStack's Python clients do: it is local when it is less
    than five seconds from now, as ``datetime.now()`` is, and UTC otherwise.

    Raises:
        TypeError: When it is neither a datetime nor text.
        ValueError, OverflowError: When it is no time, or one outside the years 1 to 9999.
    """
    if isinstance(value, str):
        moment = _parsed(value)
    elif isinstance(value, datetime):
        moment = _with_zone(value)
    else:
        raise TypeError("neither a datetime nor text")
    text = moment.astimezone(timezone.utc).isoformat(timespec="microseconds")
    return text.removesuffix("+00:00") + "Z"


def _parsed(text: str) -> datetime:
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise ValueError("not RFC 3339")
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
    microsecond = (fraction or "")[:6].ljust(6, "0")
    clock = datetime(*map(int, (year, month, day, hour, minute, second, microsecond)), tzinfo=timezone.utc)  # type: ignore[arg-type,misc]
    if sign is None:
        return clock
    offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
    return clock - offset if sign == "+" else clock + offset


def _with_zone(value: datetime) -> datetime:
    if value != value:  # noqa: PLR0124 - so is pandas' NaT, which says that it is a datetime
        raise ValueError("not a time")
    if value.utcoffset() is not None:
        return value
    # The zone is dropped first: one without an offset cannot be compared with a naive now.
    value = value.replace(tzinfo=None)
    is_fresh = abs(datetime.now() - value) < _FRESH
    return value.astimezone() if is_fresh else value.replace(tzinfo=timezone.utc)
