"""Exceptions as events: captured by a call, by a context on their way out, or by the interpreter's hooks."""

from __future__ import annotations

import contextlib
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from fastbatch.messages.checks import Id
from fastbatch.pipeline.notices import say
from fastbatch.posthog.exceptions.event import Describer
from fastbatch.posthog.exceptions.hooks import Hooks
from fastbatch.posthog.exceptions.limiter import Limiter
from fastbatch.posthog.exceptions.marks import is_captured, mark_captured
from fastbatch.posthog.exceptions.origin import BY_HAND, Origin
from fastbatch.posthog.exceptions.stacks import caught_by
from fastbatch.posthog.harmless import lenient
from fastbatch.posthog.people import Properties, Time
from fastbatch.posthog.tracing import span_properties

__all__ = ["Catching"]

_LOGGED: ContextVar[BaseException | None] = ContextVar("fastbatch_posthog_logged", default=None)
"""What is being logged: a handler of the program's may capture what it hears of, and that would be logged again."""


class Catching(ABC):
    """What a `Posthog` offers for exceptions."""

    enable_exception_autocapture: bool
    _logger: logging.Logger

    def _prepare_exceptions(self, own: Mapping[str, Any]) -> None:
        """Take over the settings, and install the hooks if they say so."""
        self.enable_exception_autocapture = own["enable_exception_autocapture"]
        self.log_captured_exceptions: bool = own["log_captured_exceptions"]
        root = own["project_root"]
        self.project_root: str | None = _working_directory() if root is None else root
        self._describer = Describer(
            project_root=self.project_root,
            in_app_modules=own["in_app_modules"],
            capture_exception_code_variables=own["capture_exception_code_variables"],
            code_variables_mask_patterns=tuple(own["code_variables_mask_patterns"]),
            code_variables_ignore_patterns=tuple(own["code_variables_ignore_patterns"]),
            code_variables_mask_url_credentials=own["code_variables_mask_url_credentials"],
            code_variables_detect_secrets=own["code_variables_detect_secrets"],
        )
        self._hooks: Hooks | None = None
        if self.enable_exception_autocapture:
            limiter = None
            if own["enable_exception_autocapture_rate_limiting"]:
                limiter = Limiter(
                    own["exception_autocapture_bucket_size"],
                    own["exception_autocapture_refill_rate"],
                    own["exception_autocapture_refill_interval_seconds"],
                )
            self._hooks = Hooks(self, limiter, self._logger)

    @abstractmethod
    def _report(self, properties: Properties, arguments: Mapping[str, Any]) -> str | None:
        """Capture an ``$exception``."""

    @abstractmethod
    def flush(self, timeout: float | None = ...) -> object:
        """Send what is queued."""

    @lenient
    def capture_exception(  # noqa: PLR0913, PLR0917 - programs give them by position
        self,
        exception: BaseException | tuple[Any, Any, Any] | None = None,
        distinct_id: Id | None = None,
        properties: Properties | None = None,
        context: Properties | None = None,  # noqa: ARG002 - nothing has read it since posthog 3.12
        timestamp: Time | None = None,
        uuid: str | UUID | None = None,
        groups: Mapping[str, Any] | None = None,
        flags: Any = None,
        send_feature_flags: bool | Mapping[str, Any] | None = None,
        disable_geoip: bool | None = None,
    ) -> str | None:
        """
        Report an exception: an event ``$exception``. One that is an event already is left alone.

        Args:
            exception: An exception or ``sys.exc_info()``; None is the one being handled.
            distinct_id: Who it happened to; None is the context's person, else nobody.
            properties: Further properties; they win over those that describe the exception.

        Never raises, not even with ``debug``: it is called where another exception is on its way.
        """
        arguments = {
            "distinct_id": distinct_id,
            "timestamp": timestamp,
            "uuid": uuid,
            "groups": groups,
            "flags": flags,
            "send_feature_flags": send_feature_flags,
            "disable_geoip": disable_geoip,
        }
        return self.capture_caught(exception, BY_HAND, properties, arguments)

    def capture_caught(
        self,
        exception: Any,
        origin: Origin,
        properties: Properties | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> str | None:
        """Report an exception that was caught by ``origin``."""
        try:
            caught = caught_by(exception)
            if caught is None or is_captured(caught.error) or _LOGGED.get() is caught.error:
                return None
            described = {**span_properties(), **self._describer.properties(caught, origin)}
            if self.log_captured_exceptions:
                self._log(caught.error)
            uuid = self._report({**described, **(properties or {})}, arguments or {})
            if uuid is not None:
                mark_captured(caught.error, uuid)
        except Exception as error:  # noqa: BLE001 - told, not raised
            say(self._logger, logging.ERROR, "an exception was not captured: %s", type(error).__name__)
            return None
        return uuid

    def _log(self, error: BaseException) -> None:
        token = _LOGGED.set(error)
        try:
            with contextlib.suppress(Exception):  # the program's logger
                self._logger.error("captured an exception", exc_info=error)
        finally:
            _LOGGED.reset(token)

    def _close_hooks(self) -> None:
        if self._hooks is not None:
            self._hooks.close()


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None
