"""`Client.track` has a quick way in two implementations; neither may be told from the slow way but by its speed."""

from __future__ import annotations

import contextlib
import gc
import inspect
import os
import subprocess
import sys
import sysconfig
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import fastbatch
from fastbatch import Client, ClosedError
from fastbatch.core.quick import IS_IN_C
from fastbatch.pipeline.encode import IS_FAST
from tests.support.quick_track import SHAPES, Slow, Stuck, opened, outcome


def test_it_is_in_c_wherever_the_core_is() -> None:
    """Else the tests of the one in C would all be left out, and nobody would notice."""
    has_gil = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
    assert (fastbatch.BACKEND == "native" and has_gil) == IS_IN_C


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_every_call_does_what_the_slow_way_does(implementation: type[Client], shape: Any) -> None:
    args, kwargs = shape
    assert outcome(implementation, args, kwargs) == outcome(Slow, args, kwargs)


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


def test_the_shapes_at_the_limit_are_at_the_limit(make_quick: Callable[..., Any]) -> None:
    client, _ = make_quick()
    args, _ = SHAPES["exactly the limit"]
    assert client.track(*args)
    user, event, properties = SHAPES["one byte beyond the limit"][0]
    assert len(properties["p"]) == len(args[2]["p"]) + 1
    with pytest.raises(ValueError, match="has 32769 bytes; at most 32768"):
        client.track(user, event, properties)


@pytest.mark.skipif(not IS_FAST, reason="the plain encoder calls a value's code once by itself")
def test_ctrl_c_inside_a_value_is_raised_and_the_value_not_asked_again(make_quick: Callable[..., Any]) -> None:
    class Interrupted:
        asked = 0

        def model_dump(self, mode: str) -> object:
            Interrupted.asked += 1
            raise KeyboardInterrupt

    client, _ = make_quick()
    with pytest.raises(KeyboardInterrupt):
        client.track("u", "e", {"a": Interrupted()})
    assert Interrupted.asked == 1
    assert client.stats().accepted == 0
    assert client.track("u", "e", {"a": 1})


def test_a_closed_client_refuses(make_quick: Callable[..., Any]) -> None:
    client, _ = make_quick()
    client.close()
    assert client._track_entry is None
    with pytest.raises(ClosedError):
        client.track("u", "e", {})
    assert client.stats().refused == {"closed": 1}


def test_a_value_may_close_the_client_that_encodes_it(make_quick: Callable[..., Any]) -> None:
    client, _ = make_quick()

    class Closes:
        def model_dump(self, mode: str) -> object:
            client.close()
            return {}

    with pytest.raises(ClosedError):
        client.track("u", "e", {"a": Closes()})
    assert client.stats().refused == {"closed": 1}


def test_a_value_may_track(make_quick: Callable[..., Any]) -> None:
    client, transport = make_quick()

    class Tracks:
        def model_dump(self, mode: str) -> object:
            client.track("u", "inner", {"a": 1})
            return {"b": 2}

    assert client.track("u", "outer", {"a": Tracks()})
    client.flush()
    assert [message["event"] for message in transport.messages] == ["inner", "outer"]
    assert transport.messages[1]["properties"] == {"a": {"b": 2}}


def test_a_forked_child_begins_with_an_entry_of_its_own(make_quick: Callable[..., Any]) -> None:
    client, transport = make_quick()
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
def test_calls_leave_no_references_behind(make_quick: Callable[..., Any], shape: str) -> None:
    calls = 100_000 if shape == "positional" else 5_000
    client, _ = make_quick(max_queue_bytes=1 << 20, on_full="drop_newest", transport=(transport := Stuck()))
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


def with_path() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def test_the_pure_backend_uses_nothing_compiled() -> None:
    program = "from fastbatch import BACKEND; from fastbatch.core import quick; print(BACKEND, quick.IS_IN_C)"
    environment = {**with_path(), "FASTBATCH_BACKEND": "pure"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["pure", "False"]
