"""`Client.track` in its implementations, the shapes of its calls, and what can be seen of one."""

from __future__ import annotations

import enum
import logging
import threading
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any

from fastbatch import Client, Properties
from fastbatch.core.quick import python_track
from fastbatch.testing import CapturingTransport, assert_conserved
from fastbatch.typing import Request, Response

SILENT = logging.getLogger("tests.silent")
SILENT.addHandler(logging.NullHandler())
SILENT.propagate = False

QUIET = 3600.0
"""An interval that no test waits for."""


class InPython(Client):
    """The quick way in Python, wherever the other was built."""

    track = python_track(Client._track_slowly)


class Slow(Client):
    """No quick way."""

    track = Client._track_slowly


def opened(cls: type[Client], **settings: Any) -> tuple[Client, Any]:
    transport = settings.pop("transport", None) or CapturingTransport()
    return cls("WK", **{"transport": transport, "interval": QUIET, "logger": SILENT, **settings}), transport


class Stuck:
    """A transport that keeps its first requests until it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def send(self, request: Request, timeout: float) -> Response:
        assert self.released.wait(30.0)
        return Response(200, {}, b"{}")

    def close(self) -> None:
        pass


class Text(str):
    """Not quite a str."""


class Dict(dict):
    """A subclass, which is as good as a dict."""


class Color(str, enum.Enum):
    RED = "red"


class Unknown:
    """It has no JSON form."""

    def __repr__(self) -> str:
        return "<Unknown>"


class TypeErrorInside:
    """Its own code fails as a value without a JSON form does."""

    def model_dump(self, mode: str) -> object:
        raise TypeError("inside")


def cyclic() -> dict[str, Any]:
    properties: dict[str, Any] = {}
    properties["self"] = properties
    return properties


def deep() -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for _ in range(2000):
        properties = {"in": properties}
    return properties


NOON = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)

SHAPES: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "positional": (("u", "e", {"a": 1}), {}),
    "keywords": ((), {"user_id": "u", "event": "e", "properties": {"a": 1}}),
    "keywords in another order": ((), {"properties": {"a": 1}, "event": "e", "user_id": "u"}),
    "both": (("u",), {"event": "e", "properties": {"a": 1}}),
    "a name made at run time": ((), {"".join(["user", "_id"]): "u", "event": "e", "properties": {}}),
    "all that is optional is None": (("u", "e", {"a": 1}, None, None, None, None, None), {}),
    "optional keywords are None": (("u", "e", {"a": 1}), {"context": None, "message_id": None, "timestamp": None}),
    "empty properties": (("u", "e", {}), {}),
    "no properties": (("u", "e"), {}),
    "properties are None": (("u", "e", None), {}),
    "a subclass of dict": (("u", "e", Dict(a=1)), {}),
    "a builder": (("u", "e", Properties().set_revenue(39.95).set("plan", "pro")), {}),
    "another mapping": (("u", "e", MappingProxyType({"a": 1})), {}),
    "properties are a list": (("u", "e", [1]), {}),
    "properties are text": (("u", "e", "{}"), {}),
    "a key that is no text": (("u", "e", {1: 2}), {}),
    "no user": ((None, "e", {}), {}),
    "an empty user": (("", "e", {}), {}),
    "an empty user and an anonymous id": (("", "e", {}), {"anonymous_id": "a"}),
    "an int as user": ((5, "e", {}), {}),
    "a uuid as user": ((uuid.UUID(int=7), "e", {}), {}),
    "a subclass of str as user": ((Text("u"), "e", {}), {}),
    "an enum as user": ((Color.RED, "e", {}), {}),
    "bytes as user": ((b"u", "e", {}), {}),
    "no event": (("u", None, {}), {}),
    "an empty event": (("u", "", {}), {}),
    "an int as event": (("u", 5, {}), {}),
    "a subclass of str as event": (("u", Text("e"), {}), {}),
    "quotes, backslashes, controls": (('"u\\"', '\\\\"', {'"\\': '\\"\n\0'}), {}),
    "backslashes alone": (("\\", "\\\\\\", {"\\": "\\"}), {}),
    "beyond ASCII": (("ü€😀", "\x7f\u2028", {"é": "日本"}), {}),
    "a lone surrogate": (("u", "e", {"a": "\ud800"}), {}),
    "a user that is a lone surrogate": (("\ud800", "e", {}), {}),
    "values that are converted": (("u", "e", {"d": NOON, "s": {2, 1}, "u": uuid.UUID(int=7), "c": Color.RED}), {}),
    "not a number": (("u", "e", {"n": float("nan"), "i": float("inf")}), {}),
    "a large int": (("u", "e", {"n": 2**80}), {}),
    "a value without a form": (("u", "e", {"a": [Unknown()]}), {}),
    "a value that raises TypeError": (("u", "e", {"a": TypeErrorInside()}), {}),
    "a cycle": (("u", "e", cyclic()), {}),
    "too deep": (("u", "e", deep()), {}),
    "a context": (("u", "e", {}, {"ip": "::1"}), {}),
    "a context by keyword": (("u", "e", {}), {"context": {"ip": "::1"}}),
    "a timestamp": (("u", "e", {}), {"timestamp": NOON}),
    "an anonymous id": (("u", "e", {}), {"anonymous_id": "a"}),
    "integrations": (("u", "e", {}), {"integrations": {"All": False}}),
    "a message id": (("u", "e", {}), {"message_id": "m-1"}),
    "nothing": ((), {}),
    "too many": (("u", "e", {}, None, None, None, None, None, None), {}),
    "given twice": (("u", "e", {}), {"user_id": "v"}),
    "None given twice": (("u", "e", {}, None), {"context": None}),
    "an unknown keyword": (("u", "e", {}), {"userId": None}),
    "exactly the limit": (("u", "e", {"p": "x" * 32_554}), {}),
    "one byte beyond the limit": (("u", "e", {"p": "x" * 32_555}), {}),
    "a long user": (("u" * 40_000, "e", {}), {}),
}


def outcome(cls: type[Client], args: tuple[Any, ...], kwargs: Mapping[str, Any], **settings: Any) -> dict[str, Any]:
    """Return all that can be seen of one call."""
    client, transport = opened(cls, **settings)
    try:
        result: Any = client.track(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 whatever it is, it must be the same
        result = type(error), str(error)
    client.close(timeout=5.0)
    assert_conserved(client)
    stats = client.stats()
    for message in transport.messages:
        for name in {"messageId", "anonymousId", "timestamp", "originalTimestamp", "sentAt"} & message.keys():
            message[name] = len(message[name])
    counts = (stats.accepted, stats.refused, stats.dropped, stats.delivered)
    return {"result": result, "counts": counts, "wire": transport.messages}
