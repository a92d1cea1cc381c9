"""
A server of feature flags that answers as PostHog does, until it is told to misbehave.

    with FlagServer() as server:
        server.publish(flag("beta"))                    # what the definitions endpoint has
        server.decided["other"] = record("other", True)  # what the flags endpoint decides
        server.on_flags((Reset(),), (Reply(503),))      # how the next requests there end instead

An exchange is what follows once a request was read whole; see `tests.support.faulty_server`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from tests.support.faulty_server import Exchange, FaultyServer, Reply
from tests.support.loopback import DEADLINE, Connection
from tests.support.wire import Recorded

DEFINITIONS = "/flags/definitions"
FLAGS = "/flags/?"


def flag(key: str = "beta", rollout: float | None = 100, **more: Any) -> dict[str, Any]:
    """Return the definition of a flag with one condition, on for everybody unless ``rollout`` says otherwise."""
    filters: dict[str, Any] = {"groups": [{"properties": [], "rollout_percentage": rollout}]}
    filters.update(more.pop("filters", {}))
    return {"id": 7, "key": key, "name": key, "version": 3, "active": True, "filters": filters, **more}


def undecidable(key: str, **more: Any) -> dict[str, Any]:
    """Return the definition of a flag that needs a property which nobody gives."""
    condition = {"key": "plan", "value": "pro", "operator": "exact", "type": "person"}
    groups = [{"properties": [condition], "rollout_percentage": 100}]
    return flag(key, filters={"groups": groups}, **more)


def record(key: str, enabled: bool = True, variant: str | None = None, payload: str | None = None) -> dict[str, Any]:
    """Return a flag as the flags endpoint decides it."""
    return {
        "key": key,
        "enabled": enabled,
        "variant": variant,
        "reason": {"code": "condition_match", "condition_index": 0, "description": "Matched condition set 1"},
        "metadata": {"id": 11, "version": 5, "payload": payload, "description": ""},
    }


class FlagServer(FaultyServer):
    """
    Answers both endpoints of flags, remote config, and whatever else with 200.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 is any that is free.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host=host, port=port)
        self.definitions: dict[str, Any] = {"flags": [], "group_type_mapping": {}, "cohorts": {}}
        self.decided: dict[str, dict[str, Any]] = {}
        self.answer: dict[str, Any] = {"errorsWhileComputingFlags": False, "requestId": "r-1", "evaluatedAt": 17}
        self.configs: dict[str, Any] = {}
        self._on_definitions: list[Exchange] = []
        self._on_flags: list[Exchange] = []
        self._on_other: list[Exchange] = []

    def publish(self, *flags: dict[str, Any], **more: Any) -> None:
        """Replace the definitions."""
        self.definitions = {"flags": list(flags), "group_type_mapping": {}, "cohorts": {}, **more}

    def on_definitions(self, *exchanges: Exchange) -> None:
        """Answer the next requests for definitions in these ways."""
        self._extend(self._on_definitions, exchanges)

    def on_flags(self, *exchanges: Exchange) -> None:
        """Answer the next requests that ask for decisions in these ways."""
        self._extend(self._on_flags, exchanges)

    def on_other(self, *exchanges: Exchange) -> None:
        """Answer the next requests to any other path in these ways."""
        self._extend(self._on_other, exchanges)

    @property
    def polls(self) -> list[Recorded]:
        """Requests for definitions so far."""
        return [request for request in self.requests if request.path.startswith(DEFINITIONS)]

    @property
    def questions(self) -> list[Recorded]:
        """Requests for decisions so far."""
        return [request for request in self.requests if request.path.startswith(FLAGS)]

    @property
    def events(self) -> list[dict[str, Any]]:
        """Events so far, in the order of arrival."""
        batches = [request.json["batch"] for request in self.requests if request.path.endswith("batch")]
        batches += [request.json["batch"] for request in self.requests if request.path.startswith("/batch/")]
        return [event for batch in batches for event in batch]

    def wait_for_polls(self, count: int, timeout: float = DEADLINE) -> list[Recorded]:
        """Return the requests for definitions when there are ``count`` of them."""
        self.wait_until(lambda: len(self._polls()) >= count, timeout, f"{count} requests for definitions")
        return self.polls

    def serve(self, connection: Connection) -> None:
        while not connection.is_closed:
            connection.wait_readable()
            request = self._record(connection)
            for step in self._exchange_for(request):
                self._perform(step, connection)

    def _polls(self) -> list[Recorded]:
        return [request for request in self._requests if request.path.startswith(DEFINITIONS)]

    def _extend(self, script: list[Exchange], exchanges: Iterable[Exchange]) -> None:
        with self.changed:
            script += exchanges

    def _exchange_for(self, request: Recorded) -> Exchange:
        with self.changed:
            if request.path.startswith(DEFINITIONS):
                return self._on_definitions.pop(0) if self._on_definitions else (self._defined(request),)
            if request.path.startswith(FLAGS):
                return self._on_flags.pop(0) if self._on_flags else (self._decided(request),)
            if self._on_other:
                return self._on_other.pop(0)
        for key, value in self.configs.items():
            if f"/feature_flags/{key}/remote_config" in request.path:
                return (Reply(200, json.dumps(value).encode()),)
        return (Reply(),)

    def _defined(self, request: Recorded) -> Reply:
        body = json.dumps(self.definitions).encode()
        etag = f'"{hashlib.sha1(body).hexdigest()}"'
        if request.headers.get("if-none-match") == etag:
            return Reply(304, b"", {"ETag": etag}, content_length=None)
        return Reply(200, body, {"ETag": etag})

    def _decided(self, request: Recorded) -> Reply:
        keys = request.json.get("flag_keys_to_evaluate")
        flags = {key: flag for key, flag in self.decided.items() if keys is None or key in keys}
        return Reply(200, json.dumps({"flags": flags, **self.answer}).encode())
