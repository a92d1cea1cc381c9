"""``is_date_before`` and ``is_date_after``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timezone
from typing import Any

from fastbatch.flags.local.context import MISSING, Context, Matcher
from fastbatch.flags.local.dates import bound_of, comparable
from fastbatch.flags.local.doubt import CONTEXT, UNSUPPORTED, Doubt
from fastbatch.flags.local.operators.maker import Maker, UnusableError

__all__ = ["dating"]


def dating(compare: Callable[[date, date], bool]) -> Maker:
    """Make the operator for ``compare(property, value)``; a property that is null meets neither."""

    def make(key: str, value: Any) -> Matcher:
        try:
            bound_at = bound_of(str(value))
            bound_at(datetime.now(timezone.utc))
        except (ValueError, OverflowError) as error:
            raise UnusableError("its value is no date") from error

        def match(properties: Mapping[str, Any], context: Context) -> bool | Doubt:
            given = properties.get(key, MISSING)
            if given is None:
                return False
            if given is MISSING:
                return CONTEXT
            now = context.now()
            try:
                bound = bound_at(now)
            except (ValueError, OverflowError):  # a date that there was only when the definitions came
                return UNSUPPORTED
            pair = comparable(given, bound, now)
            return CONTEXT if pair is None else compare(*pair)

        return match

    return make
