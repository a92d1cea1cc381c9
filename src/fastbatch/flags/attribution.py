"""Which rule of a flag decided, as far as the server says so: the second generation of flag configurations."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from fastbatch.flags.answer import FeatureFlag

__all__ = ["EXPOSURE_FORBIDDEN", "PINNED", "Attribution", "attribution_of"]

_SPLIT = "experiment_split"
_EXPERIMENT = "experiment"

_RULE_TYPES = {
    # reason code: the types of rule that it can come from
    "targeting_match": frozenset({"targeted_release", "percentage_rollout"}),
    _SPLIT: frozenset({_EXPERIMENT}),
    "rollout_miss": frozenset({"percentage_rollout", _EXPERIMENT}),
    "experiment_paused": frozenset({_EXPERIMENT}),
    "holdout": frozenset({_EXPERIMENT}),
}
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")

PINNED = frozenset(
    {
        "$feature_flag_config_version",
        "$feature_flag_reason_code",
        "$feature_flag_rule_id",
        "$feature_flag_rule_type",
        "$feature_flag_variant_key",
        "$feature_flag_reason",
        "$feature_flag_forced_variant",
        "$feature_flag_experiment_id",
    }
)
"""Properties of ``$feature_flag_called`` that only the read itself may set."""

EXPOSURE_FORBIDDEN = frozenset(
    {
        "$feature_flag_config_version",
        "$feature_flag_reason_code",
        "$feature_flag_rule_type",
        "$experiment_exposure_source",
        "$feature_flag_experiment_id",
        "$feature_flag_forced_variant",
    }
)
"""Properties that ``$experiment_exposure`` never has."""


class Attribution(NamedTuple):
    """The rule; ``variant_key`` is there for a complete split of an experiment alone, which is an exposure."""

    reason_code: str | None
    rule_id: str | None = None
    rule_type: str | None = None
    variant_key: str | None = None

    def properties(self) -> dict[str, Any]:
        """Return what an event says of it."""
        given = {f"$feature_flag_{name}": value for name, value in self._asdict().items() if value is not None}
        return {"$feature_flag_config_version": 2, **given}


def attribution_of(flag: FeatureFlag | None) -> Attribution | None:
    """
    Return the attribution of a record of configuration version 2; None for any other.

    A rule counts only with an id that is a UUID and of a type that goes with the reason; nothing is guessed.
    """
    if flag is None or flag.metadata.config_version != 2:
        return None
    code = (flag.reason.code if flag.reason else "") or None
    metadata = flag.metadata
    unknown = Attribution(code)
    if flag.failed or metadata.rule_type not in _RULE_TYPES.get(code or "", frozenset()):
        return unknown
    if metadata.rule_id is None or not _UUID.fullmatch(metadata.rule_id):
        return unknown
    if code != _SPLIT:
        return Attribution(code, metadata.rule_id, metadata.rule_type)
    if metadata.variant_key is None:
        return unknown
    return Attribution(code, metadata.rule_id, metadata.rule_type, metadata.variant_key)
