"""`Client.track` has a quick way in two implementations; neither may be told from the slow way but by its speed."""

from __future__ import annotations

import contextlib
import enum
import gc
import inspect
import json
import logging
import os
import subprocess
import sys
import threading
import uuid
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any

import pytest

from fastbatch import Client, ClosedError, Properties, QueueFullError
from fastbatch.core.quick import IS_IN_C, python_track
from fastbatch.pipeline.encode import IS_FAST
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


IMPLEMENTATIONS = [pytest.param(Client, id="c"), pytest.param(InPython, id="python")]


@pytest.fixture(params=IMPLEMENTATIONS)
def implementation(request: pytest.FixtureRequest, backend: str) -> type[Client]:
    """A class of clients with a quick way, on each backend."""
    if request.param is Client and not IS_IN_C:
        pytest.skip("no quick track in C")
    return request.param


@pytest.fixture
def make(implementation: type[Client]) -> Iterator[Callable[..., tuple[Client, CapturingTransport]]]:
    """Makes clients and their transports; in the end each is closed, and its account must add up."""
    clients = []

    def make(**settings: Any) -> tuple[Client, CapturingTransport]:
        client, transport = opened(implementation, **settings)
        clients.append(client)
        return client, transport

    yield make
    for client in clients:
        client.close(timeout=5.0)
        assert_conserved(client)


def opened(cls: type[Client], **settings: Any) -> tuple[Client, Any]:
    transport = settings.pop("transport", None) or CapturingTransport()
    return cls("WK", **{"transport": transport, "interval": QUIET, "logger": SILENT, **settings}), transport


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


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_every_call_does_what_the_slow_way_does(implementation: type[Client], shape: Any) -> None:
    args, kwargs = shape
    assert outcome(implementation, args, kwargs) == outcome(Slow, args, kwargs)


@pytest.mark.skipif(not IS_IN_C, reason="no quick track in C")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_both_implementations_put_the_same_bytes_on_the_wire(backend: str, shape: Any) -> None:
    args, kwargs = shape
    in_c, in_python = (outcome(cls, args, kwargs) for cls in (Client, InPython))
    assert json.dumps(in_c["wire"]) == json.dumps(in_python["wire"])


@pytest.mark.parametrize(
    "settings",
    [
        {"disabled": True},
        {"sync_mode": True},
        {"ordering": "user"},
        {"clock": lambda: 10**18},
        {"dialect": "rudderstack"},
    ],
    ids=str,
)
def test_every_kind_of_client_does_what_the_slow_way_does(implementation: type[Client], settings: Any) -> None:
    args = ("u", "e", {"a": 1})
    assert outcome(implementation, args, {}, **settings) == outcome(Slow, args, {}, **settings)


def test_the_shapes_at_the_limit_are_at_the_limit(make: Callable[..., Any]) -> None:
    client, _ = make()
    args, _ = SHAPES["exactly the limit"]
    assert client.track(*args)
    user, event, properties = SHAPES["one byte beyond the limit"][0]
    assert len(properties["p"]) == len(args[2]["p"]) + 1
    with pytest.raises(ValueError, match="has 32769 bytes; at most 32768"):
        client.track(user, event, properties)


@pytest.mark.skipif(not IS_FAST, reason="the plain encoder calls a value's code once by itself")
def test_ctrl_c_inside_a_value_is_raised_and_the_value_not_asked_again(make: Callable[..., Any]) -> None:
    class Interrupted:
        asked = 0

        def model_dump(self, mode: str) -> object:
            Interrupted.asked += 1
            raise KeyboardInterrupt

    client, _ = make()
    with pytest.raises(KeyboardInterrupt):
        client.track("u", "e", {"a": Interrupted()})
    assert Interrupted.asked == 1
    assert client.stats().accepted == 0
    assert client.track("u", "e", {"a": 1})


def test_a_closed_client_refuses(make: Callable[..., Any]) -> None:
    client, _ = make()
    client.close()
    assert client._track_entry is None
    with pytest.raises(ClosedError):
        client.track("u", "e", {})
    assert client.stats().refused == {"closed": 1}


def test_a_value_may_close_the_client_that_encodes_it(make: Callable[..., Any]) -> None:
    client, _ = make()

    class Closes:
        def model_dump(self, mode: str) -> object:
            client.close()
            return {}

    with pytest.raises(ClosedError):
        client.track("u", "e", {"a": Closes()})
    assert client.stats().refused == {"closed": 1}


