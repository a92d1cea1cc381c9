"""Feature flags as a client has them: decided here where that can be, by the server where it must."""

from __future__ import annotations

import logging
from typing import Any

from fastbatch.errors import FlagsError
from fastbatch.flags.arguments import check_key
from fastbatch.flags.many import ManyFlags
from fastbatch.flags.one import OneFlag
from fastbatch.flags.source import DEFINITIONS_TIMEOUT

__all__ = ["Flags"]

_NO_KEY = "without a personal_api_key flags are decided by the server, and remote config cannot be read"


class Flags(OneFlag, ManyFlags):
    """
    The feature flags of one project.

    Nothing here raises, but for wrong arguments, and for `load` with ``debug``: a flag that cannot be had is None, and
    the event that reports the read says why.

    Args:
        project_api_key: Names the project.
        endpoint: Base URL.
        personal_api_key: A personal or secret key, with which flags can be decided here; None leaves all to the server.
        transport: How the server is reached.
        request_timeout: The longest that a call waits for the server, retries included, seconds.
        max_retries: Further tries within that time.
        poll_interval: Seconds between two looks at the definitions.
        enable_local_evaluation: False loads definitions by `load` alone, and never polls.
        logger: Hears of each kind of trouble now and then.
        disable_geoip: What calls that do not say otherwise tell the server.
        on_called: Captures an event about a flag; when it returns False, a later read tries again.
        debug: `load` raises; an attribute too.
        fallback_cache: Values for the time when the server does not answer.
        definition_provider: Where definitions are shared with other processes.
        called_limit: How many different reads are remembered, so that each is reported once.

    Raises:
        ConfigError: Names the setting and what is allowed.

    Thread safety:
        Any thread, any method. A flag that is decided here, and was reported, takes no lock and does no I/O. In a
        forked child the definitions stay, and are polled for by a thread of the child's own.
    """

    @property
    def definitions(self) -> list[dict[str, Any]] | None:
        """The definitions of the flags as they came; None before any came."""
        current = None if self._poller is None else self._poller.latest
        return None if current is None else list(current.raw_flags)

    @property
    def has_definitions(self) -> bool:
        """Whether there is any flag to decide here."""
        current = None if self._poller is None else self._poller.latest
        return current is not None and bool(current.raw_flags)

    def load(self) -> None:
        """
        Load the definitions now, and wait for them.

        Raises:
            FlagsError: With ``debug``, when they cannot be loaded.
        """
        if self._poller is None:
            self._tell(logging.WARNING, "no key", _NO_KEY)
            return
        self._notice_fork()
        try:
            self._poller.load(DEFINITIONS_TIMEOUT)
        except FlagsError as error:
            self._tell(logging.WARNING, f"load {error.word}", f"definitions were not loaded: {error.detail}")
            if self.debug:
                raise

    def remote_config(self, key: str) -> Any:
        """
        Return the payload of a remote config flag, decrypted by the server; None when it cannot be had.

        Raises:
            FieldError: For a key that is no text.
        """
        check_key(key)
        if self._personal_api_key is None:
            self._tell(logging.WARNING, "no key", _NO_KEY)
            return None
        self._notice_fork()
        try:
            return self._remote.remote_config(key, self._personal_api_key)
        except FlagsError as error:
            self._tell(logging.WARNING, f"config {error.word}", f"a remote config cannot be read: {error.detail}")
        except Exception as error:  # noqa: BLE001 a transport of the program's own
            self._tell_of(error, "reading a remote config")
        return None

    def close(self) -> None:
        """Poll no more and report no more; flags can still be read. Closing twice does no harm."""
        self._is_closed = True
        self._remote.close()
        self._reports.reads.clear()
        if self._source is not None:
            self._source.close()
