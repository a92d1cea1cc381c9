"""Where a flag is meant to be evaluated, which a flag says and nothing enforces."""

from __future__ import annotations

import enum
from typing import Any

__all__ = ["FeatureFlagEvaluationRuntime"]


class FeatureFlagEvaluationRuntime(str, enum.Enum):
    """Which programs a flag is for; equal to its word."""

    ALL = "all"
    CLIENT = "client"
    SERVER = "server"

    @classmethod
    def of(cls, value: Any) -> FeatureFlagEvaluationRuntime:
        """Return what a definition says; one that says nothing, or nothing that is known, is for all."""
        try:
            return cls(value.strip().lower()) if isinstance(value, str) else cls.ALL
        except ValueError:
            return cls.ALL

    def suits(self, other: FeatureFlagEvaluationRuntime) -> bool:
        """Return whether a flag of one of these is for programs of the other."""
        return self is other or FeatureFlagEvaluationRuntime.ALL in (self, other)
