"""``regex`` and ``not_regex``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from fastbatch.flags.local.context import MISSING, Context, Matcher
from fastbatch.flags.local.doubt import CONTEXT, Doubt
from fastbatch.flags.local.expression import Expression
from fastbatch.flags.local.operators.maker import Maker, UnusableError
from fastbatch.flags.local.patterns import RefusedError
from fastbatch.flags.local.text import NoTextError, text_of

__all__ = ["regex"]


def regex(wanted: bool) -> Maker:
    """Make ``regex``, or its opposite when not ``wanted``. A pattern that is invalid everywhere meets neither."""

    def make(key: str, value: Any) -> Matcher:
        search = _search(str(value), wanted)

        def match(properties: Mapping[str, Any], _: Context) -> bool | Doubt:
            given = properties.get(key, MISSING)
            if given is MISSING:
                return CONTEXT
            try:
                found = search(text_of(given))
            except NoTextError:
                return CONTEXT
            return found if isinstance(found, Doubt) else found is wanted

        return match

    return make


def _search(pattern: str, wanted: bool) -> Callable[[str], bool | Doubt]:
    if not pattern:
        return lambda _: True
    try:
        return Expression(pattern).matches
    except RefusedError as error:
        raise UnusableError(str(error)) from error
    except re.error:
        return lambda _: not wanted
