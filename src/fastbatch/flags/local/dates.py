"""Dates: absolute ones in ISO 8601, and relative ones such as ``-30d``, counted back from now."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone

__all__ = ["bound_of", "comparable", "moment"]

_RELATIVE = re.compile(r"-?(0*[0-9]{1,4})([hdwmy])\n?")
_YEAR = re.compile(r"\d{4}")
_SPACED_OFFSET = re.compile(r" ([+-]\d{2}:\d{2})$")

_FIXED = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def bound_of(text: str) -> Callable[[datetime], datetime]:
    """
    Return the function that turns now into the date that a filter means.

    It raises ValueError or OverflowError when there is no such date: before the year 1, or no date at all.
    """
    relative = _RELATIVE.fullmatch(text)
    if not relative:
        if _YEAR.fullmatch(text.strip()):
            return lambda now: moment(text, now)
        fixed = moment(text, datetime.now(timezone.utc))
        return lambda _: fixed
    count, unit = int(relative[1]), relative[2]
    if unit in _FIXED:
        span = count * _FIXED[unit]
        return lambda now: now - span
    return (lambda now: _months_before(now, count)) if unit == "m" else (lambda now: _years_before(now, count))


def moment(text: str, now: datetime) -> datetime:
    """
    Return the moment that ISO 8601 text says, UTC unless it says otherwise; four digits are a year, on today's day.

    Raises:
        ValueError: The text is no date.
    """
    text = text.strip()
    if text.endswith("Z"):
        text = text[:-1] + "+00:00"
    elif text[-4:].upper() == " UTC":
        text = text[:-4] + "+00:00"
    elif len(text) == 4 and _YEAR.fullmatch(text):
        return datetime(int(text), now.month, now.day, tzinfo=timezone.utc)
    elif " " in text:
        text = _SPACED_OFFSET.sub(r"\1", text)
    return _aware(datetime.fromisoformat(text))


def comparable(value: object, bound: datetime, now: datetime) -> tuple[date, date] | None:
    """Return a property and the bound in one kind, moments or days; None when the property is no date."""
    if isinstance(value, datetime):
        return _aware(value), bound
    if isinstance(value, date):
        return value, bound.date()
    if isinstance(value, str):
        try:
            return moment(value, now), bound
        except ValueError:
            pass
    return None


def _aware(value: datetime) -> datetime:
    return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value


def _months_before(now: datetime, count: int) -> datetime:
    """Go back month by month, so that the day is cut to each month on the way: 31 March, 28 February, 28 January."""
    last = now.year * 12 + now.month - 1
    first = last - count
    day = now.day
    for index in range(last - 1, first - 1, -1) if first >= 12 else ():
        if day <= 28:
            break
        day = min(day, monthrange(index // 12, index % 12 + 1)[1])
    return now.replace(year=first // 12, month=first % 12 + 1, day=day)


def _years_before(now: datetime, count: int) -> datetime:
    leap_day = count and (now.month, now.day) == (2, 29)
    return now.replace(year=now.year - count, day=28 if leap_day else now.day)
