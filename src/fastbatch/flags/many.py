"""All flags for one user, or some of them: decided here, and by one request to the server where that is not enough."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fastbatch.errors import FlagsError
from fastbatch.flags.answer import FeatureFlag, FlagsAnswer
from fastbatch.flags.arguments import check_keys, check_properties
from fastbatch.flags.base import FlagsBase
from fastbatch.flags.local.evaluation import Evaluation
from fastbatch.flags.local.subject import Subject
from fastbatch.flags.question import Question, question_of
from fastbatch.flags.result import valid_payload
from fastbatch.flags.snapshot import Evaluated, FeatureFlagEvaluations

__all__ = ["FlagsAndPayloads", "ManyFlags", "payloads_of", "values_of"]


class FlagsAndPayloads(NamedTuple):
    """The values of flags, and the payloads of those that have one, as JSON text."""

    values: dict[str, bool | str]
    payloads: dict[str, Any]


@dataclass(slots=True)
class _Local:
    """What could be decided here; ``is_enough`` unless the server knows more."""

    decided: dict[str, Evaluation] = field(default_factory=dict)
    unresolved: dict[str, str] = field(default_factory=dict)
    is_enough: bool = False
    is_minimal: bool = False


class ManyFlags(FlagsBase):
    """Reads of many flags at once."""

    def get_all(  # noqa: PLR0913 what is known of a user
        self,
        distinct_id: str,
        *,
        groups: Mapping[str, Any] | None = None,
        person_properties: Mapping[str, Any] | None = None,
        group_properties: Mapping[str, Mapping[str, Any]] | None = None,
        only_evaluate_locally: bool = False,
        disable_geoip: bool | None = None,
        flag_keys: Sequence[str] | None = None,
        device_id: str | None = None,
    ) -> FlagsAndPayloads:
        """
        Return the flags that have a value; reports nothing.

        When one of them cannot be decided here the server's answer counts for all. When the server cannot be asked
        either, what was decided here is returned.

        Raises:
            FieldError: For an argument of a wrong type.
        """
        keys = check_keys(flag_keys)
        question = self._question(
            distinct_id, groups, person_properties, group_properties, disable_geoip, device_id, keys
        )
        values, payloads, is_enough = self._values_here(question)
        if not is_enough and not only_evaluate_locally:
            answer = self._ask(question)
            if isinstance(answer, FlagsAnswer):
                failed = {key for key, flag in answer.flags.items() if flag.failed}
                values = {key: value for key, value in values.items() if key in failed} | values_of(answer.flags)
                payloads = {key: each for key, each in payloads.items() if key in failed} | payloads_of(answer.flags)
        return FlagsAndPayloads(values, {key: valid_payload(payload) for key, payload in payloads.items()})

    def evaluate(  # noqa: PLR0913 what is known of a user
        self,
        distinct_id: str,
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
        Return a snapshot of the flags; what was decided here stays so, the server fills the gaps.

        ``flag_keys`` limits it to some flags, to none at all when it is empty.

        Raises:
            FieldError: For an argument of a wrong type.
        """
        keys = check_keys(flag_keys)
        question = self._question(
            distinct_id, groups, person_properties, group_properties, disable_geoip, device_id, keys
        )
        if flag_keys is not None and not keys:
            return self._snapshot(question, Evaluated())
        local = self._decide_all(question)
        is_enough = local.is_enough and local.decided.keys() >= set(keys)
        if is_enough or only_evaluate_locally:
            evaluated = Evaluated(local.decided, {}, local.unresolved, is_minimal=local.is_minimal)
        else:
            evaluated = self._fill(local, self._ask(question), keys)
        return self._snapshot(question, evaluated)

    def nobody(self) -> FeatureFlagEvaluations:
        """Return a snapshot without flags, which reports nothing."""
        return self._snapshot(None, Evaluated())

    def decide(  # noqa: PLR0913 what is known of a user
        self,
        distinct_id: str,
        *,
        groups: Mapping[str, Any] | None = None,
        person_properties: Mapping[str, Any] | None = None,
        group_properties: Mapping[str, Mapping[str, Any]] | None = None,
        disable_geoip: bool | None = None,
        flag_keys: Sequence[str] | None = None,
        device_id: str | None = None,
    ) -> FlagsAnswer:
        """
        Return the server's answer, whatever could be decided here; an empty one when there is none.

        Raises:
            FieldError: For an argument of a wrong type.
        """
        keys = check_keys(flag_keys)
        answer = self._ask(
            self._question(distinct_id, groups, person_properties, group_properties, disable_geoip, device_id, keys)
        )
        return answer if isinstance(answer, FlagsAnswer) else FlagsAnswer({})

    def _question(  # noqa: PLR0913, PLR0917 what is known of a user
        self,
        distinct_id: str,
        groups: Mapping[str, Any] | None,
        person_properties: Mapping[str, Any] | None,
        group_properties: Mapping[str, Mapping[str, Any]] | None,
        disable_geoip: bool | None,
        device_id: str | None,
        keys: tuple[str, ...],
    ) -> Question:
        check_properties(groups, person_properties, group_properties)
        geoip = self._geoip(disable_geoip)
        return question_of(distinct_id, groups, person_properties, group_properties, geoip, device_id, keys)

    def _values_here(self, question: Question) -> tuple[dict[str, Any], dict[str, Any], bool]:
        """Return the values and the payloads that can be had here, and whether these are all there are."""
        definitions = self._definitions()
        if definitions is None:
            return {}, {}, False
        try:
            values = definitions.values(_subject(question), question.keys or None)
            payloads = definitions.payloads(values)
        except Exception as error:  # noqa: BLE001 a definition, or a property's own code, may hold anything
            self._tell_of(error, "deciding flags here")
            return {}, {}, False
        if None in values.values():
            return {key: value for key, value in values.items() if value is not None}, payloads, False
        return values, payloads, len(definitions) > 0

    def _decide_all(self, question: Question) -> _Local:
        definitions = self._definitions()
        if definitions is None:
            return _Local()
        local = _Local(is_minimal=definitions.minimal_flag_called_events)
        try:
            evaluations = definitions.evaluate_all(_subject(question), question.keys or None)
        except Exception as error:  # noqa: BLE001 a definition, or a property's own code, may hold anything
            self._tell_of(error, "deciding flags here")
            return local
        local.decided = {key: each for key, each in evaluations.items() if each.value is not None}
        local.is_enough = len(definitions) > 0 and len(local.decided) == len(evaluations)
        if not local.is_enough:
            local.unresolved = {key: each.unresolved for key, each in evaluations.items() if each.value is None}
        return local

    def _ask(self, question: Question) -> FlagsAnswer | str:
        """Return the server's answer, or the word for why there is none."""
        self._notice_fork()
        try:
            return self._remote.decide(question)
        except FlagsError as error:
            self._tell(logging.WARNING, error.word, f"the server cannot be asked for flags: {error.detail}")
            return error.word
        except Exception as error:  # noqa: BLE001 a transport of the program's own
            self._tell_of(error, "asking the server for flags")
            return "unknown_error"

    def _fill(self, local: _Local, answer: FlagsAnswer | str, keys: tuple[str, ...]) -> Evaluated:
        if isinstance(answer, str):
            is_quota = answer == "quota_limited"
            return Evaluated(
                local.decided,
                unresolved=local.unresolved,
                errors=(answer,) if is_quota else (),
                failure="" if is_quota else answer,
                is_minimal=local.is_minimal,
            )
        wanted = answer.flags if not keys else {key: answer.flags[key] for key in keys if key in answer.flags}
        remote = {key: flag for key, flag in wanted.items() if key not in local.decided}
        return Evaluated(
            local.decided,
            remote,
            {key: why for key, why in local.unresolved.items() if key not in remote or remote[key].failed},
            errors=("errors_while_computing_flags",) if answer.errors_while_computing else (),
            request_id=answer.request_id,
            evaluated_at=answer.evaluated_at,
            is_minimal=answer.minimal_flag_called_events,
        )

    def _snapshot(self, question: Question | None, evaluated: Evaluated) -> FeatureFlagEvaluations:
        return FeatureFlagEvaluations(question, evaluated, self._report, self._warn)

    def _warn(self, text: str) -> None:
        self._tell(logging.WARNING, "only", text)  # texts have no end of kinds


def _subject(question: Question) -> Subject:
    return Subject(
        question.distinct_id,
        question.device_id,
        question.groups,
        question.person_properties,
        question.group_properties,
    )


def values_of(flags: Mapping[str, FeatureFlag]) -> dict[str, bool | str]:
    """Return the values of the flags that the server could decide."""
    return {key: flag.get_value() for key, flag in flags.items() if not flag.failed}


def payloads_of(flags: Mapping[str, FeatureFlag]) -> dict[str, Any]:
    """Return the payloads of the flags that are on, as JSON text."""
    payloads = {key: flag.metadata.payload for key, flag in flags.items() if flag.enabled and not flag.failed}
    return {key: payload for key, payload in payloads.items() if payload is not None}
