"""Encoding one event's fields: fastbatch's two encoders beside the bare ones that they are built on."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

import workload
from fastbatch.pipeline.encode import IS_FAST, encode, encode_plainly

SEQUENCE = workload.FIRST_SEQUENCE

PLAIN: dict[str, Any] = {
    "userId": workload.user(SEQUENCE),
    "event": workload.EVENT_NAME,
    "properties": workload.properties(SEQUENCE),
}
# What JSON has no form for and a caller nevertheless gives: the peers convert or drop it.
RICH: dict[str, Any] = {
    **PLAIN,
    "properties": {
        **PLAIN["properties"],
        "paid_at": datetime(2026, 11, 21, 10, 9, 52, tzinfo=timezone.utc),
        "total": Decimal("39.95"),
        "basket": UUID(int=320),
        "tags": ("new", "mobile"),
    },
}


@pytest.mark.parametrize("fields", [PLAIN, RICH], ids=["plain", "rich"])
@pytest.mark.parametrize("encoder", [encode, encode_plainly], ids=["fast" if IS_FAST else "no-orjson", "plainly"])
def test_encode(benchmark: Any, encoder: Callable[[dict[str, Any], str], bytes], fields: dict[str, Any]) -> None:
    """As the client calls it."""
    assert benchmark(encoder, fields, "track").startswith(b'{"userId":')


def test_bare_orjson(benchmark: Any) -> None:
    """The floor."""
    benchmark(pytest.importorskip("orjson").dumps, PLAIN)


def test_bare_json(benchmark: Any) -> None:
    """What the peers use, twice to three times an event."""
    benchmark(json.dumps, PLAIN)
