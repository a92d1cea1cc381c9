"""``icontains``, ``starts_with``, ``ends_with`` and their opposites, whatever the case of A to Z."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastbatch.flags.local.context import MISSING, Context, Matcher
from fastbatch.flags.local.doubt import CONTEXT, Doubt
from fastbatch.flags.local.operators.maker import Maker, filter_text
from fastbatch.flags.local.text import NoTextError, ascii_lower, text_of

__all__ = ["wording"]


def wording(find: Callable[[str, str], bool], wanted: bool) -> Maker:
    """Make the operator that looks for the filter's text with ``find(text, part)``."""

    def make(key: str, value: Any) -> Matcher:
        part = ascii_lower(filter_text(value))

        def match(properties: Mapping[str, Any], _: Context) -> bool | Doubt:
            given = properties.get(key, MISSING)
            if type(given) is str:
                return find(given.lower() if given.isascii() else ascii_lower(given), part) is wanted
            if given is MISSING:
                return CONTEXT
            try:
                return find(ascii_lower(text_of(given)), part) is wanted
            except NoTextError:
                return CONTEXT

        return match

    return make
