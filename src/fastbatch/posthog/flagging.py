"""Feature flags as a `Posthog` has them: no call raises unless ``debug`` is set, and reads become events."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastbatch.client import Client
from fastbatch.dialects.posthog import ingestion_host
from fastbatch.errors import FieldError
from fastbatch.flags.answer import FlagsAnswer
from fastbatch.flags.call import FlagCall
from fastbatch.flags.fallback import FallbackCache
from fastbatch.flags.service import Flags
from fastbatch.messages import Capture
from fastbatch.posthog.contexts import get_context_device_id, get_context_distinct_id
from fastbatch.posthog.flag_calls import FlagCalls
from fastbatch.posthog.harmless import harmless_read
from fastbatch.posthog.outcomes import DryRun
from fastbatch.posthog.people import id_text, with_tags
from fastbatch.posthog.server_flags import decision_of
from fastbatch.transports.http import HttpTransport
from fastbatch.typing import Transport

__all__ = ["Flagging"]


def _nothing(_: Any) -> dict[str, Any]:
    return {"featureFlags": {}, "featureFlagPayloads": {}}


class Flagging(FlagCalls, ABC):
    """`FlagCalls` for a program that must not hear of trouble: what cannot be had is None, or empty."""

    client: Client
    _logger: logging.Logger
    _debug: bool

    @property
    def debug(self) -> bool:
        """Whether calls raise; it may be changed at any time."""
        return self._debug

    @debug.setter
    def debug(self, debug: bool) -> None:
        self._debug = self._flags.debug = bool(debug)

    @property
    @abstractmethod
    def disabled(self) -> bool:
        """Whether calls do nothing."""

    @abstractmethod
    def _refuse(self, why: str) -> None:
        """Count and log a call that makes no event."""

    @abstractmethod
    def _send(self, message: Capture) -> str | None:
        """Enqueue an event."""

    @abstractmethod
    def forgives_read(self, call: str, error: Exception) -> bool:
        """Note an error; False when it must be raised."""

    def _prepare_flags(self, settings: Mapping[str, Any], key: str, secret_key: str | None) -> None:
        """Take over the settings."""
        config = self.client._config  # noqa: SLF001 - ours
        cache_url = settings["flag_fallback_cache_url"]
        transport = self._flag_transport()
        self._flag_connections = transport if isinstance(transport, HttpTransport) else None
        self._flags = Flags(
            key,
            ingestion_host(config.endpoint or "").removesuffix("/batch"),
            secret_key,
            transport,
            request_timeout=settings["feature_flags_request_timeout_seconds"],
            max_retries=settings["feature_flags_request_max_retries"],
            poll_interval=settings["poll_interval"],
            enable_local_evaluation=settings["enable_local_evaluation"],
            definition_provider=settings["flag_definition_cache_provider"],
            fallback_cache=None if cache_url is None else FallbackCache.from_url(cache_url),
            disable_geoip=config.disable_geoip is not False,
            logger=self._logger,
            on_called=self._capture_read,
            debug=self._debug,
        )

    def _close_flags(self) -> None:
        self._flags.close()
        if self._flag_connections is not None:
            self._flag_connections.close()

    def _flag_transport(self) -> Transport:
        transport, config = self.client._transport, self.client._config  # noqa: SLF001 - ours
        if isinstance(transport, HttpTransport):
            # Of its own: the senders close theirs when they end.
            return transport.twin()
        if isinstance(transport, DryRun):
            return HttpTransport(config.proxy, config.ca_file, config.ssl_context)
        return transport

    def _capture_read(self, call: FlagCall) -> bool:
        """Capture what a read of a flag has to say; False when it was not taken, so that a later read says it."""
        properties = with_tags(call.properties)
        for name in call.reserved - call.properties.keys():
            properties.pop(name, None)
        message = Capture(
            event=call.event,
            distinct_id=call.distinct_id,
            properties=properties,
            groups=call.groups or None,
            disable_geoip=call.disable_geoip,
            keep=call.allowed,
        )
        return self._send(message) is not None

    def _of_flags(self, *arguments: Any) -> dict[str, Any]:
        try:
            return self._flag_properties(*arguments)
        except FieldError as error:
            self._refuse(f"{error.kind}.{error.field}")
            raise

    def _resolve_distinct_id(self, distinct_id: Any) -> str | None:
        return id_text(distinct_id) or id_text(get_context_distinct_id())

    def _resolve_device_id(self, device_id: str | None) -> str | None:
        return get_context_device_id() if device_id is None else device_id

    def _is_quiet(self) -> bool:
        return self.disabled

    if not TYPE_CHECKING:  # to type checkers they are what `FlagCalls` says
        get_feature_flag = harmless_read(FlagCalls.get_feature_flag)
        feature_enabled = harmless_read(FlagCalls.feature_enabled)
        get_feature_flag_result = harmless_read(FlagCalls.get_feature_flag_result)
        get_feature_flag_payload = harmless_read(FlagCalls.get_feature_flag_payload)
        get_all_flags = harmless_read(FlagCalls.get_all_flags)
        get_remote_config_payload = harmless_read(FlagCalls.get_remote_config_payload)
        load_feature_flags = harmless_read(FlagCalls.load_feature_flags)

        get_all_flags_and_payloads = harmless_read(FlagCalls.get_all_flags_and_payloads, _nothing)
        evaluate_flags = harmless_read(FlagCalls.evaluate_flags, lambda self: self._flags.nobody())
        get_feature_variants = harmless_read(FlagCalls.get_feature_variants, lambda _: {})
        get_feature_payloads = harmless_read(FlagCalls.get_feature_payloads, lambda _: {})
        get_feature_flags_and_payloads = harmless_read(FlagCalls.get_feature_flags_and_payloads, _nothing)
        get_flags_decision = harmless_read(FlagCalls.get_flags_decision, lambda _: decision_of(FlagsAnswer({})))
        get_feature_flag_keys_by_evaluation_runtime = harmless_read(
            FlagCalls.get_feature_flag_keys_by_evaluation_runtime, lambda _: []
        )
