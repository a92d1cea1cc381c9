"""A message's timestamp becomes RFC 3339 text in UTC."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest

from fastbatch.errors import FieldError
from fastbatch.messages import Identify

KOLKATA = timezone(timedelta(hours=5, minutes=30))


class NoOffset(tzinfo):
    def utcoffset(self, moment: datetime | None) -> None:
        return None


class NotATime(datetime):
    """Stands in for pandas' NaT."""

    def __ne__(self, other: object) -> bool:
        return True


def rendered(value: Any) -> str:
    return Identify(user_id="u", timestamp=value).fields()["timestamp"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), "2026-01-02T03:04:05.000000Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=KOLKATA), "2026-01-01T21:34:05.000006Z"),
        (datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05.000000Z"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=NoOffset()), "2026-01-02T03:04:05.000000Z"),
        (datetime(1, 1, 1), "0001-01-01T00:00:00.000000Z"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"),
        ("2026-01-02t03:04:05.5z", "2026-01-02T03:04:05.500000Z"),
        ("2026-01-02 03:04:05.123456789+05:30", "2026-01-01T21:34:05.123456Z"),
        ("2026-01-01T21:34:05-05:30", "2026-01-02T03:04:05.000000Z"),
        ("2024-02-29T23:59:59.999999-00:00", "2024-02-29T23:59:59.999999Z"),
    ],
)
def test_a_timestamp_is_rendered_in_utc_with_microseconds(value: Any, text: str) -> None:
    """The vendors compare it with sentAt, so that a zone of its own would shift the event."""
    assert rendered(value) == text


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(seconds=3), timedelta(seconds=-3)])
def test_a_naive_datetime_of_now_is_local(ago: timedelta) -> None:
    """``datetime.now()`` is what most programs pass, and the Python peers guess it so."""
    naive = datetime.now() - ago
    assert rendered(naive) == rendered(naive.astimezone())


@pytest.mark.parametrize(
    "value",
    [
        date(2026, 1, 2),
        1767322800,
        "",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-01-02T03:04Z",
        "2026-13-02T03:04:05Z",
        "2026-02-30T03:04:05Z",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:04:60Z",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05Z\n",
        "٢٠٢٦-01-02T03:04:05Z",
        "0001-01-01T00:00:00+01:00",
        datetime(1, 1, 1, tzinfo=KOLKATA),
        NotATime(2026, 1, 2),
    ],
)
def test_what_is_no_moment_is_refused(value: Any) -> None:
    """posthog-python replaces it by now with a warning, which files the event under the wrong day."""
    with pytest.raises(FieldError, match=r"^Identify.timestamp: .*; must be a datetime, or RFC 3339 text") as caught:
        rendered(value)
    assert caught.value.value is value
