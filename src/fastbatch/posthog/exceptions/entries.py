"""
An exception as PostHog's ``$exception_list``: itself first, then what led to it, each with its frames.

The tree of causes, contexts and members of groups is listed depth first; ``parent_id`` says whose each one is.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import Any, NamedTuple

from fastbatch.posthog.exceptions.frames import MOST_FRAMES, Budget, Frames, cut
from fastbatch.posthog.exceptions.origin import Origin
from fastbatch.posthog.exceptions.stacks import Caught, Stack, stack_of
from fastbatch.posthog.exceptions.variables import Variables

__all__ = ["Entries"]

MOST_ENTRIES = 50
MOST_MEMBERS = 1000
"""Members of groups that are looked at, of all groups together."""

MOST_TEXT_BYTES = 32 * 1024
"""Of an exception's own text."""

_GROUP: type[BaseException] | None = getattr(builtins, "BaseExceptionGroup", None)


class _Link(NamedTuple):
    """An exception that led to an earlier one."""

    error: BaseException
    parent: int
    source: str

    @property
    def mechanism(self) -> dict[str, Any]:
        return {"type": "chained", "source": self.source, "parent_id": self.parent, "synthetic": False}


class Entries:
    """
    Lists exceptions of one event.

    Args:
        frames: Describes frames.
        variables: Shows the variables of the program's own frames; None for none.
    """

    def __init__(self, frames: Frames, variables: Variables | None) -> None:
        self._frames = frames
        self._variables = variables

    def list(self, caught: Caught, origin: Origin) -> list[dict[str, Any]]:
        """Return the exception and what led to it."""
        mechanism = {"type": "generic", "handled": True, **origin.mechanism, "synthetic": caught.is_synthetic}
        entries = [self._entry(caught.error, caught.stack, {**mechanism, "exception_id": 0})]
        # An exception that leads to itself is listed once; it is kept, so that its id stays its own.
        seen = {id(caught.error): caught.error}
        members = Budget(MOST_MEMBERS)
        # By hand, not by calls: a chain may be longer than the interpreter's stack.
        waiting = _links(caught.error, 0)
        while waiting and len(entries) < MOST_ENTRIES:
            link = waiting.pop()
            if (link.source == "member" and not members.take(1)) or id(link.error) in seen:
                continue
            seen[id(link.error)] = link.error
            number = len(entries)
            entries.append(
                self._entry(link.error, stack_of(link.error.__traceback__), {**link.mechanism, "exception_id": number})
            )
            waiting += _links(link.error, number)
        return entries

    def _entry(self, error: BaseException, stack: Stack, mechanism: dict[str, Any]) -> dict[str, Any]:
        kind = type(error)
        number = _errno_of(error)
        if number is not None:
            mechanism["meta"] = {"errno": {"number": number}}
        if _GROUP is not None and isinstance(error, _GROUP):
            mechanism["is_exception_group"] = True
        entry: dict[str, Any] = {
            "mechanism": mechanism,
            "module": None if kind.__module__ in ("builtins", "__builtins__") else kind.__module__,
            "type": kind.__qualname__,
            "value": cut(_text_of(error), MOST_TEXT_BYTES),
        }
        frames = list(self._described(stack))
        if frames:
            entry["stacktrace"] = {"frames": frames, "type": "raw"}
        return entry

    def _described(self, stack: Stack) -> Iterator[dict[str, Any]]:
        if len(stack) > MOST_FRAMES:
            outer = MOST_FRAMES // 4
            stack = [*stack[:outer], *stack[outer - MOST_FRAMES :]]
        for frame, line in stack:
            described = self._frames.describe(frame, line)
            if self._variables is not None and described.get("in_app"):
                shown = self._variables.of(frame)
                if shown:
                    described["code_variables"] = shown
            yield described


def _links(error: BaseException, number: int) -> list[_Link]:
    """Return what led to an exception, the last to be listed first."""
    links = []
    if _GROUP is not None and isinstance(error, _GROUP):
        inner: tuple[BaseException, ...] = error.exceptions  # type: ignore[attr-defined]
        links = [_Link(each, number, "member") for each in inner[MOST_MEMBERS - 1 :: -1]]
    is_given = error.__suppress_context__
    earlier = error.__cause__ if is_given else error.__context__
    return links if earlier is None else [*links, _Link(earlier, number, "cause" if is_given else "context")]


def _errno_of(error: BaseException) -> int | str | None:
    try:
        number = getattr(error, "errno", None)
    except Exception:  # noqa: BLE001 - its own code
        return None
    return number if isinstance(number, (int, str)) else None


def _text_of(error: BaseException) -> str:
    try:
        # What web frameworks call the text of an exception.
        return str(getattr(error, "message", "") or getattr(error, "detail", "") or error)
    except Exception:  # noqa: BLE001 - its own code
        return _representation(error)


def _representation(error: BaseException) -> str:
    try:
        return repr(error)
    except Exception:  # noqa: BLE001 - its own code
        return "<broken repr>"
