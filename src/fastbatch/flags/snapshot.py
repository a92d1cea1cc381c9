"""All flags of one user at one moment: what a program branches on, and what its events then say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from fastbatch.flags.answer import FeatureFlag
from fastbatch.flags.call import FlagRead
from fastbatch.flags.local.evaluation import Evaluation
from fastbatch.flags.question import Question
from fastbatch.flags.result import decode_payload

__all__ = ["Evaluated", "FeatureFlagEvaluations"]

LOCAL_REASON = "Evaluated locally"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """
    What one evaluation of many flags came to.

    Args:
        local: Flags that were decided here.
        remote: Flags that the server decided, without those in ``local``.
        unresolved: Why flags that are defined here have no value.
        errors: What the server said of its answer as a whole, in the words of ``$feature_flag_error``.
        failure: Why there was no answer, in the same words; it concerns the flags that have no value.
        request_id: The server's name for the request.
        evaluated_at: When the server decided, milliseconds since 1970.
        is_minimal: Whether events of flags without experiment are to be short.
    """

    local: Mapping[str, Evaluation] = field(default_factory=dict)
    remote: Mapping[str, FeatureFlag] = field(default_factory=dict)
    unresolved: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    failure: str = ""
    request_id: str | None = None
    evaluated_at: int | None = None
    is_minimal: bool = False


class FeatureFlagEvaluations:
    """
    The flags of one user, decided once. Reading one reports it, each different value once.

    Give the object to ``capture(..., flags=...)``, and the event says which values the program went by.

    Thread safety:
        Any thread.
    """

    def __init__(
        self,
        question: Question | None,
        evaluated: Evaluated,
        report: Callable[[FlagRead], None],
        warn: Callable[[str], None],
        accessed: Iterable[str] = (),
    ) -> None:
        self._question = question
        self._evaluated = evaluated
        self._report = report
        self._warn = warn
        self._accessed = set(accessed)

    # Reading.

    def is_enabled(self, key: str, default_value: bool = False, *, send_feature_flag_events: bool = True) -> bool:
        """
        Return whether a flag is on; ``default_value`` when it has no value here.

        Args:
            key: The flag.
            default_value: For a flag that is unknown or could not be decided.
            send_feature_flag_events: Whether to report that it was read.
        """
        value = self.get_flag(key, send_feature_flag_events=send_feature_flag_events)
        return default_value if value is None else value is not False

    def get_flag(self, key: str, *, send_feature_flag_events: bool = True) -> bool | str | None:
        """
        Return a flag's value: a variant, True or False; None when it has none here.

        Args:
            key: The flag.
            send_feature_flag_events: Whether to report that it was read.
        """
        value = self._value(key)
        self._accessed.add(key)
        if send_feature_flag_events and self._question is not None:
            self._report(self._read(key, value, self._question))
        return value

    def get_flag_payload(self, key: str) -> Any:
        """Return the payload of a flag's value, decoded; reports nothing."""
        local, remote = self._evaluated.local.get(key), self._remote(key)
        if local is not None:
            return decode_payload(local.payload)
        return decode_payload(remote.metadata.payload) if remote is not None else None

    @property
    def keys(self) -> list[str]:
        """The flags that have a value."""
        remote = self._evaluated.remote
        return [*self._evaluated.local, *(key for key, flag in remote.items() if not flag.failed)]

    @property
    def unresolved_flags(self) -> Mapping[str, str]:
        """Why flags that are defined here have no value: ``missing_context``, ``unsupported_definition``, ..."""
        return MappingProxyType(dict(self._evaluated.unresolved))

    # Narrowing.

    def only(self, keys: Iterable[str]) -> FeatureFlagEvaluations:
        """Return a copy with these flags only; those that have no value are left out, with a warning."""
        keys = list(keys)
        missing = [key for key in keys if self._value(key) is None]
        if missing:
            self._warn(f"only(): without a value, and so left out: {', '.join(missing)}")
        return self._narrowed(keys)

    def only_accessed(self) -> FeatureFlagEvaluations:
        """Return a copy with those flags only that `is_enabled` or `get_flag` has asked for until now."""
        return self._narrowed(tuple(self._accessed))

    # What events say.

    @property
    def distinct_id(self) -> str:
        """Whose flags these are; empty when nobody's."""
        return "" if self._question is None else self._question.distinct_id

    @property
    def groups(self) -> dict[str, Any]:
        """The groups that they were evaluated for."""
        return {} if self._question is None else dict(self._question.groups)

    def event_properties(self) -> dict[str, Any]:
        """Return what an event says of these flags: ``$feature/<key>`` for each, ``$active_feature_flags``."""
        values = {key: self._value(key) for key in self.keys}
        properties: dict[str, Any] = {f"$feature/{key}": value for key, value in values.items()}
        active = sorted(key for key, value in values.items() if value is not False)
        if active:
            properties["$active_feature_flags"] = active
        return properties

    def __repr__(self) -> str:
        return f"<FeatureFlagEvaluations of {len(self.keys)} flags>"

    def _value(self, key: str) -> bool | str | None:
        local = self._evaluated.local.get(key)
        if local is not None:
            return local.value
        flag = self._remote(key)
        if flag is None or not flag.enabled:
            return None if flag is None else False
        return True if flag.variant is None else flag.variant

    def _remote(self, key: str) -> FeatureFlag | None:
        flag = self._evaluated.remote.get(key)
        return None if flag is None or flag.failed else flag

    def _narrowed(self, keys: Iterable[str]) -> FeatureFlagEvaluations:
        evaluated = self._evaluated
        kept = replace(
            evaluated,
            local={key: evaluated.local[key] for key in keys if key in evaluated.local},
            remote={key: evaluated.remote[key] for key in keys if key in evaluated.remote},
            unresolved={},
        )
        return FeatureFlagEvaluations(self._question, kept, self._report, self._warn, self._accessed)

    def _read(self, key: str, value: bool | str | None, question: Question) -> FlagRead:
        evaluated = self._evaluated
        read = FlagRead(
            key=key,
            distinct_id=question.distinct_id,
            device_id=question.device_id,
            groups=question.groups,
            disable_geoip=question.disable_geoip,
            value=value,
            payload=self.get_flag_payload(key),
            is_minimal=evaluated.is_minimal,
            request_id=evaluated.request_id,
            error=",".join(self._errors(key)),
        )
        local, flag = evaluated.local.get(key), evaluated.remote.get(key)
        if local is not None:
            read.is_local, read.reason = True, LOCAL_REASON
            read.flag_id, read.version, read.has_experiment = local.flag_id, local.version, local.has_experiment
            return read
        read.evaluated_at = evaluated.evaluated_at
        if flag is not None:
            read.record = flag
            read.describe(flag)
        return read

    def _errors(self, key: str) -> list[str]:
        evaluated = self._evaluated
        errors = list(evaluated.errors)
        flag = evaluated.remote.get(key)
        if evaluated.failure and key not in evaluated.local:
            errors.append(evaluated.failure)
        if flag is not None and flag.failed:
            errors.append("evaluation_failed")
        if key in evaluated.unresolved:
            errors.append("local_evaluation_inconclusive")
        elif flag is None and key not in evaluated.local:
            errors.append("flag_missing")
        return errors
