"""The calls about feature flags that a `Posthog` has, with the names and the arguments of the ``posthog`` package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastbatch.flags.arguments import check_runtime
from fastbatch.flags.result import FeatureFlagResult
from fastbatch.flags.runtime import FeatureFlagEvaluationRuntime
from fastbatch.flags.snapshot import FeatureFlagEvaluations
from fastbatch.posthog.event_flags import EventFlags
from fastbatch.posthog.server_flags import ServerFlags

__all__ = ["FlagCalls"]


class FlagCalls(ServerFlags, EventFlags):
    """
    Feature flags, as calls.

    None of them raises, but for arguments of a wrong type; when a flag cannot be had its value is None. Where a
    ``distinct_id`` may be left out, or is None, the current context's is taken.

    What they all take: ``groups`` (type to key), ``person_properties`` and ``group_properties`` (to go by instead of
    what the server knows), ``only_evaluate_locally`` (never ask the server), ``disable_geoip``, ``device_id``; those
    that read one flag also ``send_feature_flag_events`` (report the read as ``$feature_flag_called``).
    """

    # One flag.

    def get_feature_flag(  # noqa: PLR0913 the package's arguments
        self,
        key: str,
        distinct_id: Any,
        *,
        groups: Mapping[str, Any] | None = None,
        person_properties: Mapping[str, Any] | None = None,
        group_properties: Mapping[str, Mapping[str, Any]] | None = None,
        only_evaluate_locally: bool = False,
        send_feature_flag_events: bool = True,
        disable_geoip: bool | None = None,
        device_id: str | None = None,
    ) -> bool | str | None:
        """
        Return a flag's value for a user: a variant, True or False; None when it could not be had.

        Raises:
            FieldError: For an argument of a wrong type.
        """
        identity = self._identity(distinct_id)
        if identity is None:
            return None
        return self._flags.get_value(
            key,
            identity,
            groups=groups,
            person_properties=person_properties,
            group_properties=group_properties,
            only_evaluate_locally=only_evaluate_locally,
            send_feature_flag_events=send_feature_flag_events,
            disable_geoip=disable_geoip,
            device_id=self._resolve_device_id(device_id),
        )

    def feature_enabled(  # noqa: PLR0913 the package's arguments
        self,
        key: str,
        distinct_id: Any,
        *,
        groups: Mapping[str, Any] | None = None,
        person_properties: Mapping[str, Any] | None = None,
        group_properties: Mapping[str, Mapping[str, Any]] | None = None,
        only_evaluate_locally: bool = False,
        send_feature_flag_events: bool = True,
        disable_geoip: bool | None = None,
        device_id: str | None = None,
    ) -> bool | None:
        """
        Return whether a flag is on for a user; None when that could not be found out.

        Raises:
            FieldError: For an argument of a wrong type.
        """
        identity = self._identity(distinct_id)
        if identity is None:
            return None
        value = self._flags.get_value(
            key,
            identity,
            groups=groups,
            person_properties=person_properties,
            group_properties=group_properties,
            only_evaluate_locally=only_evaluate_locally,
            send_feature_flag_events=send_feature_flag_events,
            disable_geoip=disable_geoip,
            device_id=self._resolve_device_id(device_id),
        )
        return None if value is None else bool(value)

    def get_feature_flag_result(  # noqa: PLR0913 the package's arguments
        self,
        key: str,
        distinct_id: Any,
        *,
        groups: Mapping[str, Any] | None = None,
        person_properties: Mapping[str, Any] | None = None,
        group_properties: Mapping[str, Mapping[str, Any]] | None = None,
        only_evaluate_locally: bool = False,
        send_feature_flag_events: bool = True,
        disable_geoip: bool | None = None,
        device_id: str | None = None,
    ) -> FeatureFlagResult | None:
        """
        Return a flag's value for a user together with its payload; None when it could not be had.

        Raises:
            FieldError: For an argument of a wrong type.
        """
        identity = self._identity(distinct_id)
        if identity is None:
            return None
        return self._flags.get_result(
            key,
            identity,
            groups=groups,
            person_properties=person_properties,
            group_properties=group_properties,
            only_evaluate_locally=only_evaluate_locally,
            send_feature_flag_events=send_feature_flag_events,
            disable_geoip=disable_geoip,
            device_id=self._resolve_device_id(device_id),
        )

    def get_feature_flag_payload(  # noqa: PLR0913 the package's arguments
        self,
        key: str,
        distinct_id: Any,
        *,
        match_value: bool | str | None = None,
        groups: Mapping[str, Any] | None = None,
        person_properties: Mapping[str, Any] | None = None,
        group_properties: Mapping[str, Mapping[str, Any]] | None = None,
        only_evaluate_locally: bool = False,
        send_feature_flag_events: bool = False,
        disable_geoip: bool | None = None,
        device_id: str | None = None,
    ) -> Any:
        """
        Return the payload of a flag's value for a user, decoded; of ``match_value`` where that is given. None when
        there is none. The read is not reported unless ``send_feature_flag_events`` asks for it.

        Raises:
            FieldError: For an argument of a wrong type.
        """
        identity = self._identity(distinct_id)
        if identity is None:
            return None
        result = self._flags.get_result(
            key,
            identity,
            match_value=match_value,
            groups=groups,
            person_properties=person_properties,
            group_properties=group_properties,
            only_evaluate_locally=only_evaluate_locally,
            send_feature_flag_events=send_feature_flag_events,
            disable_geoip=disable_geoip,
            device_id=self._resolve_device_id(device_id),
        )
        return None if result is None else result.payload

    # All flags.

    def get_all_flags(  # noqa: PLR0913 the package's arguments
        self,
        distinct_id: Any,
        *,
        groups: Mapping[str, Any] | None = None,
        person_properties: Mapping[str, Any] | None = None,
        group_properties: Mapping[str, Mapping[str, Any]] | None = None,
        only_evaluate_locally: bool = False,
        disable_geoip: bool | None = None,
        flag_keys_to_evaluate: Sequence[str] | None = None,
        device_id: str | None = None,
    ) -> dict[str, bool | str] | None:
        """
        Return the values of all flags for a user, or of those in ``flag_keys_to_evaluate``; None when disabled.

        Raises:
            FieldError: For an argument of a wrong type.
        """
        values: dict[str, bool | str] | None = self.get_all_flags_and_payloads(
            distinct_id,
            groups=groups,
            person_properties=person_properties,
            group_properties=group_properties,
            only_evaluate_locally=only_evaluate_locally,
            disable_geoip=disable_geoip,
            flag_keys_to_evaluate=flag_keys_to_evaluate,
            device_id=device_id,
        )["featureFlags"]
        return values

    def get_all_flags_and_payloads(  # noqa: PLR0913 the package's arguments
        self,
        distinct_id: Any,
        *,
        groups: Mapping[str, Any] | None = None,
        person_properties: Mapping[str, Any] | None = None,
        group_properties: Mapping[str, Mapping[str, Any]] | None = None,
        only_evaluate_locally: bool = False,
        disable_geoip: bool | None = None,
        flag_keys_to_evaluate: Sequence[str] | None = None,
        device_id: str | None = None,
    ) -> dict[str, Any]:
        """
        Return ``{"featureFlags": values, "featureFlagPayloads": payloads}``, the payloads as JSON text.

        Both are None when the client is disabled, and empty when nothing could be had.

        Raises:
            FieldError: For an argument of a wrong type.
        """
        if self._is_quiet():
            return {"featureFlags": None, "featureFlagPayloads": None}
        identity = self._resolve_distinct_id(distinct_id)
        if identity is None:
            return {"featureFlags": {}, "featureFlagPayloads": {}}
        both = self._flags.get_all(
            identity,
            groups=groups,
            person_properties=person_properties,
            group_properties=group_properties,
            only_evaluate_locally=only_evaluate_locally,
            disable_geoip=disable_geoip,
            flag_keys=flag_keys_to_evaluate,
            device_id=self._resolve_device_id(device_id),
        )
        return {"featureFlags": both.values, "featureFlagPayloads": both.payloads}

    def evaluate_flags(  # noqa: PLR0913 the package's arguments
        self,
        distinct_id: Any = None,
        *,
        groups: Mapping[str, Any] | None = None,
        person_properties: Mapping[str, Any] | None = None,
        group_properties: Mapping[str, Mapping[str, Any]] | None = None,
        only_evaluate_locally: bool = False,
        disable_geoip: bool | None = None,
        flag_keys: Sequence[str] | None = None,
        device_id: str | None = None,
    ) -> FeatureFlagEvaluations:
        """
        Return all flags for a user at this moment, or those in ``flag_keys``, at the cost of one request at most.

        Give the result to ``capture(..., flags=...)``, and the event says which values the program went by.

        Raises:
            FieldError: For an argument of a wrong type.
        """
        identity = self._identity(distinct_id)
        if not identity:
            return self._flags.nobody()
        return self._flags.evaluate(
            identity,
            groups=groups,
            person_properties=person_properties,
            group_properties=group_properties,
            only_evaluate_locally=only_evaluate_locally,
            disable_geoip=disable_geoip,
            flag_keys=flag_keys,
            device_id=self._resolve_device_id(device_id),
        )

    # Definitions.

    def load_feature_flags(self) -> None:
        """
        Load the definitions of flags now, and wait for them.

        Raises:
            FlagsError: With ``debug``, when they cannot be loaded.
        """
        if not self._is_quiet():
            self._flags.load()

    def feature_flag_definitions(self) -> list[dict[str, Any]] | None:
        """Return the definitions that flags are decided with here, None before any came."""
        return self._flags.definitions

    @property
    def feature_flags(self) -> list[dict[str, Any]] | None:
        """The definitions that flags are decided with here, None before any came."""
        return self._flags.definitions

    def get_feature_flag_evaluation_runtime(self, key: str) -> FeatureFlagEvaluationRuntime | None:
        """Return which programs a flag is for; None when it has no definition here."""
        for flag in self._flags.definitions or ():
            if flag.get("key") == key:
                return FeatureFlagEvaluationRuntime.of(flag.get("evaluation_runtime"))
        return None

    def get_feature_flag_keys_by_evaluation_runtime(
        self, evaluation_runtime: FeatureFlagEvaluationRuntime | str
    ) -> list[str]:
        """
        Return the flags with a definition here that are for programs of one kind.

        Raises:
            FieldError: For a word that is none of ``all``, ``client`` and ``server``.
        """
        wanted = check_runtime(evaluation_runtime)
        return [
            flag["key"]
            for flag in self._flags.definitions or ()
            if isinstance(flag.get("key"), str)
            and FeatureFlagEvaluationRuntime.of(flag.get("evaluation_runtime")).suits(wanted)
        ]
