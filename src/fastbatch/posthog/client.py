"""`Posthog`: the client of the posthog package, sending through a `fastbatch.Client`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from fastbatch.client import Client as EventClient
from fastbatch.config import LOGGER, Settings
from fastbatch.core.quick_capture import capture_quickly
from fastbatch.errors import ConfigError, FastbatchError
from fastbatch.messages import Capture
from fastbatch.pipeline.ledger import FlushResult, Stats
from fastbatch.pipeline.notices import say
from fastbatch.posthog.arguments import NOT_GIVEN
from fastbatch.posthog.capturing import Capturing
from fastbatch.posthog.catching import Catching
from fastbatch.posthog.flagging import Flagging
from fastbatch.posthog.harmless import harmless
from fastbatch.posthog.ids import new_uuid, valid_uuid
from fastbatch.posthog.moments import utc_text
from fastbatch.posthog.people import People, Properties
from fastbatch.posthog.settings import PosthogSettings
from fastbatch.posthog.situations import Situations
from fastbatch.posthog.translate import translated

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

__all__ = ["Client", "Posthog"]

_NO_KEY = "no-key"
"""Stands for the key of a client without one, which sends nothing."""


class Posthog(Flagging, Capturing, Catching, People, Situations):
    """
    A client for PostHog, called as the posthog package's is.

    Its calls never raise, unless ``debug`` is set; what they refuse is counted in `stats` and logged. A wrong setting
    is a `ConfigError` at once.

    Args:
        project_api_key: The project's key. Without one nothing is sent.
        host: Base URL, such as ``https://eu.i.posthog.com``; None is PostHog's own in the US.
        personal_api_key: For evaluating feature flags here; ``secret_key`` is another word for it.
        **settings: See `PosthogSettings` and `fastbatch.Config`.

    Attributes:
        client: The `fastbatch.Client` below, for `fastbatch.testing.assert_conserved`.
        debug: Whether calls raise; it may be changed at any time.
        disabled: Whether calls do nothing; it may be changed at any time.

    Thread safety:
        Any thread, any method. After a fork the child starts empty; what was queued stays the parent's.
    """

    def __init__(
        self,
        project_api_key: str | None = None,
        host: str | None = None,
        *,
        personal_api_key: str | None = None,
        api_key: str | None = None,
        **settings: Unpack[PosthogSettings],
    ) -> None:
        given: dict[str, Any] = dict(settings)
        if host is not None:
            if given.get("endpoint") is not None:
                raise ConfigError("endpoint", "<hidden>", "left out when host is given, which means the same")
            given["host"] = host
        self._logger: logging.Logger = given.get("logger", LOGGER)
        self.api_key = _project_key(project_api_key, api_key)
        self._secret_key = _secret_key(given.pop("secret_key", None), personal_api_key, self._logger)
        parts = translated(given)
        self.host = host or given.get("endpoint")
        self._traces: bool = parts.own["capture_trace_context"]
        self._may_be_quick = False
        self.disabled = parts.client.pop("disabled", False)
        self._debug = parts.client.get("debug", False)
        if not self.api_key:
            say(self._logger, logging.WARNING, "there is no project_api_key: nothing will be sent to PostHog")
        self.client = EventClient(self.api_key or _NO_KEY, **cast("Settings", parts.client))
        self._prepare_flags(parts.flags, self.api_key or _NO_KEY, self._secret_key)
        self._prepare_exceptions(parts.own)

    @property
    def disabled(self) -> bool:
        """Whether calls do nothing; it may be changed at any time."""
        return self._disabled

    @disabled.setter
    def disabled(self, disabled: bool) -> None:
        self._disabled = bool(disabled) or not self.api_key
        self._may_be_quick = not self._disabled and not self._traces

    @property
    def before_send(self) -> Callable[[dict[str, Any]], dict[str, Any] | None] | None:
        """What sees every event before it is queued; it may be changed at any time."""
        return self.client._config.before_send  # noqa: SLF001 - ours

    @before_send.setter
    def before_send(self, function: Callable[[dict[str, Any]], dict[str, Any] | None] | None) -> None:
        if function is not self.before_send:
            self.client._set_before_send(function)  # noqa: SLF001 - ours

    # Events.

    def _report(self, properties: Properties, arguments: Mapping[str, Any]) -> str | None:
        return self.capture("$exception", properties=properties, **arguments)

    def _send(self, message: Capture) -> str | None:
        if self.disabled:
            self._count_disabled()
            return None
        uuid = message.uuid = self._uuid(message.uuid)
        if message.timestamp is not None:
            message.timestamp = self._time(message.timestamp)
        elif (is_taken := self._sent_quickly(message, uuid)) is not None:
            return uuid if is_taken else None
        client = self.client
        is_taken, revised = client._enqueue_revised(message)  # noqa: SLF001 - ours
        if is_taken and self.before_send is not None:
            return None if revised is None else str(revised["uuid"])
        return uuid if is_taken else None

    def _sent_quickly(self, message: Capture, uuid: str) -> bool | None:
        """Send an event of an id, a person, a name and properties; None for any other."""
        person, name = message.distinct_id, message.event
        if type(person) is not str or type(name) is not str:
            return None
        if message.disable_geoip is not None or message.system is not None or message.keep is not None:
            return None
        if message.groups or message.set is not None or message.set_once is not None:
            return None
        return capture_quickly(self.client, uuid, person, name, dict(message.properties or ()))

    def _uuid(self, given: object) -> str:
        uuid = None if given is None else valid_uuid(given)
        if given is not None and uuid is None:
            self._advise("a uuid is none and was replaced")
        return uuid or new_uuid()

    def _time(self, given: object) -> str | None:
        text = utc_text(given)
        if text is None:
            self._advise("a timestamp is neither a datetime nor ISO 8601 text; the event has the current time")
        return text

    # What is refused.

    def _advise(self, text: str) -> None:
        say(self._logger, logging.WARNING, text)

    def advise_of(self, call: str, unknown: Iterable[str]) -> None:
        """Tell of arguments that a call has not."""
        self._advise(f"{call}() has no argument {', '.join(sorted(unknown))}; it was left out")

    def _count_disabled(self) -> None:
        self.client._engine.ledger.refuse("disabled")  # noqa: SLF001 - ours

    def _refuse(self, why: str) -> None:
        self.client._refuse("invalid", why)  # noqa: SLF001 - ours

    def forgives(self, call: str, error: Exception) -> bool:
        """Note an error that a call ended in; False when it must be raised."""
        if not isinstance(error, FastbatchError):  # those are counted where they are raised
            self._refuse(f"{call}: {_reason(error)}")
        return not self.debug

    def forgives_read(self, call: str, error: Exception) -> bool:
        """Note an error that a read of flags ended in; False when it must be raised."""
        if not self.debug:
            reason = str(error) if isinstance(error, FastbatchError) else _reason(error)
            say(self._logger, logging.WARNING, "%s: %s", call, reason)
        return not self.debug

    # Lifecycle.

    @harmless
    def flush(self, timeout: float | None = 10.0, *, timeout_seconds: float | None = NOT_GIVEN) -> FlushResult:
        """
        Send what is queued, and wait for its outcome.

        Args:
            timeout: Seconds; None waits as long as it takes. ``timeout_seconds`` is another word for it.
        """
        return self.client.flush(timeout if timeout_seconds is NOT_GIVEN else timeout_seconds)

    def join(self) -> None:
        """Send what is queued, wait for its outcome, and stop; the same as `shutdown`."""
        self.shutdown()

    @harmless
    def shutdown(self, timeout: float | None = 10.0) -> FlushResult:
        """
        Send what is queued, wait for its outcome, and stop. What has none after ``timeout`` seconds is given up.

        Doing it twice does no harm.
        """
        self._close_hooks()
        self._close_flags()
        return self.client.close(timeout)

    def stats(self) -> Stats:
        """Return the account of all events so far."""
        return self.client.stats()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown()

    def __repr__(self) -> str:
        return f"<fastbatch.posthog.Posthog of {self.client!r}{' disabled' if self.disabled else ''}>"


def _reason(error: Exception) -> str:
    """Return what an error says if that is of the call itself; what the program's own objects raise may be private."""
    is_signature = (
        isinstance(error, TypeError) and error.__traceback__ is not None and error.__traceback__.tb_next is None
    )
    return str(error) if is_signature else type(error).__name__


Client = Posthog
"""The posthog package's other name for it."""


def _project_key(project_api_key: str | None, api_key: str | None) -> str:
    """Return the key that was given under either name, without the white space around it."""
    for name, key in (("project_api_key", project_api_key), ("api_key", api_key)):
        if key is not None and not isinstance(key, str):
            raise ConfigError(name, "<hidden>", "text")
    chosen, other = (project_api_key or "").strip(), (api_key or "").strip()
    if chosen and other and chosen != other:
        raise ConfigError("api_key", "<hidden>", "left out, or the same, when project_api_key is given")
    return chosen or other


def _secret_key(secret_key: Any, personal_api_key: Any, logger: logging.Logger) -> str | None:
    """Return the key that flags are evaluated with."""
    for name, key in (("secret_key", secret_key), ("personal_api_key", personal_api_key)):
        if key is not None and not isinstance(key, str):
            raise ConfigError(name, "<hidden>", "text, or None")
    if secret_key and personal_api_key and secret_key != personal_api_key:
        say(logger, logging.WARNING, "both secret_key and personal_api_key are given; secret_key is used")
    return (secret_key or personal_api_key or "").strip() or None
