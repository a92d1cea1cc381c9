"""What the posthog package's ``on_error`` and ``send`` mean here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastbatch.typing import Callback, DeliveryReport, Request, Response

__all__ = ["DryRun", "PerBatch"]


class DryRun:
    """A transport that sends nothing: ``send=False``. What is given to it counts as delivered."""

    def send(self, request: Request, timeout: float) -> Response:  # noqa: ARG002 - the Protocol's signature
        """Answer as a server does."""
        return Response(200, {}, b"{}")

    def close(self) -> None:
        """Do nothing; there is nothing to let go of."""


class PerBatch:
    """
    Calls ``on_error(error, messages)`` once for each batch that was given up, out of a callback for each message.

    The report of a batch comes before its messages, all of them on one thread.

    Args:
        on_error: The program's.
        callback: The program's own callback, which hears of each message as ever.
        on_delivery: The program's own, which hears of each batch as ever.
    """

    def __init__(
        self,
        on_error: Callable[[Exception, list[dict[str, Any]]], object],
        callback: Callback | None,
        on_delivery: Callable[[DeliveryReport], object] | None,
    ) -> None:
        self._on_error = on_error
        self._callback = callback
        self._on_delivery = on_delivery
        self._expected = 0
        self._messages: list[dict[str, Any]] = []

    def report(self, report: DeliveryReport) -> None:
        """Hear of a batch."""
        self._messages = []
        self._expected = 0 if report.delivered else report.messages
        if self._on_delivery is not None:
            self._on_delivery(report)

    def success(self, message: dict[str, Any]) -> None:
        """Hear of a message that was delivered."""
        if self._callback is not None:
            self._callback.success(message)

    def failure(self, message: dict[str, Any], error: Exception) -> None:
        """Hear of one that was not; the last of its batch makes the call."""
        self._messages.append(message)
        try:
            if self._callback is not None:
                self._callback.failure(message, error)
        finally:
            if len(self._messages) == self._expected:
                messages, self._messages = self._messages, []
                self._on_error(error, messages)
