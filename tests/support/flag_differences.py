"""Where local evaluation differs from posthog-python 7.91.1, on purpose: `docs/guide/flags.md` lists the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.support.flag_oracle import CRASHED, Answer

__all__ = ["Case", "explained"]


class Case(NamedTuple):
    """One filter and one property on which the two differ."""

    operator: str
    filter_value: Any
    property_value: Any
    ours: Answer
    theirs: Answer


def explained(case: Case) -> bool:
    return False
