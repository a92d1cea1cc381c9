"""The frames that an exception passed, outermost first; for one that was never raised, those of the caller."""

from __future__ import annotations

import inspect
import sys
from types import CodeType, FrameType, TracebackType
from typing import NamedTuple, TypeAlias

__all__ = ["Caught", "Stack", "caught_by", "stack_of"]

Stack: TypeAlias = "list[tuple[FrameType, int]]"
"""Frames, each with the line that it was in."""

_PACKAGE = __name__.partition(".")[0]
_HIDING = ("__traceback_hide__", "__tracebackhide__")


class Caught(NamedTuple):
    """An exception as it was caught."""

    kind: type[BaseException]
    error: BaseException
    stack: Stack
    is_synthetic: bool
    """Whether the stack is the caller's, because the exception was never raised."""


def caught_by(exception: object) -> Caught | None:
    """
    Return the exception, the one in ``(type, value, traceback)``, or the one being handled when it is None.

    None when there is none, or when its type only is known.

    Raises:
        TypeError: When it is something else.
    """
    traceback: TracebackType | None
    if exception is None:
        exception = sys.exc_info()
    if isinstance(exception, BaseException):
        error, traceback = exception, exception.__traceback__
    elif isinstance(exception, tuple) and len(exception) == 3:
        _, error, traceback = exception
        if error is None:
            return None
        if not isinstance(error, BaseException):
            raise TypeError(f"the second of three is no exception but {type(error).__name__}")
    else:
        raise TypeError(f"an exception is wanted, not {type(exception).__name__}")
    if traceback is None:
        return Caught(type(error), error, _callers_stack(), is_synthetic=True)
    return Caught(type(error), error, stack_of(traceback), is_synthetic=False)


def stack_of(traceback: TracebackType | None) -> Stack:
    """Return the frames of a traceback, without those that ask to be left out."""
    stack: Stack = []
    while traceback is not None:
        if not _is_hidden(traceback.tb_frame):
            stack.append((traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    return stack


def _callers_stack() -> Stack:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the documented way to one's own frame
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
    stack: Stack = []
    while frame is not None:
        if not _is_hidden(frame):
            stack.append((frame, frame.f_lineno))
        frame = frame.f_back
    return stack[::-1]


def _is_ours(frame: FrameType) -> bool:
    module = frame.f_globals.get("__name__")
    return isinstance(module, str) and (module == _PACKAGE or module.startswith(_PACKAGE + "."))


def _is_hidden(frame: FrameType) -> bool:
    module = frame.f_globals.get("__name__")
    if isinstance(module, str) and module.startswith("sentry_sdk."):
        return True
    code = frame.f_code
    if code.co_flags & inspect.CO_OPTIMIZED and not _names_of(code).intersection(_HIDING):
        return False  # a look at a function's variables would keep their values alive for as long as it runs
    variables = frame.f_locals
    return any(_truth_of(variables.get(name)) for name in _HIDING)


def _names_of(code: CodeType) -> set[str]:
    return {*code.co_varnames, *code.co_cellvars, *code.co_freevars}


def _truth_of(value: object) -> bool:
    """Return the value's truth, False when it does not say."""
    try:
        return bool(value)
    except Exception:  # noqa: BLE001 - an array, a proxy
        return False
