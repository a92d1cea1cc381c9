"""
The `posthog` package as the oracle of local evaluation: its own functions, offline.

A flag is asked for as its client asks. `Oracle.evaluate` is the package as it is; with ``own_values`` a flag that
others depend on has the value that the package gives it when it is asked for by itself, as on the server: see "one
value a flag" in `tests.support.flag_differences`.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

from posthog import Client
from posthog.feature_flags import InconclusiveMatchError, RequiresServerEvaluation
from posthog.types import UnresolvedFlagReason

from fastbatch.flags.local.evaluation import REQUIRES_SERVER, Evaluation
from fastbatch.flags.local.subject import Subject

__all__ = ["CRASHED", "Answer", "Oracle", "answer_of"]

CRASHED = "crashed"
"""The package raised what it does not expect: its client logs that, and has no value and no reason."""

logging.getLogger("posthog").disabled = True


class Answer(NamedTuple):
    """What can be compared: the value, its payload, or why there is none, and whether only the server may know it."""

    value: bool | str | None
    payload: str | None = None
    unresolved: str = ""
    requires_server: bool = False


def answer_of(evaluation: Evaluation) -> Answer:
    """Return what is comparable of ours."""
    return Answer(evaluation.value, evaluation.payload, evaluation.unresolved, evaluation.reason == REQUIRES_SERVER)


class _OwnValues(dict[str, Any]):
    """Values of flags, by key; the package looks here before it evaluates a dependency."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        super().__init__({key: answer.value for key, answer in answers.items()})
        self._only_server = {key for key, answer in answers.items() if answer.requires_server}

    def __setitem__(self, key: str, value: Any) -> None:
        """Learn nothing on the way: a second filter is to be answered as the first one was ("chains with a gap")."""

    def get(self, key: str, default: Any = None) -> Any:
        if key in self._only_server:
            raise RequiresServerEvaluation(key, reason=UnresolvedFlagReason.UNRESOLVED_DEPENDENCY)
        return super().get(key, default)


class _Client(Client):
    """The package's client, which can be told what is known of other flags."""

    known: _OwnValues | None = None

    def _compute_group_flag_locally(self, *args: Any) -> Any:
        # ..., evaluation_cache, aggregation_group_type_index
        return super()._compute_group_flag_locally(*args[:-2], self._cache(args[-2]), args[-1])

    def _compute_person_flag_locally(self, *args: Any) -> Any:
        # ..., evaluation_cache, groups, group_properties
        return super()._compute_person_flag_locally(*args[:-3], self._cache(args[-3]), *args[-2:])

    def _cache(self, given: dict[str, Any]) -> dict[str, Any]:
        return given if self.known is None else self.known


class Oracle:
    """Evaluates definitions as the package does."""

    def __init__(self) -> None:
        self._client = _Client("phc_oracle", sync_mode=True, send=False, enable_local_evaluation=False)

    def load(self, payload: Mapping[str, Any]) -> None:
        """Take definitions, as its poller would."""
        self._client._update_flag_state(
            {
                "flags": payload["flags"],
                "group_type_mapping": payload.get("group_type_mapping", {}),
                "cohorts": payload.get("cohorts", {}),
                "property_matching_version": payload.get("property_matching_version", 1),
            }
        )
        self._payload = payload

    def evaluate(self, key: str, subject: Subject, own_values: Mapping[str, Answer] | None = None) -> Answer:
        """Return what the package says of a flag."""
        self._client.known = None if own_values is None else _OwnValues(own_values)
        person, groups = self._client._add_local_person_and_group_properties(
            subject.groups, subject.person_properties, subject.group_properties
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # of character classes with "||"
                value = self._client._compute_flag_locally(
                    self._client.feature_flags_by_key[key],
                    subject.distinct_id,
                    groups=subject.groups,
                    person_properties=self._client._person_properties_for_local_evaluation(subject.distinct_id, person),
                    group_properties=groups,
                    device_id=subject.device_id,
                    warn_on_unknown_groups=False,
                )
        except (InconclusiveMatchError, RequiresServerEvaluation) as error:
            return Answer(None, None, error.reason.value, isinstance(error, RequiresServerEvaluation))
        except Exception:  # noqa: BLE001 - the package's client catches the same
            return Answer(None, None, CRASHED)
        return Answer(value, self._client._compute_payload_locally(key, value))
