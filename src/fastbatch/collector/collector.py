"""The collector: a server and its store, started and stopped together."""

from __future__ import annotations

import os
import threading
from types import TracebackType

from fastbatch.collector.flag_file import FlagFile
from fastbatch.collector.request import Rules, Service
from fastbatch.collector.server import Server
from fastbatch.collector.store import Store

__all__ = ["DEFAULT_MAX_BODY_BYTES", "Collector"]

DEFAULT_MAX_BODY_BYTES = 20 * 1024 * 1024
"""What PostHog's server takes, which is the most of them all."""


class Collector:
    """
    A local endpoint that stores what it is sent; it serves from the moment it is made.

    Args:
        path: The database file; ``":memory:"`` keeps all in memory.
        host: The address to listen on. The default lets nobody in from outside.
        port: 0 takes any port that is free.
        write_key: The only one that is let in; None lets any in that is not empty.
        max_body_bytes: Length of a body, at most, both as sent and inflated.
        flags: A file of feature flags, in the form of PostHog's ``/flags/definitions``; read again when it changes.
        personal_api_key: The only one that flags are handed out for; None hands them out for any.

    Raises:
        FlagFileError: When the file of flags cannot be used.
        StoreError: When the database cannot be had.
        OSError: When the address cannot be had.
    """

    def __init__(  # noqa: PLR0913 the options of `fastbatch collect`
        self,
        path: str | os.PathLike[str] = ":memory:",
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        write_key: str | None = None,
        max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
        flags: str | os.PathLike[str] | None = None,
        personal_api_key: str | None = None,
    ) -> None:
        self.flags = FlagFile(flags)
        self.store = Store(path)
        try:
            rules = Rules(write_key, max_body_bytes, personal_api_key)
            self._server = Server(host, port, Service(self.store, rules, self.flags))
        except BaseException:
            self.store.close()
            raise
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_port}"
        self._stopping = threading.Lock()
        self._is_stopped = False
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="fastbatch-listener", daemon=True
        )
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Stop listening and answer what has arrived, within ``timeout`` seconds; the store stays open."""
        with self._stopping:
            if self._is_stopped:
                return
            self._is_stopped = True
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server.close_connections(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Stop, and close the store."""
        self.stop(timeout)
        self.store.close()

    def __enter__(self) -> Collector:  # noqa: PYI034  # typing.Self came with Python 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
