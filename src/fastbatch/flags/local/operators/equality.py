"""
``exact`` and ``is_not``: equal as text in lower case, or as true or false.

The definitions say which version of the rules applies. Version 1 compares truth where all that a filter allows is
``true`` or ``false``; version 2 compares text. In both, an empty list stands for true.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastbatch.flags.local.context import MISSING, Context, Matcher
from fastbatch.flags.local.doubt import CONTEXT, Doubt
from fastbatch.flags.local.operators.maker import Maker, filter_text
from fastbatch.flags.local.text import NoTextError, text_of

__all__ = ["equality"]


def equality(wanted: bool, version: int) -> Maker:
    """Make ``exact``, or its opposite when not ``wanted``."""

    def make(key: str, value: Any) -> Matcher:
        if value == []:
            return _truth(key, True, wanted)
        if version != 2 and _is_boolean(value):
            return _truth(key, _is_true(value), wanted)
        return _words(key, value if isinstance(value, list) else [value], wanted)

    return make


def _words(key: str, allowed: list[Any], wanted: bool) -> Matcher:
    words = frozenset([filter_text(each).lower() for each in allowed])

    def match(properties: Mapping[str, Any], _: Context) -> bool | Doubt:
        given = properties.get(key, MISSING)
        if type(given) is str:
            return (given.lower() in words) is wanted
        if given is MISSING:
            return CONTEXT
        try:
            return (text_of(given).lower() in words) is wanted
        except NoTextError:
            return CONTEXT

    return match


def _truth(key: str, truth: bool, wanted: bool) -> Matcher:
    expected = truth is wanted

    def match(properties: Mapping[str, Any], _: Context) -> bool | Doubt:
        given = properties.get(key, MISSING)
        if given is True or given is False:
            return given is expected
        if given is MISSING:
            return CONTEXT
        try:
            text_of(given)
        except NoTextError:
            return CONTEXT
        return _is_true(given) is expected

    return match


def _is_boolean(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_boolean(each) for each in value)
    return isinstance(value, bool) or (isinstance(value, str) and value.lower() in {"true", "false"})


def _is_true(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_true(each) for each in value)
    return value is True or (isinstance(value, str) and value.lower() == "true")
