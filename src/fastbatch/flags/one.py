"""One flag for one user: decided here, else by the server, else taken from what the server said before."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, TypeAlias

from fastbatch.errors import FlagsError
from fastbatch.flags.answer import FlagsAnswer
from fastbatch.flags.arguments import check_key, check_properties
from fastbatch.flags.base import FlagsBase
from fastbatch.flags.call import FlagRead
from fastbatch.flags.called import read_key
from fastbatch.flags.local.definitions import Definitions
from fastbatch.flags.local.evaluation import Evaluation
from fastbatch.flags.local.subject import Subject
from fastbatch.flags.question import question_of
from fastbatch.flags.result import FeatureFlagResult, decode_payload

__all__ = ["OneFlag"]

_NONE: Mapping[str, Any] = {}

_Known: TypeAlias = "tuple[Mapping[str, Any] | None, Mapping[str, Mapping[str, Any]] | None]"
"""What is known of a user, and of the user's groups."""


class OneFlag(FlagsBase):
    """Reads of single flags."""

    def get_value(  # noqa: PLR0913 what is known of a user
        self,
        key: str,
        distinct_id: str,
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
        Return a flag's value: a variant, True or False; None when it could not be had.

        Args:
            key: The flag.
            distinct_id: The user.
            groups: The key of the user's group, by type.
            person_properties: What is known of the user, instead of what the server knows.
            group_properties: The same of the groups, by type.
            only_evaluate_locally: True never asks the server.
            send_feature_flag_events: Whether to report that the flag was read.
            disable_geoip: What to tell the server; None is the setting.
            device_id: What flags that are bucketed by device go by.

        Raises:
            FieldError: For an argument of a wrong type.
        """
        definitions = self._definitions()
        local = self._decide(definitions, key, distinct_id, groups, person_properties, group_properties, device_id)
        if definitions is not None and local is not None and local.value is not None and self._cache is None:
            value = local.value
            if send_feature_flag_events and read_key(distinct_id, device_id, groups, key, value) not in self._reported:
                read = FlagRead(key, distinct_id, device_id, groups, disable_geoip)
                _describe(read, definitions, local)
                read.value, read.payload = value, decode_payload(local.payload)
                self._report(read)
            return value
        read = FlagRead(key, distinct_id, device_id, groups, disable_geoip)
        known = person_properties, group_properties
        result = self._read(read, definitions, local, None, None if only_evaluate_locally else known)
        if send_feature_flag_events:
            self._report(read)
        return None if result is None else result.get_value()

    def get_result(  # noqa: PLR0913 what is known of a user
        self,
        key: str,
        distinct_id: str,
        *,
        match_value: bool | str | None = None,
        groups: Mapping[str, Any] | None = None,
        person_properties: Mapping[str, Any] | None = None,
        group_properties: Mapping[str, Mapping[str, Any]] | None = None,
        only_evaluate_locally: bool = False,
        send_feature_flag_events: bool = True,
        disable_geoip: bool | None = None,
        device_id: str | None = None,
    ) -> FeatureFlagResult | None:
        """
        Return a flag's value with its payload; None when it could not be had.

        The arguments are those of `get_value`; ``match_value`` asks for the payload of that value instead of the
        user's own.
        """
        definitions = self._definitions()
        local = self._decide(definitions, key, distinct_id, groups, person_properties, group_properties, device_id)
        read = FlagRead(key, distinct_id, device_id, groups, disable_geoip)
        known = person_properties, group_properties
        result = self._read(read, definitions, local, match_value, None if only_evaluate_locally else known)
        if send_feature_flag_events:
            self._report(read)
        return result

    def _decide(  # noqa: PLR0913, PLR0917 what is known of a user
        self,
        definitions: Definitions | None,
        key: str,
        distinct_id: str,
        groups: Mapping[str, Any] | None,
        person_properties: Mapping[str, Any] | None,
        group_properties: Mapping[str, Mapping[str, Any]] | None,
        device_id: str | None,
    ) -> Evaluation | None:
        check_key(key)
        if (
            groups is not None
            or group_properties is not None
            or not (person_properties is None or type(person_properties) is dict)
        ):
            check_properties(groups, person_properties, group_properties)
        if definitions is None or key not in definitions:
            return None
        subject = Subject(
            distinct_id, device_id, groups or _NONE, person_properties or _NONE, group_properties or _NONE
        )
        try:
            return definitions.evaluate(key, subject)
        except Exception as error:  # noqa: BLE001 a definition, or a property's own code, may hold anything
            self._tell_of(error, "deciding a flag here")
            return None

    def _read(
        self,
        read: FlagRead,
        definitions: Definitions | None,
        local: Evaluation | None,
        match_value: bool | str | None,
        known: _Known | None,
    ) -> FeatureFlagResult | None:
        """Return the result, and note in ``read`` how it came about; the server is asked about ``known`` at most."""
        self._notice_fork()
        result: FeatureFlagResult | None = None
        if definitions is not None and local is not None and local.value is not None:
            result = self._local_result(definitions, local, local.value, read, match_value)
        elif known is not None:
            result = self._remote_result(known, read, match_value, definitions)
        elif definitions is None:
            self._tell(
                logging.WARNING, "no definitions", "a flag was to be decided here, and no definitions are loaded"
            )
        if result is not None:
            read.value, read.payload = result.get_value(), result.payload
        return result

    # Decided here.

    def _local_result(
        self,
        definitions: Definitions,
        local: Evaluation,
        value: bool | str,
        read: FlagRead,
        match_value: bool | str | None,
    ) -> FeatureFlagResult:
        _describe(read, definitions, local)
        result = FeatureFlagResult.of(read.key, value, local.payload)
        if self._cache is not None:
            self._cache.put(read.distinct_id, result, definitions)
        if match_value is None or match_value == value:
            return result
        return FeatureFlagResult.of(read.key, match_value, definitions.payload(read.key, match_value))

    # Decided by the server.

    def _remote_result(
        self, known: _Known, read: FlagRead, match_value: bool | str | None, definitions: Definitions | None
    ) -> FeatureFlagResult | None:
        geoip = self._geoip(read.disable_geoip)
        question = question_of(read.distinct_id, read.groups, *known, geoip, read.device_id, (read.key,))
        try:
            answer = self._remote.decide(question)
        except FlagsError as error:
            read.error = error.word
            self._tell(logging.WARNING, error.word, f"the server cannot be asked for a flag: {error.detail}")
        except Exception as error:  # noqa: BLE001 a transport of the program's own
            read.error = "unknown_error"
            self._tell_of(error, "asking the server for a flag")
        else:
            return self._answered(answer, read, match_value, definitions)
        return self._last_known(read, definitions)

    def _answered(
        self, answer: FlagsAnswer, read: FlagRead, match_value: bool | str | None, definitions: Definitions | None
    ) -> FeatureFlagResult | None:
        flag = answer.flags.get(read.key)
        if flag is None or flag.failed:
            errors = ["errors_while_computing_flags"] if answer.errors_while_computing else []
            read.error = ",".join([*errors, "flag_missing" if flag is None else "evaluation_failed"])
        elif answer.errors_while_computing:
            read.error = "errors_while_computing_flags"
        if flag is not None and flag.malformed:
            read.error = "unknown_error"
            self._tell(logging.WARNING, "malformed", f"a flag in the server's answer cannot be read: {flag.malformed}")
            return self._last_known(read, definitions) or FeatureFlagResult.of(read.key, match_value or False)
        read.request_id, read.evaluated_at = answer.request_id, answer.evaluated_at
        read.is_minimal = answer.minimal_flag_called_events
        if flag is None:
            return None
        read.describe(flag)
        if flag.failed:
            read.record = flag
            return None
        reason = flag.reason.description if flag.reason else None
        payload = decode_payload(flag.metadata.payload)
        result = FeatureFlagResult(read.key, flag.enabled, flag.variant, payload, reason)
        if self._cache is not None:
            self._cache.put(read.distinct_id, result, definitions)
        if match_value is not None:
            is_variant = isinstance(match_value, str)
            variant = match_value if isinstance(match_value, str) else None
            return FeatureFlagResult(read.key, is_variant or bool(match_value), variant, payload, reason)
        read.record = flag
        return result

    def _last_known(self, read: FlagRead, definitions: Definitions | None) -> FeatureFlagResult | None:
        return None if self._cache is None else self._cache.get(read.distinct_id, read.key, definitions)


def _describe(read: FlagRead, definitions: Definitions, local: Evaluation) -> None:
    read.is_local = True
    read.flag_id, read.version, read.has_experiment = local.flag_id, local.version, local.has_experiment
    read.is_minimal = definitions.minimal_flag_called_events
