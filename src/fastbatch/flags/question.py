"""The body of a request to the flags endpoint."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

__all__ = ["Question", "encode_question"]

_DEEPEST = 100
"""Levels of nesting; what lies deeper is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """For whom flags are to be decided, and which: all of them when ``keys`` is empty."""

    distinct_id: str
    device_id: str | None = None
    groups: Mapping[str, Any] = field(default_factory=dict)
    person_properties: Mapping[str, Any] = field(default_factory=dict)
    group_properties: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    disable_geoip: bool = True
    keys: tuple[str, ...] = ()


def encode_question(question: Question, project_api_key: str) -> bytes:
    """Return the JSON; a value that has no JSON form becomes null, because a flag must never cost an exception."""
    body: dict[str, Any] = {
        "api_key": project_api_key,
        "distinct_id": question.distinct_id,
        "device_id": question.device_id,
        "groups": question.groups,
        "person_properties": question.person_properties,
        "group_properties": question.group_properties,
        "geoip_disable": question.disable_geoip,
        # A flag may be for servers alone, and PostHog does not know what we are by our User-Agent.
        "evaluation_runtime": "server",
        "sent_at": datetime.now(timezone.utc).isoformat(),
    }
    if question.keys:
        body["flag_keys_to_evaluate"] = question.keys
    return json.dumps(_plain(body, ()), separators=(",", ":"), allow_nan=False).encode()


def _plain(value: Any, path: tuple[int, ...]) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # an enum's own text is not its value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if id(value) in path or len(path) > _DEEPEST:
        return None
    return _plain_container(value, (*path, id(value)))


def _plain_container(value: Any, path: tuple[int, ...]) -> Any:
    if isinstance(value, Mapping):
        return {_name(key): _plain(each, path) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(each, path) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name), path) for each in dataclasses.fields(value)}
    return _plain_scalar(value)


def _name(key: Any) -> str:
    return str.__str__(key) if isinstance(key, str) else str(key)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else None
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "replace")
    return None


def question_of(  # noqa: PLR0913, PLR0917 what is known of a user
    distinct_id: str,
    groups: Mapping[str, Any] | None,
    person_properties: Mapping[str, Any] | None,
    group_properties: Mapping[str, Mapping[str, Any]] | None,
    disable_geoip: bool,
    device_id: str | None,
    keys: tuple[str, ...],
) -> Question:
    """Return a question about what a call was given; properties are kept of groups that the user is in."""
    # The caller's dict may change before the events are made that say these groups.
    groups, given = dict(groups or {}), group_properties or {}
    return Question(
        distinct_id=distinct_id,
        device_id=device_id,
        groups=groups,
        person_properties=person_properties or {},
        group_properties={kind: {"$group_key": key, **(given.get(kind) or {})} for kind, key in groups.items()},
        disable_geoip=disable_geoip,
        keys=keys,
    )
