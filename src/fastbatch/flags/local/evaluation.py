"""What a flag is for a subject, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["REQUIRES_SERVER", "Evaluation", "Unresolved"]

Unresolved: TypeAlias = Literal[
    "", "experience_continuity", "unsupported_definition", "unresolved_dependency", "missing_context"
]
"""Why a flag has no value here; empty when it has one. Of several causes the first in this order is told."""

REQUIRES_SERVER = "requires_server"
"""The reason of a flag of which only the server knows the value."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """
    The outcome of one flag for one subject.

    Equal outcomes of a flag share one object, which is made when the definitions are compiled.

    Args:
        key: The flag's.
        value: A variant's key, True or False; None when it cannot be decided from what is known here.
        payload: What the definition attaches to the value, JSON text.
        reason: ``condition_match``, ``no_condition_match``, ``out_of_rollout_bound``, ``no_group_type``,
            ``super_condition_value`` (enrolled in the feature), ``holdout_condition_value``, ``disabled``;
            without a value ``undecided`` or ``requires_server``.
        condition_index: Which of the flag's conditions decided.
        unresolved: Why there is no value.
        flag_id: The flag's number.
        version: Of the flag.
        has_experiment: Whether an experiment runs on the flag; None when the server does not say.
    """

    key: str
    value: bool | str | None
    payload: str | None = None
    reason: str = "condition_match"
    condition_index: int | None = None
    unresolved: Unresolved = ""
    flag_id: int | None = None
    version: int | None = None
    has_experiment: bool | None = None
