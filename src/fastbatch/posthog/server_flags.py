"""Flags as the server alone has them, whatever could be decided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastbatch.flags.answer import FlagsAnswer
from fastbatch.flags.many import payloads_of, values_of
from fastbatch.flags.result import valid_payload
from fastbatch.posthog.flag_access import FlagAccess

__all__ = ["ServerFlags", "decision_of"]


class ServerFlags(FlagAccess):
    """Calls that always ask the server, each once. What cannot be had is empty, or None."""

    def get_feature_variants(  # noqa: PLR0913, PLR0917 the package's order
        self,
        distinct_id: Any,
        groups: Mapping[str, Any] | None = None,
        person_properties: Mapping[str, Any] | None = None,
        group_properties: Mapping[str, Mapping[str, Any]] | None = None,
        disable_geoip: bool | None = None,
        flag_keys_to_evaluate: Sequence[str] | None = None,
        device_id: str | None = None,
    ) -> dict[str, bool | str]:
        """Return the values of all flags as the server has them; empty when it cannot be asked."""
        answer = self._ask(
            distinct_id, groups, person_properties, group_properties, disable_geoip, flag_keys_to_evaluate, device_id
        )
        return values_of(answer.flags)

    def get_feature_payloads(  # noqa: PLR0913, PLR0917 the package's order
        self,
        distinct_id: Any,
        groups: Mapping[str, Any] | None = None,
        person_properties: Mapping[str, Any] | None = None,
        group_properties: Mapping[str, Mapping[str, Any]] | None = None,
        disable_geoip: bool | None = None,
        flag_keys_to_evaluate: Sequence[str] | None = None,
        device_id: str | None = None,
    ) -> dict[str, Any]:
        """Return the payloads of all flags as the server has them, as JSON text; empty when it cannot be asked."""
        answer = self._ask(
            distinct_id, groups, person_properties, group_properties, disable_geoip, flag_keys_to_evaluate, device_id
        )
        return {key: valid_payload(payload) for key, payload in payloads_of(answer.flags).items()}

    def get_feature_flags_and_payloads(  # noqa: PLR0913, PLR0917 the package's order
        self,
        distinct_id: Any,
        groups: Mapping[str, Any] | None = None,
        person_properties: Mapping[str, Any] | None = None,
        group_properties: Mapping[str, Mapping[str, Any]] | None = None,
        disable_geoip: bool | None = None,
        flag_keys_to_evaluate: Sequence[str] | None = None,
        device_id: str | None = None,
    ) -> dict[str, Any]:
        """Return ``{"featureFlags": values, "featureFlagPayloads": payloads}`` as the server has them."""
        answer = self._ask(
            distinct_id, groups, person_properties, group_properties, disable_geoip, flag_keys_to_evaluate, device_id
        )
        payloads = {key: valid_payload(payload) for key, payload in payloads_of(answer.flags).items()}
        return {"featureFlags": values_of(answer.flags), "featureFlagPayloads": payloads}

    def get_flags_decision(  # noqa: PLR0913, PLR0917 the package's order
        self,
        distinct_id: Any = None,
        groups: Mapping[str, Any] | None = None,
        person_properties: Mapping[str, Any] | None = None,
        group_properties: Mapping[str, Mapping[str, Any]] | None = None,
        disable_geoip: bool | None = None,
        flag_keys_to_evaluate: Sequence[str] | None = None,
        device_id: str | None = None,
    ) -> dict[str, Any]:
        """Return the server's whole answer: ``flags`` (key to `FeatureFlag`), ``requestId``, ``evaluatedAt``, ..."""
        answer = self._ask(
            distinct_id, groups, person_properties, group_properties, disable_geoip, flag_keys_to_evaluate, device_id
        )
        return decision_of(answer)

    def _ask(  # noqa: PLR0913, PLR0917 the package's order
        self,
        distinct_id: Any,
        groups: Mapping[str, Any] | None,
        person_properties: Mapping[str, Any] | None,
        group_properties: Mapping[str, Mapping[str, Any]] | None,
        disable_geoip: bool | None,
        flag_keys: Sequence[str] | None,
        device_id: str | None,
    ) -> FlagsAnswer:
        identity = self._identity(distinct_id)
        if identity is None:
            return FlagsAnswer({})
        return self._flags.decide(
            identity,
            groups=groups,
            person_properties=person_properties,
            group_properties=group_properties,
            disable_geoip=disable_geoip,
            flag_keys=flag_keys,
            device_id=self._resolve_device_id(device_id),
        )

    def get_remote_config_payload(self, key: str) -> Any:
        """
        Return the payload of a remote config flag, decrypted by the server; None when it cannot be had.

        Raises:
            FieldError: For a key that is no text.
        """
        return None if self._is_quiet() else self._flags.remote_config(key)


def decision_of(answer: FlagsAnswer) -> dict[str, Any]:
    """Return an answer as `ServerFlags.get_flags_decision` does."""
    return {
        "flags": dict(answer.flags),
        "errorsWhileComputingFlags": answer.errors_while_computing,
        "requestId": answer.request_id,
        "evaluatedAt": answer.evaluated_at,
        "minimalFlagCalledEvents": answer.minimal_flag_called_events,
    }
