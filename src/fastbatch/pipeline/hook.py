"""What a program's own ``before_send`` makes of a message, before it is queued."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from fastbatch.config import Config
from fastbatch.fastjson import loads
from fastbatch.pipeline.delivery import Delivery
from fastbatch.pipeline.encode import encode, encode_fields
from fastbatch.pipeline.notices import say
from fastbatch.pipeline.templates import composed
from fastbatch.typing import Constants, Dialect, Template

__all__ = ["Hook", "Revised"]


class Revised(NamedTuple):
    """A message as a hook wants it sent."""

    message: dict[str, Any]
    data: bytes


class Hook:
    """
    Args:
        function: The program's; what it drops, and what it fails on, is accepted and dropped at once.
        config: The client's.
        dialect: The client's.
        delivery: Counts and reports what is dropped.
    """

    def __init__(
        self,
        function: Callable[[dict[str, Any]], dict[str, Any] | None],
        config: Config,
        dialect: Dialect,
        delivery: Delivery,
    ) -> None:
        self._function = function
        self._clock = config.clock
        self._logger = config.logger
        self._dialect = dialect
        self._delivery = delivery

    def revise(self, kind: str, fields: dict[str, Any], template: Template, constants: Constants) -> Revised | None:
        """
        Return what is to be sent instead of a message, None when it was dropped.

        Raises:
            FieldError: When the message is not allowed; the function has not seen it then.
        """
        whole = composed(template, encode_fields(self._dialect.draft(kind, fields, constants), kind), self._clock())
        draft: dict[str, Any] = loads(whole)
        given = dict(draft)
        try:
            returned: object = self._function(draft)
            if isinstance(returned, dict) and returned:
                message = self._dialect.revise(given, returned)
                return Revised(message, encode(message, kind))
        except Exception as error:  # noqa: BLE001 the program's own code may raise anything
            self._drop(whole, f"it failed with {type(error).__name__}")
            return None
        if returned is None:
            say(self._logger, logging.DEBUG, "an event dropped (before_send)")
            self._drop(whole, "")
        else:
            self._drop(whole, f"it returned {type(returned).__name__}, not an event or None")
        return None

    def _drop(self, message: bytes, detail: str) -> None:
        self._delivery.drop_unqueued(message, "before_send", detail)
