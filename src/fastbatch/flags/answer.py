"""
What the flags endpoint answers, in one immutable shape.

Three generations of answers exist: ``featureFlags`` with ``featureFlagPayloads`` (a list of keys in the oldest),
``flags`` with a record for each flag, and records with a typed ``value``. A record that cannot be read spoils no other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fastbatch.errors import FlagsError

__all__ = ["FeatureFlag", "FlagMetadata", "FlagReason", "FlagsAnswer", "parse_answer"]

QUOTA = "feature_flags"
"""What the list of exhausted quotas calls ours."""


@dataclass(frozen=True, slots=True)
class FlagReason:
    """Why the server decided as it did: a code, the condition that matched, a sentence."""

    code: str
    condition_index: int | None
    description: str


@dataclass(frozen=True, slots=True)
class FlagMetadata:
    """
    What the server says of a flag besides its value. ``payload`` is JSON text.

    ``config_version`` and what follows it are there in records with a typed value only: the rule that decided.
    """

    id: int | None = None
    version: int | None = None
    payload: Any = None
    description: str = ""
    has_experiment: bool | None = None
    config_version: int | None = None
    rule_type: str | None = None
    rule_id: str | None = None
    variant_key: str | None = None


@dataclass(frozen=True, slots=True)
class FeatureFlag:
    """
    One flag as the server decided it.

    ``failed`` is the server's word that it could not decide; ``malformed`` names the field that made the record
    unreadable. Both kinds read as disabled.
    """

    key: str
    enabled: bool
    variant: str | None = None
    reason: FlagReason | None = None
    metadata: FlagMetadata = FlagMetadata()
    failed: bool = False
    malformed: str = ""

    def get_value(self) -> bool | str:
        """Return the variant of a flag that has one, otherwise whether it is enabled."""
        return self.variant or self.enabled


@dataclass(frozen=True, slots=True)
class FlagsAnswer:
    """A whole answer of the flags endpoint."""

    flags: Mapping[str, FeatureFlag]
    errors_while_computing: bool = False
    request_id: str | None = None
    evaluated_at: int | None = None
    minimal_flag_called_events: bool = False


def parse_answer(answer: Any) -> FlagsAnswer:
    """
    Return what the server said.

    Raises:
        FlagsError: When it is no answer at all, or says that the quota is used up.
    """
    if not isinstance(answer, dict):
        raise FlagsError("unknown_error", "the answer is not a JSON object")
    if _is_over_quota(answer):
        raise FlagsError("quota_limited", "the quota of feature flag requests is used up")
    request_id, evaluated_at = answer.get("requestId"), answer.get("evaluatedAt")
    return FlagsAnswer(
        flags=MappingProxyType(_flags(answer)),
        errors_while_computing=bool(answer.get("errorsWhileComputingFlags", False)),
        request_id=request_id if isinstance(request_id, str) else None,
        evaluated_at=evaluated_at if type(evaluated_at) is int else None,
        minimal_flag_called_events=answer.get("minimalFlagCalledEvents") is True,
    )


def _is_over_quota(answer: dict[str, Any]) -> bool:
    lists = (answer.get(name) for name in ("quotaLimited", "quota_limited"))
    return any(QUOTA in quotas for quotas in lists if isinstance(quotas, list))


def _flags(answer: dict[str, Any]) -> dict[str, FeatureFlag]:
    records = answer.get("flags")
    if isinstance(records, dict):
        return {key: _record(key, record) for key, record in records.items()}
    if records is not None:
        raise FlagsError("unknown_error", "the answer's flags are not a JSON object")
    return _legacy_flags(answer.get("featureFlags"), answer.get("featureFlagPayloads"))


def _legacy_flags(values: Any, payloads: Any) -> dict[str, FeatureFlag]:
    if isinstance(values, list):
        values = dict.fromkeys((key for key in values if isinstance(key, str)), True)
    if not isinstance(values, dict):
        values = {}
    if not isinstance(payloads, dict):
        payloads = {}
    return {key: _legacy_flag(key, value, payloads.get(key)) for key, value in values.items()}


def _legacy_flag(key: str, value: Any, payload: Any) -> FeatureFlag:
    if isinstance(value, str):
        return FeatureFlag(key, True, value, metadata=FlagMetadata(payload=payload))
    if isinstance(value, bool):
        return FeatureFlag(key, value, metadata=FlagMetadata(payload=payload))
    return FeatureFlag(key, False, malformed="value")


# Records.


class _MalformedError(Exception):
    """A known field has another type than it may have; the text is its name."""


def _record(key: str, record: Any) -> FeatureFlag:
    try:
        if not isinstance(record, dict):
            raise _MalformedError("record")
        _typed(record, "key", str)
        return _typed_record(key, record) if "value" in record else _plain_record(key, record)
    except _MalformedError as error:
        return FeatureFlag(key, False, malformed=str(error))
    except RecursionError:
        return FeatureFlag(key, False, malformed="value")


def _plain_record(key: str, record: dict[str, Any]) -> FeatureFlag:
    enabled = _typed(record, "enabled", bool)
    variant = _typed(record, "variant", str)
    failed = _typed(record, "failed", bool) is True
    metadata = _typed(record, "metadata", dict) or {}
    return FeatureFlag(
        key,
        variant is not None if enabled is None else enabled,
        variant,
        _reason(record),
        # What failed has no payload, whatever the record carries.
        _metadata(metadata, None if failed else metadata.get("payload"), None),
        failed,
    )


def _typed_record(key: str, record: dict[str, Any]) -> FeatureFlag:
    failed = _typed(record, "failed", bool) is True
    value = None if failed else _value(record["value"])
    metadata = _typed(record, "metadata", dict) or {}
    payload = None if failed else metadata.get("payload")
    if isinstance(value, (bool, str)) or value is None:
        enabled, variant = bool(value) or isinstance(value, str), value if isinstance(value, str) else None
    else:
        # A number or an object is its own payload, and the flag is on.
        enabled, variant = True, None
        payload = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    _whole(metadata, "experiment_id", "metadata.")
    config_version = _whole(metadata, "config_version", "metadata.")
    return FeatureFlag(key, enabled, variant, _reason(record), _metadata(metadata, payload, config_version), failed)


def _reason(record: dict[str, Any]) -> FlagReason | None:
    reason = _typed(record, "reason", dict)
    if not reason:
        return None
    return FlagReason(
        _typed(reason, "code", str, "reason.") or "",
        _whole(reason, "condition_index", "reason."),
        _typed(reason, "description", str, "reason.") or "",
    )


def _metadata(metadata: dict[str, Any], payload: Any, config_version: int | None) -> FlagMetadata:
    rule = {}
    if config_version is not None:
        _typed(metadata, "forced_variant", bool, "metadata.")
        rule = {name: _typed(metadata, name, str, "metadata.") for name in ("rule_type", "rule_id", "variant_key")}
    return FlagMetadata(
        id=_whole(metadata, "id", "metadata."),
        version=_whole(metadata, "version", "metadata."),
        payload=payload,
        description=_typed(metadata, "description", str, "metadata.") or "",
        has_experiment=_typed(metadata, "has_experiment", bool, "metadata."),
        config_version=config_version,
        **rule,
    )


def _typed(values: dict[str, Any], name: str, kind: type, path: str = "") -> Any:
    value = values.get(name)
    if value is None or isinstance(value, kind):
        return value
    raise _MalformedError(path + name)


def _whole(values: dict[str, Any], name: str, path: str) -> int | None:
    # JSON has one kind of number: 2.0 is as whole as 2.
    value = values.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise _MalformedError(path + name)


def _value(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str, dict, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise _MalformedError("value")
