"""What events say of flags: ``$feature/<key>`` and ``$active_feature_flags``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastbatch.errors import FieldError
from fastbatch.flags.many import values_of
from fastbatch.flags.snapshot import FeatureFlagEvaluations
from fastbatch.posthog.flag_access import FlagAccess

__all__ = ["EventFlags"]

_OPTIONS = frozenset(
    {"should_send", "only_evaluate_locally", "person_properties", "group_properties", "flag_keys_filter"}
)


class EventFlags(FlagAccess):
    """Flags for ``capture``."""

    def _flag_properties(
        self,
        send_feature_flags: bool | Mapping[str, Any] = False,
        distinct_id: str | None = None,
        groups: Mapping[str, Any] | None = None,
        disable_geoip: bool | None = None,
        flags: FeatureFlagEvaluations | None = None,
    ) -> dict[str, Any]:
        """
        Return what ``capture`` adds to an event for its ``send_feature_flags`` and ``flags``; a snapshot wins.

        Raises:
            FieldError: For an argument of a wrong type.
        """
        if flags is not None:
            if not isinstance(flags, FeatureFlagEvaluations):
                raise FieldError("Capture", "flags", type(flags), "what evaluate_flags returned, or None")
            return flags.event_properties()
        options = _options(send_feature_flags)
        if options is None or self._is_quiet() or distinct_id is None:
            return {}
        values = self._values_to_send(options, distinct_id, groups, disable_geoip)
        properties: dict[str, Any] = {f"$feature/{key}": value for key, value in values.items()}
        active = sorted(key for key, value in values.items() if value is not False)
        if active:
            properties["$active_feature_flags"] = active
        return properties

    def _values_to_send(
        self, options: Mapping[str, Any], distinct_id: str, groups: Mapping[str, Any] | None, disable_geoip: bool | None
    ) -> dict[str, bool | str]:
        user: dict[str, Any] = {
            "groups": groups,
            "person_properties": options.get("person_properties"),
            "group_properties": options.get("group_properties"),
            "disable_geoip": disable_geoip,
            "flag_keys": options.get("flag_keys_filter"),
            "device_id": self._resolve_device_id(None),
        }
        only_here = options.get("only_evaluate_locally")
        if only_here is None:
            only_here = self._flags.has_definitions
        if only_here:
            return self._flags.get_all(distinct_id, only_evaluate_locally=True, **user).values
        return values_of(self._flags.decide(distinct_id, **user).flags)


def _options(send_feature_flags: object) -> Mapping[str, Any] | None:
    """Return the options of ``send_feature_flags``, None when nothing is to be sent."""
    if send_feature_flags is None or isinstance(send_feature_flags, bool):
        return {} if send_feature_flags else None
    if not isinstance(send_feature_flags, Mapping):
        allowed = f"True, False, or a mapping of {', '.join(sorted(_OPTIONS))}"
        raise FieldError("Capture", "send_feature_flags", type(send_feature_flags), allowed)
    unknown = [name for name in send_feature_flags if name not in _OPTIONS]
    if unknown:
        raise FieldError("Capture", f"send_feature_flags.{unknown[0]}", "<hidden>", f"one of {sorted(_OPTIONS)}")
    return send_feature_flags if send_feature_flags.get("should_send", True) else None
