"""A flag that needs no evaluation."""

from __future__ import annotations

from fastbatch.flags.local.context import Context
from fastbatch.flags.local.evaluation import Evaluation

__all__ = ["Constant"]


class Constant:
    """A flag that has one outcome for everybody."""

    __slots__ = ("outcome",)

    def __init__(self, outcome: Evaluation) -> None:
        self.outcome = outcome

    def decide(self, _: Context) -> Evaluation:
        """Return the outcome."""
        return self.outcome
