"""What reading one flag and reading all of them have in common: definitions, the server, what was reported."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable

from fastbatch.errors import ConfigError
from fastbatch.flags.call import FlagCall, FlagRead, Reports
from fastbatch.flags.called import READS, CalledReads
from fastbatch.flags.fallback import FallbackCache
from fastbatch.flags.forks import renew_after_fork
from fastbatch.flags.local.definitions import Definitions
from fastbatch.flags.notices import Notices
from fastbatch.flags.provider import FlagDefinitionCacheProvider
from fastbatch.flags.remote import Remote
from fastbatch.flags.source import Source
from fastbatch.typing import Transport

__all__ = ["FlagsBase"]


class FlagsBase:
    """
    The parts that flags are read with; `fastbatch.flags.service.Flags` is the whole.

    The arguments are those of `Flags`.
    """

    def __init__(  # noqa: PLR0913 settings, all but four by name
        self,
        project_api_key: str,
        endpoint: str,
        personal_api_key: str | None,
        transport: Transport,
        *,
        request_timeout: float = 3.0,
        max_retries: int = 1,
        poll_interval: float = 30.0,
        enable_local_evaluation: bool = True,
        logger: logging.Logger,
        disable_geoip: bool = True,
        on_called: Callable[[FlagCall], object],
        debug: bool = False,
        fallback_cache: FallbackCache | None = None,
        definition_provider: FlagDefinitionCacheProvider | None = None,
        called_limit: int = READS,
    ) -> None:
        _check_settings(personal_api_key, request_timeout, max_retries, poll_interval)
        self._personal_api_key = personal_api_key or None
        self._patience = request_timeout
        self._disable_geoip = disable_geoip
        self.debug = debug
        self._cache = fallback_cache
        self._notices = Notices(logger)
        self._reports = Reports(on_called, logger, CalledReads(called_limit))
        self._reported = self._reports.reads.known
        self._remote_arguments = project_api_key, endpoint, transport, request_timeout, max_retries
        self._is_closed = False
        self._source: Source | None = None
        if self._personal_api_key is not None:
            interval = poll_interval if enable_local_evaluation else None
            self._source = Source(
                project_api_key, self._personal_api_key, endpoint, transport, interval, logger, definition_provider
            )
        self._poller = None if self._source is None else self._source.poller
        self._bind()
        renew_after_fork(self)

    def _bind(self) -> None:
        self._pid = os.getpid()
        self._remote = Remote(*self._remote_arguments)

    def renew(self) -> None:
        """Start anew in a forked child: what was reported stays so."""
        self._bind()
        self._reports.reads.renew()
        if self._cache is not None:
            self._cache.renew()

    def _notice_fork(self) -> None:
        # A fork that Python did not see. Reading a flag that was reported needs nothing that a fork could spoil.
        if os.getpid() != self._pid:
            self.renew()
            if self._poller is not None:
                self._poller.notice_fork()

    def _definitions(self) -> Definitions | None:
        poller = self._poller
        if poller is None:
            return None
        current = poller.current
        return poller.need(self._patience) if current is None else current

    def _report(self, read: FlagRead) -> None:
        self._notice_fork()
        if not self._is_closed:
            self._reports.report(read)

    def _geoip(self, disable_geoip: bool | None) -> bool:
        return self._disable_geoip if disable_geoip is None else disable_geoip

    def _tell(self, level: int, kind: str, text: str) -> None:
        self._notices.tell(level, kind, text)

    def _tell_of(self, error: Exception, doing: str) -> None:
        # Only the kind of an exception is told: its text may quote what was being looked at.
        self._tell(logging.ERROR, doing, f"{doing} failed: {type(error).__name__}")


def _check_settings(
    personal_api_key: object, request_timeout: object, max_retries: object, poll_interval: object
) -> None:
    if personal_api_key is not None and not _is_header_text(personal_api_key):
        raise ConfigError("personal_api_key", "<hidden>", "printable ASCII text, or None")
    for name, value in (("request_timeout", request_timeout), ("poll_interval", poll_interval)):
        if not _is_number(value) or not value > 0:  # type: ignore[operator]
            raise ConfigError(f"feature_flags_{name}", value, "a finite number of seconds, more than zero")
    if not isinstance(max_retries, int) or isinstance(max_retries, bool) or max_retries < 0:
        raise ConfigError("feature_flags_max_retries", max_retries, "a whole number, zero or more")


def _is_header_text(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and value == value.strip()


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
