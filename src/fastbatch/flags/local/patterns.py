r"""
Regular expressions in the syntax that Python shares with the server, whose engine is Rust's.

A pattern is read token by token. What the two engines read differently, and what one of them does not have, is
refused: look-around, back-references, word boundaries, set operations, nested quantifiers, ... `$` becomes `\Z`, for it
means the very end there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

__all__ = ["MAX_LENGTH", "Portable", "RefusedError", "Token", "translate"]

MAX_LENGTH = 10_000
"""Characters of a pattern; longer ones are refused."""

_MOST_REPEATS = 0xFFFF_FFFF
_REPEATS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}

_TOKEN = re.compile(
    r"""
      (?P<atom>        \\x[0-9a-fA-F]{2} | \\[dDsSwWfnrt] | \\[ -/:;=?@\[-`{-~] | [^\\()\[*+?{|^$] )
    | (?P<open>        \( (?: \?: | (?!\?) ) )
    | (?P<close>       \) )
    | (?P<class>       \[ )
    | (?P<anchor>      [$^] )
    | (?P<bar>         \| )
    | (?P<quantifier>  [*+?] (?![+{]) )
    | (?P<repeat>      \{ (?P<least>[0-9]{1,10}) (?P<comma>,(?P<most>[0-9]{0,10}))? \} (?![+{]) )
    | (?P<broken>      \\ \Z )
    """,
    re.VERBOSE | re.DOTALL,
)
_CLASS_ITEM = re.compile(
    r"""
      \\x[0-9a-fA-F]{2} | \\[dDsSwWbfnrt] | \\[\\\-\[\]^.$*+?(){}|]
    | (?! && | -- | ~~ ) (?: [^\\\[\]-] | - (?! \\[dDsSwW] ) )
    """,
    re.VERBOSE | re.DOTALL,
)
_SHORTHAND_BEFORE_DASH = re.compile(r"\\[dDsSwW]-[^\]]", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class RefusedError(ValueError):
    """Only the server can say what the pattern means, or how long it may take."""


@dataclass(frozen=True, slots=True)
class Token:
    """
    A piece of a pattern.

    Args:
        kind: ``atom``, ``class``, ``open``, ``close``, ``anchor``, ``bar``, ``quantifier``, ``broken``.
        text: In Python's syntax.
        least: Of a quantifier, how often what it follows is repeated.
        most: None is without limit.
    """

    kind: str
    text: str
    least: int = 1
    most: int | None = 1


@dataclass(frozen=True, slots=True)
class Portable:
    """
    A pattern that both engines read alike.

    Args:
        tokens: The pattern, in pieces.
        words: It has a word class, in which letters beyond ASCII may differ.
        spaces: It has a white-space class, in which four control characters differ.
        ends: It has an end anchor and anything that repeats or chooses.
    """

    tokens: tuple[Token, ...]
    words: bool
    spaces: bool
    ends: bool

    @property
    def text(self) -> str:
        """The pattern in Python's syntax, which may still be invalid."""
        return "".join([token.text for token in self.tokens])


def translate(pattern: str) -> Portable:
    """
    Return the pattern as both engines read it.

    Raises:
        RefusedError: It has something that they do not share.
    """
    if len(pattern) > MAX_LENGTH or _SURROGATE.search(pattern):
        _refuse(f"what is longer than {MAX_LENGTH} characters, or not Unicode")
    tokens = tuple(_Scanner(pattern).tokens())
    escapes = {text for token in tokens if token.kind in {"atom", "class"} for text in re.findall(r"\\.", token.text)}
    kinds = {token.kind for token in tokens}
    return Portable(
        tokens,
        words=bool(escapes & {"\\w", "\\W"}),
        spaces=bool(escapes & {"\\s", "\\S"}),
        ends=any(token.text == r"\Z" for token in tokens) and bool(kinds & {"quantifier", "bar"}),
    )


class _Scanner:
    """Reads a pattern from left to right, and keeps in mind what a quantifier may not follow."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._before = "start"
        """The kind of the token before this one."""
        self._repeats: list[bool] = []
        """Whether there is a quantifier in each group that is open."""
        self._closed_repeats = False
        """The same of the group that was closed last."""

    def tokens(self) -> list[Token]:
        tokens: list[Token] = []
        position = 0
        while position < len(self._pattern):
            found = _TOKEN.match(self._pattern, position)
            if found is None:
                _refuse(f"what begins at character {position + 1}")
            token, position = self._token(found)
            tokens.append(token)
        return tokens

    def _token(self, found: re.Match[str]) -> tuple[Token, int]:
        kind, text = found.lastgroup or "", found[0]
        if kind == "class":
            return self._class(found.start())
        if kind in {"quantifier", "repeat"}:
            return self._quantifier(found), found.end()
        before = kind
        if kind == "open":
            self._repeats.append(False)
        elif kind == "close":
            self._close()
            before = "empty group" if self._before in {"open", "empty group"} else "close"
        self._before = before
        return Token(kind, r"\Z" if text == "$" else text), found.end()

    def _close(self) -> None:
        self._closed_repeats = self._repeats.pop() if self._repeats else False
        if self._repeats:
            self._repeats[-1] |= self._closed_repeats

    def _quantifier(self, found: re.Match[str]) -> Token:
        # Repeating what repeats can take a time that is exponential in the value's length.
        if self._before == "close" and self._closed_repeats:
            _refuse("nested quantifiers")
        if self._repeats:
            self._repeats[-1] = True
        before, self._before = self._before, "quantifier"
        text = found[0]
        if found["least"] is None:
            if before in {"anchor", "empty group"}:
                _refuse("a quantifier after nothing that can be repeated")
            return Token("quantifier", text, *_REPEATS[text])
        least = int(found["least"])
        most = least if found["comma"] is None else int(found["most"]) if found["most"] else None
        if before not in {"atom", "class", "close"} or max(least, most or 0) > _MOST_REPEATS:
            _refuse("such a counted repetition")
        return Token("quantifier", text, least, most)

    def _class(self, start: int) -> tuple[Token, int]:
        pattern = self._pattern
        position = first = start + (2 if pattern.startswith("[^", start) else 1)
        while position < len(pattern) and (pattern[position] != "]" or position == first):
            item = _CLASS_ITEM.match(pattern, position)
            if item is None and pattern[position:] != "\\":
                _refuse(f"a class, at character {position + 1}")
            if _SHORTHAND_BEFORE_DASH.match(pattern, position - 2):
                _refuse(f"a range, at character {position + 1}")
            position = item.end() if item else position + 1
        if position >= len(pattern):
            return Token("broken", pattern[start:]), position
        self._before = "class"
        # Escaped, because Python warns of "||", which it may give a meaning one day.
        text = re.sub(r"(\\.)|\|", lambda found: found[1] or r"\|", pattern[start : position + 1], flags=re.DOTALL)
        return Token("class", text), position + 1


def _refuse(what: str) -> NoReturn:
    raise RefusedError(f"only the server surely understands {what}")
