"""Flag definitions that several processes share through a store of the application's own."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

__all__ = ["FlagDefinitionCacheProvider", "SharedDefinitions"]

_SHARED = ("flags", "group_type_mapping", "cohorts", "minimal_flag_called_events", "property_matching_version")


@runtime_checkable
class FlagDefinitionCacheProvider(Protocol):
    """
    A store of flag definitions, such as a Redis with a lock, that decides which process asks the server.

    Each method may be a coroutine function. What one raises is logged, and the server is asked instead.
    """

    def should_fetch_flag_definitions(self) -> Any:
        """Return whether this process is to ask the server now; called before each poll."""
        ...

    def get_flag_definitions(self) -> Any:
        """Return what `on_flag_definitions_received` was given, here or in another process; None when nothing is."""
        ...

    def on_flag_definitions_received(self, data: dict[str, Any]) -> Any:
        """Store definitions that have just come from the server."""
        ...

    def shutdown(self) -> Any:
        """Let go of locks and connections."""
        ...


class SharedDefinitions:
    """
    A provider as the poller sees it: it never raises, and coroutines are run to their end.

    Used by one thread at a time; the event loop is its own, and lives as long as it does.
    """

    def __init__(self, provider: FlagDefinitionCacheProvider, logger: logging.Logger) -> None:
        self._provider = provider
        self._logger = logger
        self._loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> dict[str, Any] | None:
        """Return definitions to use instead of asking the server, None to ask it."""
        if self._call("should_fetch_flag_definitions", True):
            return None
        data = self._call("get_flag_definitions", None)
        return data if isinstance(data, dict) and data else None

    def store(self, payload: dict[str, Any]) -> None:
        """Hand on what the server sent."""
        defaults: dict[str, Any] = {"flags": [], "group_type_mapping": {}, "cohorts": {}}
        data = {**defaults, **{name: payload[name] for name in _SHARED if payload.get(name) is not None}}
        self._call("on_flag_definitions_received", None, data)

    def close(self) -> None:
        """Tell the provider, and end the loop."""
        self._call("shutdown", None)
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # in a forked child it seems to run
                self._loop.close()
            self._loop = None

    def _call(self, name: str, otherwise: Any, *arguments: Any) -> Any:
        try:
            method: Callable[..., Any] = getattr(self._provider, name)
            result = method(*arguments)
            return self._finish(result) if inspect.isawaitable(result) else result
        except Exception as error:  # noqa: BLE001 the provider is the application's
            self._logger.error("feature flags: the definition cache's %s failed: %s", name, type(error).__name__)
            return otherwise

    def _finish(self, awaitable: Any) -> Any:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()

        async def whole() -> Any:
            return await awaitable

        return self._loop.run_until_complete(whole())
