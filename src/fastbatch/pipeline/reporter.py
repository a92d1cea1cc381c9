"""Tells the user's callbacks what became of events, on a thread of its own, so that nothing they do harms delivery."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastbatch.errors import DeliveryError
from fastbatch.fastjson import loads
from fastbatch.pipeline.notices import say
from fastbatch.typing import Callback, DeliveryReport

__all__ = ["Reporter"]

MOST_WAITING = 10_000
"""Reports; a callback that never returns must not fill the memory."""

MOST_WAITING_BYTES = 16 * 1024 * 1024
"""Of messages kept for `Callback`."""

IDLE_SECONDS = 5.0
"""After so long without a report the thread ends; the next report starts another."""


@dataclass(slots=True)
class _Item:
    report: DeliveryReport
    messages: list[bytes]


class Reporter:
    """
    Args:
        callback: Hears of each message, None for nobody.
        on_delivery: Hears of each batch, None for nobody.
        logger: Hears of callbacks that raise, the first time and then every hundredth.
        is_direct: True to call on the thread that reports, as ``sync_mode`` does.
    """

    def __init__(
        self,
        callback: Callback | None,
        on_delivery: Callable[[DeliveryReport], object] | None,
        logger: logging.Logger,
        *,
        is_direct: bool,
    ) -> None:
        self._callback = callback
        self._on_delivery = on_delivery
        self._logger = logger
        self._is_direct = is_direct
        self._waiting: deque[_Item] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stand_in: threading.Thread | None = None
        self._is_busy = False
        self._failures = 0
        self._unreported = 0

    @property
    def wants_messages(self) -> bool:
        """True when somebody hears of each message."""
        return self._callback is not None

    @property
    def _is_silent(self) -> bool:
        return self._callback is None and self._on_delivery is None

    def report(self, report: DeliveryReport, messages: list[bytes]) -> None:
        """Pass on the final word on a batch; ``messages`` are its messages if `wants_messages`."""
        if self._is_silent:
            return
        item = _Item(report, messages)
        if self._is_direct:
            self._tell(item)
            return
        size = sum(map(len, messages))
        with self._changed:
            if len(self._waiting) >= MOST_WAITING or self._waiting_bytes + size > MOST_WAITING_BYTES:
                self._unreported += 1
                is_first = self._unreported == 1
            else:
                is_first = False
                self._waiting.append(item)
                self._waiting_bytes += size
                self._ensure_thread()
                self._changed.notify_all()
        if is_first:
            text = "callbacks are too slow: some batches are not reported to them; stats() counts them"
            say(self._logger, logging.ERROR, text)

    def wait(self, deadline: float) -> None:
        """Wait until everything is passed on; at once when a callback itself asks."""
        with self._changed:
            while (self._waiting or self._is_busy) and not self._is_teller():
                if self._waiting and not self._is_busy and not self._ensure_thread():
                    break
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not self._changed.wait(remaining):
                    return
            else:
                return
        self._tell_here(deadline)

    def _is_teller(self) -> bool:
        return threading.current_thread() in (self._thread, self._stand_in)

    def _tell_here(self, deadline: float) -> None:
        """Do the thread's work where there can be no thread."""
        while time.monotonic() < deadline:
            with self._changed:
                if not self._waiting or self._is_busy:
                    return
                item = self._next_item()
                self._stand_in = threading.current_thread()
            try:
                self._tell(item)
            finally:
                with self._changed:
                    self._is_busy = False
                    self._stand_in = None
                    self._changed.notify_all()

    def _ensure_thread(self) -> bool:
        """Start the thread unless it runs; False when none can be started, as while the interpreter shuts down."""
        if self._thread is not None and self._thread.is_alive():
            return True
        self._thread = threading.Thread(target=self._run, name="fastbatch-reporter", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            # What waits keeps waiting, for the next report or for `wait`.
            self._thread = None
            return False
        return True

    def _next_item(self) -> _Item:
        item = self._waiting.popleft()
        self._waiting_bytes -= sum(map(len, item.messages))
        self._is_busy = True
        return item

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()
                if not self._waiting and not self._changed.wait_for(lambda: self._waiting, IDLE_SECONDS):
                    self._thread = None
                    return
                item = self._next_item()
            try:
                self._tell(item)
            except BaseException as error:  # noqa: BLE001 sys.exit() in a callback must not leave `wait` waiting
                say(self._logger, logging.ERROR, "a report ended in %s", type(error).__name__)

    def _tell(self, item: _Item) -> None:
        if self._on_delivery is not None:
            self._guard(self._on_delivery, item.report)
        if self._callback is None:
            return
        report = item.report
        error = DeliveryError(report.cause, report.status, report.detail)
        for message in item.messages:
            if report.delivered:
                self._guard(self._callback.success, loads(message))
            else:
                self._guard(self._callback.failure, loads(message), error)

    def _guard(self, function: Callable[..., Any], *arguments: object) -> None:
        try:
            function(*arguments)
        except BaseException as error:
            if not isinstance(error, Exception) and threading.current_thread() is not self._thread:
                raise  # Ctrl-C on a thread of the user's; on our own, a callback that calls sys.exit ends nothing
            self._failures += 1
            if self._failures % 100 == 1:
                text = "a callback raised %s; %d so far"
                say(self._logger, logging.ERROR, text, type(error).__name__, self._failures)
