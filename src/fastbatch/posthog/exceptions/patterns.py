"""Regular expressions that recognise a name or a text, and those by which variables are hidden or left out."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

__all__ = ["IGNORED", "MASKED", "Patterns", "compiled"]

MASKED = tuple(
    f"(?i){word}"
    for word in (
        "password",
        "secret",
        "passwd",
        "pwd",
        "api_key",
        "apikey",
        "auth",
        "credentials",
        "privatekey",
        "private_key",
        "token",
        "aws_access_key_id",
        "_pass",
        "sk_",
        "jwt",
        "connection_string",
        "connectionstring",
        "conn_str",
        "connstr",
        "dsn",
        "[?&]sig=",
    )
)
"""Variables, keys and texts that match one of these are hidden; the last is the signature of a signed URL."""

IGNORED = (r"^__.*",)
"""Variables whose names match one of these are left out."""

_ANY_CASE = "(?i)"


class Patterns:
    """
    Args:
        expressions: Regular expressions, each sought anywhere in a text.

    Raises:
        re.error: When one is none.
    """

    def __init__(self, expressions: Sequence[str]) -> None:
        self._each: list[re.Pattern[str]] = []
        together = [text[len(_ANY_CASE) :] for text in expressions if _can_be_joined(text)]
        if together:
            self._each.append(re.compile("|".join(f"(?:{text})" for text in together), re.IGNORECASE))
        self._each += [re.compile(text) for text in expressions if not _can_be_joined(text)]

    def match(self, text: str) -> bool:
        """Return whether one of them is in the text."""
        return any(pattern.search(text) for pattern in self._each)


def _can_be_joined(text: str) -> bool:
    # No group of its own, whose number or flags would change.
    return text.startswith(_ANY_CASE) and "(" not in text[len(_ANY_CASE) :] and "\\" not in text


@functools.lru_cache(maxsize=64)
def _compiled(expressions: tuple[str, ...]) -> Patterns:
    return Patterns(expressions)


def compiled(expressions: Sequence[str]) -> Patterns:
    """Return the patterns, compiled once for equal ones; raises `re.error`."""
    return _compiled(tuple(expressions))
