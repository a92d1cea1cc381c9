"""What events say of a flag that was read: ``$feature_flag_called``, and ``$experiment_exposure`` where it is one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fastbatch.flags.answer import FeatureFlag
from fastbatch.flags.attribution import EXPOSURE_FORBIDDEN, PINNED, Attribution, attribution_of
from fastbatch.flags.called import CalledReads, read_key

__all__ = ["MINIMAL_PROPERTIES", "FlagCall", "FlagRead", "Reports"]

MINIMAL_PROPERTIES = frozenset(
    {
        "$feature_flag",
        "$feature_flag_response",
        "$feature_flag_has_experiment",
        "$feature_flag_id",
        "$feature_flag_version",
        "$feature_flag_reason",
        "$feature_flag_request_id",
        "$feature_flag_evaluated_at",
        "$feature_flag_error",
        "locally_evaluated",
        "$groups",
        "$process_person_profile",
        "$geoip_disable",
        "$session_id",
        "$lib",
        "$lib_version",
        "$is_server",
        "$os",
        "$os_version",
        "$os_distro",
        "$python_runtime",
        "$python_version",
    }
)
"""All that an event keeps when the server asks for short ones and the flag belongs to no experiment."""

_MINIMAL_WITH_RULE = MINIMAL_PROPERTIES | {
    "$feature_flag_config_version",
    "$feature_flag_reason_code",
    "$feature_flag_rule_id",
    "$feature_flag_rule_type",
    "$feature_flag_variant_key",
}
_OF_EXPOSURE = (
    "$feature_flag_id",
    "$feature_flag_version",
    "$feature_flag_request_id",
    "$feature_flag_evaluated_at",
)


class FlagCall(NamedTuple):
    """
    One event about a flag, for the client to capture.

    Args:
        event: Its name.
        distinct_id: Whose it is.
        properties: What it says.
        groups: What becomes ``$groups``.
        disable_geoip: As the call had it; None is the client's own setting.
        allowed: When not None: no other property may be in the event, wherever it comes from.
        reserved: Properties that nothing but ``properties`` may set: super properties and tags must not.
    """

    event: str
    distinct_id: str
    properties: dict[str, Any]
    groups: Mapping[str, Any]
    disable_geoip: bool | None
    allowed: frozenset[str] | None = None
    reserved: frozenset[str] = frozenset()


@dataclass(slots=True)
class FlagRead:
    """One read of a flag, and all that is known of how its value came about."""

    key: str
    distinct_id: str
    device_id: str | None = None
    groups: Mapping[str, Any] | None = None
    disable_geoip: bool | None = None
    value: bool | str | None = None
    payload: Any = None
    is_local: bool = False
    flag_id: int | None = None
    version: int | None = None
    reason: str | None = None
    has_experiment: bool | None = None
    is_minimal: bool = False
    request_id: str | None = None
    evaluated_at: int | None = None
    error: str = ""
    record: FeatureFlag | None = None
    """The server's record, where the value or the failure is the record's own."""

    def describe(self, flag: FeatureFlag) -> None:
        """Take over what the server says of the flag besides its value."""
        metadata = flag.metadata
        self.flag_id, self.version = metadata.id, metadata.version
        self.has_experiment = metadata.has_experiment
        self.reason = flag.reason.description if flag.reason else None


@dataclass(slots=True)
class Reports:
    """
    Turns reads into events, each different read into one.

    Args:
        capture: Takes the events; False from it, or an exception, makes a later read of the same kind try again.
        logger: Hears of exceptions.
        reads: What was reported.
    """

    capture: Callable[[FlagCall], object]
    logger: logging.Logger
    reads: CalledReads = field(default_factory=CalledReads)

    def report(self, read: FlagRead) -> None:
        """Report a read unless one like it was."""
        attribution = attribution_of(read.record)
        rule = () if attribution is None else (2, *attribution)
        properties = _properties(read, attribution)
        number = read_key(read.distinct_id, read.device_id, read.groups, read.key, read.value, *rule)
        if self.reads.add(number):
            self._capture(number, _called(read, properties, attribution))
        if attribution is not None and attribution.variant_key is not None:
            assignment = ("exposure", attribution.rule_id, attribution.variant_key)
            number = read_key(read.distinct_id, None, read.groups, read.key, *assignment)
            if self.reads.add(number):
                self._capture(number, _exposure(read, properties, attribution))

    def _capture(self, number: int, call: FlagCall) -> None:
        try:
            is_taken = self.capture(call) is not False
        except Exception as error:  # noqa: BLE001 whoever reads a flag must not hear of it
            is_taken = False
            self.logger.warning("feature flags: %s was not captured: %s", call.event, type(error).__name__)
        if not is_taken:
            self.reads.forget(number)


def _properties(read: FlagRead, attribution: Attribution | None) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "$feature_flag": read.key,
        "$feature_flag_response": read.value,
        "locally_evaluated": read.is_local,
        f"$feature/{read.key}": read.value,
    }
    if read.payload is not None:
        properties["$feature_flag_payload"] = read.payload
    if read.flag_id:
        properties["$feature_flag_id"] = read.flag_id
    if read.version:
        properties["$feature_flag_version"] = read.version
    if read.has_experiment is not None:
        properties["$feature_flag_has_experiment"] = read.has_experiment
    if attribution is not None:
        properties.update(attribution.properties())
    elif read.reason:
        properties["$feature_flag_reason"] = read.reason
    if not read.is_local or read.request_id or read.error:
        _add_request(properties, read)
    return properties


def _add_request(properties: dict[str, Any], read: FlagRead) -> None:
    if read.request_id:
        properties["$feature_flag_request_id"] = read.request_id
    if read.evaluated_at:
        properties["$feature_flag_evaluated_at"] = read.evaluated_at
    if read.error:
        properties["$feature_flag_error"] = read.error


def _called(read: FlagRead, properties: dict[str, Any], attribution: Attribution | None) -> FlagCall:
    allowed = None
    if read.is_minimal and read.has_experiment is False:
        allowed = MINIMAL_PROPERTIES if attribution is None else _MINIMAL_WITH_RULE
        properties = {name: value for name, value in properties.items() if name in allowed}
    reserved: frozenset[str] = frozenset()
    if attribution is not None:
        reserved = PINNED | {"$feature_flag", "$feature_flag_response", "locally_evaluated"}
    return _call("$feature_flag_called", read, properties, allowed, reserved)


def _exposure(read: FlagRead, properties: dict[str, Any], attribution: Attribution) -> FlagCall:
    own = {
        "$feature_flag": read.key,
        "$feature_flag_response": read.value,
        "locally_evaluated": read.is_local,
        "$feature_flag_variant_key": attribution.variant_key,
        "$feature_flag_rule_id": attribution.rule_id,
    }
    own.update((name, properties[name]) for name in _OF_EXPOSURE if name in properties)
    return _call("$experiment_exposure", read, own, None, EXPOSURE_FORBIDDEN | own.keys())


def _call(
    event: str,
    read: FlagRead,
    properties: dict[str, Any],
    allowed: frozenset[str] | None,
    reserved: frozenset[str],
) -> FlagCall:
    return FlagCall(event, read.distinct_id, properties, read.groups or {}, read.disable_geoip, allowed, reserved)
