"""
A regular expression as an automaton: reads each character once, so no value can make it slow.

Python's engine tries one way after the other, and some patterns have more ways than anybody can wait for. Where that
could happen, a value is read by this automaton instead, which follows all ways at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from fastbatch.flags.local.patterns import Token

__all__ = ["MAX_STATES", "Automaton", "TooLargeError", "tries"]

MAX_STATES = 5_000

_Reads: TypeAlias = Callable[[str], object]


class TooLargeError(ValueError):
    """Counted repetitions make the automaton larger than `MAX_STATES`."""


def tries(tokens: tuple[Token, ...], length: int) -> int:
    """
    Return how often a backtracking engine might look at a character of a value of so many: an upper bound.

    A choice inside a repetition counts as without bound.
    """
    total = (length + 1) * sum(token.least for token in tokens)
    for number, token in enumerate(tokens):
        if token.kind == "bar":
            total *= 2
        elif token.kind == "quantifier" and token.least != token.most:
            most = length if token.most is None else min(token.most, length)
            total *= max(most - token.least, 1) + 1
        if token.kind == "quantifier" and token.most != 1 and _ends_a_choice(tokens, number):
            return 1 << 60
    return total


def _ends_a_choice(tokens: tuple[Token, ...], number: int) -> bool:
    """Tell whether the group that ends before a quantifier has alternatives in it."""
    depth = 0
    for token in reversed(tokens[:number]):
        depth += (token.kind == "close") - (token.kind == "open")
        if depth <= 0:
            return False
        if token.kind == "bar":
            return True
    return False


@dataclass(slots=True)
class _State:
    """Reads a character and goes on to ``next``; or, with nothing to read, goes on to all of ``free``."""

    reads: _Reads | None = None
    next: int = 0
    free: list[int] = field(default_factory=list)
    at_start: bool = False
    at_end: bool = False


class Automaton:
    """
    A valid pattern's states; it is only read after it is made.

    Raises:
        TooLargeError: It would have more than `MAX_STATES`.
    """

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._states: list[_State] = []
        self._tokens = tokens
        self._position = 0
        self._first, self._last = self._choice()

    def __len__(self) -> int:
        return len(self._states)

    def search(self, value: str) -> bool:
        """Tell whether the pattern matches anywhere in ``value``."""
        known: dict[tuple[frozenset[int], str], frozenset[int] | None] = {}
        alive: frozenset[int] = frozenset()
        for place, character in enumerate(value):
            step = (alive, character)
            if place == 0 or step not in known:
                reached = self._reached(alive, place == 0, False)
                # What depends on being at the start is not worth remembering.
                after = None if self._last in reached else self._after(reached, character)
                if place:
                    known[step] = after
            else:
                after = known[step]
            if after is None:
                return True
            alive = after
        return self._last in self._reached(alive, not value, True)

    def _reached(self, states: frozenset[int], at_start: bool, at_end: bool) -> frozenset[int]:
        """Add the states that are reached without reading."""
        reached = {self._first, *states}  # a match may begin anywhere
        pending = list(reached)
        while pending:
            state = self._states[pending.pop()]
            if (state.at_start and not at_start) or (state.at_end and not at_end):
                continue
            fresh = [each for each in state.free if each not in reached]
            reached.update(fresh)
            pending += fresh
        return frozenset(reached)

    def _after(self, reached: frozenset[int], character: str) -> frozenset[int]:
        states = (self._states[each] for each in reached)
        return frozenset(state.next for state in states if state.reads is not None and state.reads(character))

    # Building: each part is a pair of states, from which and to which it leads.

    def _choice(self) -> tuple[int, int]:
        first, last = self._state(), self._state()
        while True:
            begin, end = self._sequence()
            self._states[first].free.append(begin)
            self._states[end].free.append(last)
            if not self._at("bar"):
                return first, last
            self._position += 1

    def _sequence(self) -> tuple[int, int]:
        first = last = self._state()
        while self._position < len(self._tokens) and not self._at("bar") and not self._at("close"):
            begin, end = self._repeated()
            self._states[last].free.append(begin)
            last = end
        return first, last

    def _repeated(self) -> tuple[int, int]:
        start = self._position
        begin, end = self._single()
        if not self._at("quantifier"):
            return begin, end
        quantifier = self._tokens[self._position]
        after = self._position + 1
        copies = quantifier.least if quantifier.most is None else quantifier.most
        parts = [(begin, end)]
        for _ in range(copies - 1):
            self._position = start
            parts.append(self._single())
        self._position = after + self._at_lazy(after)
        return self._chained(parts, quantifier)

    def _chained(self, parts: list[tuple[int, int]], quantifier: Token) -> tuple[int, int]:
        """Put copies of a part one after the other; those beyond the least may be left out."""
        first = last = self._state()
        exit_ = self._state()
        for number, (begin, end) in enumerate(parts if quantifier.most != 0 else []):
            if number >= quantifier.least:
                self._states[last].free.append(exit_)
            self._states[last].free.append(begin)
            last = end
        if quantifier.most is None:
            begin, end = parts[-1]
            self._states[end].free.append(begin)
        self._states[last].free.append(exit_)
        return first, exit_

    def _single(self) -> tuple[int, int]:
        token = self._tokens[self._position]
        self._position += 1
        if token.kind == "open":
            part = self._choice()
            self._position += 1
            return part
        first, last = self._state(), self._state()
        state = self._states[first]
        if token.kind == "anchor":
            state.at_start, state.at_end = token.text == "^", token.text != "^"
            state.free.append(last)
        else:
            state.reads, state.next = re.compile(token.text).match, last
        return first, last

    def _state(self) -> int:
        if len(self._states) >= MAX_STATES:
            raise TooLargeError
        self._states.append(_State())
        return len(self._states) - 1

    def _at(self, kind: str) -> bool:
        return self._position < len(self._tokens) and self._tokens[self._position].kind == kind

    def _at_lazy(self, position: int) -> bool:
        """Tell whether a quantifier says that it is lazy: no matter to whether there is a match."""
        return position < len(self._tokens) and self._tokens[position].text == "?"
