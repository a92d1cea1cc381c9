"""A filter's regular expression: which values Python may search, and how."""

from __future__ import annotations

import re

from fastbatch.flags.local.automaton import Automaton, TooLargeError, tries
from fastbatch.flags.local.doubt import UNSUPPORTED, Doubt
from fastbatch.flags.local.patterns import Portable, RefusedError, Token, translate

__all__ = ["MAX_STEPS", "MAX_TRIES", "Expression"]

MAX_TRIES = 10_000_000
"""Python's engine searches where it cannot look at characters more often than this: a tenth of a second."""

MAX_STEPS = 1_000_000
"""States times characters; beyond these nobody searches."""

_CONTROLS = re.compile("[\x1c-\x1f]")
"""White space to Python alone."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class Expression:
    """
    A pattern, compiled.

    Args:
        pattern: As it stands in the filter.

    Raises:
        RefusedError: Python and the server may read the pattern differently.
        re.error: The pattern is no regular expression to either of them.
    """

    def __init__(self, pattern: str) -> None:
        self._portable: Portable = translate(pattern)
        try:
            self._search = re.compile(self._portable.text).search
        except re.error:
            raise
        except Exception as error:
            raise RefusedError("Python cannot compile it") from error
        self._wary = self._portable.ends or self._portable.spaces
        """Whether even a value of ASCII can be read differently."""
        self._quick_length = _longest(self._portable.tokens)
        try:
            self._automaton: Automaton | None = Automaton(self._portable.tokens)
        except TooLargeError:
            self._automaton = None

    def matches(self, value: str) -> bool | Doubt:
        """Tell whether the pattern matches anywhere in ``value``, in time that is linear in its length."""
        if (self._wary or not value.isascii()) and self._may_differ(value):
            return UNSUPPORTED
        if len(value) <= self._quick_length:
            return self._search(value) is not None
        if self._automaton is None or len(self._automaton) * len(value) > MAX_STEPS:
            return UNSUPPORTED
        return self._automaton.search(value)

    def _may_differ(self, value: str) -> bool:
        """Tell whether Python's engine and the server's may disagree about this value."""
        portable = self._portable
        if portable.ends and value.endswith("\n"):
            return True
        if not value.isascii() and (_SURROGATE.search(value) or (portable.words and not _plain_words(value))):
            return True
        return portable.spaces and _CONTROLS.search(value) is not None


def _longest(tokens: tuple[Token, ...]) -> int:
    """Return the length of the longest values that Python's engine may search."""
    low, high = -1, MAX_TRIES
    while low < high:
        middle = (low + high + 1) // 2
        if tries(tokens, middle) <= MAX_TRIES:
            low = middle
        else:
            high = middle - 1
    return low


def _plain_words(value: str) -> bool:
    """Tell whether all beyond ASCII is letters and decimal digits, the only ones in both engines' word class."""
    return all(character.isascii() or character.isalpha() or character.isdecimal() for character in value)