def test_a_value_may_track(make: Callable[..., Any]) -> None:
    client, transport = make()

    class Tracks:
        def model_dump(self, mode: str) -> object:
            client.track("u", "inner", {"a": 1})
            return {"b": 2}

    assert client.track("u", "outer", {"a": Tracks()})
    client.flush()
    assert [message["event"] for message in transport.messages] == ["inner", "outer"]
    assert transport.messages[1]["properties"] == {"a": {"b": 2}}


class Stuck:
    """A transport that keeps its first requests until it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def send(self, request: Request, timeout: float) -> Response:
        assert self.released.wait(30.0)
        return Response(200, {}, b"{}")

    def close(self) -> None:
        pass


def test_refusals_of_a_full_queue_are_counted_exactly_by_many_threads(make: Callable[..., Any]) -> None:
    transport = Stuck()
    client, _ = make(transport=transport, max_queue_bytes=1 << 18)
    results: list[list[bool]] = [[] for _ in range(4)]

    def produce(mine: list[bool]) -> None:
        mine.extend(client.track("user-0123456789", "Order Completed", {"n": n}) for n in range(3000))

    threads = [threading.Thread(target=produce, args=(mine,)) for mine in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = sum(mine.count(True) for mine in results)
    stats = client.stats()
    transport.released.set()
    assert 0 < taken < 12_000
    assert stats.accepted == taken
    assert stats.refused == {"queue_full": 12_000 - taken}


def filled(make: Callable[..., Any], **settings: Any) -> tuple[Client, Stuck]:
    transport = Stuck()
    client, _ = make(transport=transport, max_queue_bytes=1 << 16, max_message_bytes=1000, **settings)
    with contextlib.suppress(QueueFullError):
        while client.track("u", "e", {"a": 1}):
            pass
    return client, transport


def test_a_full_queue_raises_when_asked_to(make: Callable[..., Any]) -> None:
    client, transport = filled(make, on_full="raise")
    with pytest.raises(QueueFullError):
        client.track("u", "e", {"a": 1})
    assert client.stats().refused == {"queue_full": 2}
    transport.released.set()


def test_a_full_queue_blocks_when_asked_to(make: Callable[..., Any]) -> None:
    transport = Stuck()
    client, _ = make(
        transport=transport, max_queue_bytes=1 << 16, max_message_bytes=1000, on_full="block", block_timeout=30.0
    )
    threading.Timer(0.2, transport.released.set).start()
    assert all(client.track("u", "e", {"a": 1}) for _ in range(2000))
    assert client.stats().refused == {}


def test_a_full_queue_is_told_to_the_logger_once(make: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    client, transport = filled(make, logger=logging.getLogger("tests.full"))
    for _ in range(100):
        assert client.track("u", "e", {"a": 1}) is False
    assert [record.getMessage() for record in caplog.records] == ["1 event refused (queue_full)"]
    transport.released.set()
    client.close()
    assert caplog.records[-1].getMessage() == "100 events refused (queue_full)"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_begins_with_an_entry_of_its_own(make: Callable[..., Any]) -> None:
    client, transport = make()
    assert client.track("u", "parent", {"a": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a child of a process with threads, which is what is tested
        child = os.fork()
    if child == 0:
        code = 1
        try:
            is_taken = client.track("u", "child", {"a": 1})
            client.flush()
            events = [message["event"] for message in transport.messages]
            code = 0 if is_taken and client.stats().accepted == 1 and events == ["child"] else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    client.flush()
    assert [message["event"] for message in transport.messages] == ["parent"]


@pytest.mark.parametrize(
    "shape",
    ["positional", "keywords", "a context", "a value without a form", "given twice", "a key that is no text"],
)
def test_calls_leave_no_references_behind(make: Callable[..., Any], shape: str) -> None:
    calls = 100_000 if shape == "positional" else 5_000
    client, _ = make(max_queue_bytes=1 << 20, on_full="drop_newest", transport=(transport := Stuck()))
    args, kwargs = SHAPES[shape]
    watched = [*args, *kwargs.values(), client, client._track_entry, None, True, False]

    def repeat(times: int) -> None:
        for _ in range(times):
            with contextlib.suppress(TypeError, ValueError):
                client.track(*args, **kwargs)

    repeat(5_000)
    gc.collect()
    before, blocks = [sys.getrefcount(item) for item in watched], sys.getallocatedblocks()
    repeat(calls)
    gc.collect()
    after = [sys.getrefcount(item) for item in watched]
    transport.released.set()
    # Senders come and go meanwhile; a leak would be at least one for each call.
    assert max(abs(now - then) for now, then in zip(after, before, strict=True)) < 100
    assert sys.getallocatedblocks() - blocks < 2_000 + (calls if not client.stats().refused else 0)


def test_a_forgotten_client_in_a_cycle_is_collected(implementation: type[Client]) -> None:
    client, _ = opened(implementation)
    client.itself = client  # type: ignore[attr-defined]
    client.track("u", "e", {})
    client.flush()
    engine, there = weakref.ref(client._first_lane.core), weakref.ref(client)
    client.close()
    del client
    gc.collect()
    assert there() is None
    assert engine() is None


def test_signature_and_docstring_are_those_of_the_slow_way(implementation: type[Client]) -> None:
    def shown(function: Any) -> list[tuple[str, object]]:
        return [(parameter.name, parameter.default) for parameter in inspect.signature(function).parameters.values()]

    assert shown(implementation.track) == shown(Client._track_slowly)
    assert inspect.getdoc(implementation.track) == inspect.getdoc(Client._track_slowly)
    assert implementation.track.__name__ == "track"
    client, _ = opened(implementation)
    with client:
        assert shown(client.track) == shown(Client._track_slowly)[1:]


def test_a_subclass_may_override_and_call_on(implementation: type[Client]) -> None:
    class Prefixing(implementation):  # type: ignore[misc,valid-type]
        def track(self, user_id: Any = None, event: Any = None, *args: Any, **kwargs: Any) -> bool:
            return super().track(user_id, f"app.{event}", *args, **kwargs)

    client, transport = opened(Prefixing)
    with client:
        client.track("u", "e", {"a": 1})
    assert transport.messages[0]["event"] == "app.e"


def test_track_wants_a_client(implementation: type[Client]) -> None:
    with pytest.raises((TypeError, AttributeError)):
        implementation.track("u", "e", {})


@pytest.mark.skipif(not IS_IN_C, reason="no quick track in C")
@pytest.mark.parametrize("junk", [3, (), (1,) * 9, "entry", [None]], ids=repr)
def test_an_entry_that_is_none_is_refused(junk: object) -> None:
    client, _ = opened(Client)
    with client:
        entry = client._track_entry
        with pytest.raises((TypeError, ValueError)):
            client._track_entry = (*junk[:7], "x", "y") if isinstance(junk, tuple) and junk else junk  # type: ignore
        assert client._track_entry is entry
        assert client.track("u", "e", {})


IN_A_SUBINTERPRETER = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
# By its path: the package needs modules that crash some interpreters when they are imported there, as ssl does 3.12.1.
code = '''
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
loader = ExtensionFileLoader("fastbatch.core._track", PATH)
try:
    _track = module_from_spec(spec_from_loader("fastbatch.core._track", loader))
except ImportError as error:
    assert "subinterpreters" in str(error), error
else:
    loader.exec_module(_track)
    class Client(_track.Quick):
        def _track_slowly(self, *args):
            return args
    Client.track = Client._new_track("Doc.")
    assert Client().track(1, 2) == (1, 2)
'''
other = interpreters.create()
print(interpreters.run_string(other, code.replace("PATH", repr(sys.argv[1]))) or "well")
interpreters.destroy(other)
"""


@pytest.mark.skipif(not IS_IN_C, reason="no quick track in C")
def test_a_subinterpreter_can_import_it_or_is_told_why_not() -> None:
    from fastbatch.core import _track

    command = [sys.executable, "-c", IN_A_SUBINTERPRETER, _track.__file__]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "well"), done.stderr


def with_path() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@pytest.mark.skipif(not IS_IN_C, reason="no quick track in C")
def test_the_pure_backend_uses_nothing_compiled() -> None:
    program = "from fastbatch import BACKEND; from fastbatch.core import quick; print(BACKEND, quick.IS_IN_C)"
    environment = {**with_path(), "FASTBATCH_BACKEND": "pure"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["pure", "False"]
