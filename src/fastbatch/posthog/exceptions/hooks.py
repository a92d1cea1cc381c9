"""Captures what nobody caught: the interpreter's two hooks for exceptions that end a thread."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol

from fastbatch.pipeline.notices import say
from fastbatch.posthog.exceptions.limiter import Limiter
from fastbatch.posthog.exceptions.origin import Origin

__all__ = ["Hooks"]

LAST_FLUSH = 2.0
"""The longest that a dying main thread waits for its event to leave, seconds."""

_MECHANISM = {"type": "onuncaughtexception", "handled": False}
_OF_MAIN = Origin("fatal", "python.sys_excepthook", _MECHANISM)
_OF_THREAD = Origin("error", "python.threading_excepthook", _MECHANISM)


class Captures(Protocol):
    """What the hooks report to: a `Posthog`."""

    def capture_caught(self, exception: Any, origin: Origin) -> str | None: ...

    def flush(self, timeout: float | None = ...) -> object: ...


class Hooks:
    """
    Installed from the moment it is made until `close`. The hooks that were there before are called afterwards.

    Args:
        client: Captures the exceptions.
        limiter: How many of each type; None for all.
        logger: Hears when capturing fails.
    """

    def __init__(self, client: Captures, limiter: Limiter | None, logger: logging.Logger) -> None:
        self._client = client
        self._limiter = limiter
        self._logger = logger
        self.is_closed = False
        self._earlier: Callable[..., Any] = sys.excepthook
        self._earlier_of_threads: Callable[..., Any] = threading.excepthook
        # Bound once: each look at a method makes another object.
        self._main: Callable[..., Any] = self.on_uncaught
        self._thread: Callable[..., Any] = self.on_uncaught_in_thread
        sys.excepthook = self._main
        threading.excepthook = self._thread

    def close(self) -> None:
        """Put back the earlier hooks, unless others were installed on top; those then find these without effect."""
        self.is_closed = True
        if sys.excepthook is self._main:
            sys.excepthook = _living(self._earlier)
        if threading.excepthook is self._thread:
            threading.excepthook = _living(self._earlier_of_threads)

    def on_uncaught(self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        """Take the place of ``sys.excepthook``."""
        self._capture((kind, error, traceback), _OF_MAIN)
        earlier = _living(self._earlier)
        # The interpreter's own shows the traceback, which should not wait; another may end the process itself.
        is_last = earlier is not sys.__excepthook__
        if is_last:
            self._flush()
        try:
            earlier(kind, error, traceback)
        finally:
            if not is_last:
                self._flush()

    def on_uncaught_in_thread(self, args: Any) -> None:
        """Take the place of ``threading.excepthook``."""
        self._capture((args.exc_type, args.exc_value, args.exc_traceback), _OF_THREAD)
        _living(self._earlier_of_threads)(args)

    def _capture(self, exception: tuple[Any, Any, Any], origin: Origin) -> None:
        if self.is_closed or (self._limiter is not None and not self._limiter.allows(exception[0].__name__)):
            return
        self._quietly(self._client.capture_caught, exception, origin)

    def _flush(self) -> None:
        if not self.is_closed:
            self._quietly(self._client.flush, LAST_FLUSH)

    def _quietly(self, function: Callable[..., object], *arguments: object) -> None:
        # The program's own traceback must be seen, whatever becomes of ours.
        try:
            function(*arguments)
        except Exception as error:  # noqa: BLE001 - told, not raised
            say(self._logger, logging.ERROR, "an uncaught exception was not captured: %s", type(error).__name__)

    def before(self, hook: Callable[..., Any]) -> Callable[..., Any] | None:
        """Return what was installed before ``hook``; None when it is not one of these."""
        return {self._main: self._earlier, self._thread: self._earlier_of_threads}.get(hook)


def _living(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Return the hook, or the one before it where its client was shut down."""
    while True:
        owner = getattr(hook, "__self__", None)
        earlier = owner.before(hook) if isinstance(owner, Hooks) and owner.is_closed else None
        if earlier is None:
            return hook
        hook = earlier
