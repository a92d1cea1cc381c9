"""``gt``, ``gte``, ``lt`` and ``lte``: between numbers, also those that are given as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastbatch.flags.local.context import MISSING, Context, Matcher
from fastbatch.flags.local.doubt import CONTEXT, Doubt
from fastbatch.flags.local.numeric import number_of
from fastbatch.flags.local.operators.maker import Maker, UnusableError

__all__ = ["ordering"]


def ordering(compare: Callable[[float, float], bool]) -> Maker:
    """Make the operator for ``compare(property, value)``; a property that is no number meets none of them."""

    def make(key: str, value: Any) -> Matcher:
        bound = number_of(value)
        if bound is None:
            raise UnusableError("its value is no finite number")

        def match(properties: Mapping[str, Any], _: Context) -> bool | Doubt:
            given = properties.get(key, MISSING)
            if given is MISSING:
                return CONTEXT
            number = number_of(given)
            return number is not None and compare(number, bound)

        return match

    return make
