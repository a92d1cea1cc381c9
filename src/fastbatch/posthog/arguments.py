"""
The two ways of calling `capture`, told apart.

    capture(event, distinct_id=..., properties=..., ...)                               # since posthog 6
    capture(distinct_id, event, properties, context, timestamp, uuid, groups, ...)     # before

One argument by position is the event, unless ``event=`` is given too: then it is the distinct id. Two or more are
those of the older form.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from fastbatch.errors import FieldError

__all__ = ["NOT_GIVEN", "capture_arguments", "without_context"]


class _NotGiven:
    """Stands for an argument that was left out, where None is one that was given."""

    def __repr__(self) -> str:
        return "<not given>"


NOT_GIVEN: Final[Any] = _NotGiven()


def capture_arguments(first: Any, second: Any, event: Any, distinct_id: Any) -> tuple[Any, Any]:
    """
    Return the event and the distinct id that a call of `capture` meant.

    Args:
        first: The first argument by position, and ``second`` the second.
        event: The argument of that name, and ``distinct_id`` that one; each `NOT_GIVEN` where there is none.

    Raises:
        FieldError: When one of them is given twice, or there is no event.
    """
    if second is not NOT_GIVEN:
        event, distinct_id = _once("event", second, event), _once("distinct_id", first, distinct_id)
    elif first is not NOT_GIVEN and event is NOT_GIVEN:
        event = first
    elif first is not NOT_GIVEN:
        distinct_id = _once("distinct_id", first, distinct_id)
    if event is NOT_GIVEN:
        raise FieldError("Capture", "event", None, "given")
    return event, None if distinct_id is NOT_GIVEN else distinct_id


def _once(name: str, by_position: Any, by_name: Any) -> Any:
    if by_name is not NOT_GIVEN:
        raise FieldError("Capture", name, by_name, "given once; here it is given by position as well")
    return by_position


def without_context(rest: tuple[Any, ...], most: int) -> tuple[Any, ...]:
    """
    Return the arguments that follow the properties, without the ``context`` that stood first until posthog 5.

    It is known by its place: a mapping, or None before a time, or one argument more than there are today.

    Args:
        rest: What was given by position.
        most: How many arguments there are today.

    Raises:
        TypeError: When there are too many.
    """
    if len(rest) > most + 1:
        raise TypeError(f"at most {most} arguments may follow the first ones, and {len(rest)} do")
    is_older = len(rest) > most or (bool(rest) and isinstance(rest[0], Mapping))
    if not is_older and len(rest) > 1 and rest[0] is None:
        is_older = isinstance(rest[1], datetime)
    return rest[1:] if is_older else rest
