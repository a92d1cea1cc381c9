"""Messages of a program's own: what `Message` allows is delivered or counted, whatever it is."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fastbatch import Capture, ConfigError, FieldError, GroupIdentify, Identify, Track
from fastbatch.core import new_core
from fastbatch.core.interface import MAX_TEMPLATES
from fastbatch.dialects import Segment
from fastbatch.typing import Constants


class Own:
    """A message of any kind with any fields."""

    def __init__(self, kind: Any, fields: Any) -> None:
        self.kind = kind
        self._fields = fields

    def fields(self) -> Any:
        return self._fields


def kinds(count: int) -> Iterator[Own]:
    return (Own(f"kind_{number}", {"userId": "u", "number": number}) for number in range(count))


def test_more_kinds_than_a_core_has_templates_are_all_delivered(scripted):
    """What the core cannot stamp is stamped before it comes there; nobody can tell which it was."""
    client, transport = scripted(max_queue_bytes=2**24)
    for message in kinds(MAX_TEMPLATES + 100):
        assert client.enqueue(message)
    assert client.enqueue(Track(user_id="u", event="e"))
    assert client.enqueue(Identify(user_id="u", traits={"a": 1}))
    assert client.track("u", "e", {})
    assert client.flush(20).pending == 0
    assert client.stats().delivered == MAX_TEMPLATES + 103
    messages = sorted((m for sent in transport.sent for m in sent.messages), key=lambda m: m.get("number", 10**6))
    assert [message["type"] for message in messages[:-3]] == [f"kind_{n}" for n in range(MAX_TEMPLATES + 100)]
    assert len({tuple(message) for message in messages[:-3]}) == 1, "the first and the last have other members"
    assert len({message["messageId"] for message in messages}) == len(messages)
    assert {len(message["timestamp"]) for message in messages} == {24}


def test_they_keep_their_order_and_their_hook(scripted):
    """In lanes as well, and where ``before_send`` sees them."""
    seen = []
    client, transport = scripted(
        ordering="user", senders=2, batch_size=50, before_send=lambda event: seen.append(event) or event
    )
    for message in kinds(MAX_TEMPLATES + 20):
        assert client.enqueue(message)
    assert client.flush(20).pending == 0
    numbers = [message["number"] for sent in transport.sent for message in sent.messages]
    assert numbers == [event["number"] for event in seen] == list(range(MAX_TEMPLATES + 20))


@pytest.mark.parametrize("before_send", [None, lambda event: event], ids=["plain", "before_send"])
@pytest.mark.parametrize("made", [0, MAX_TEMPLATES], ids=["with a template", "whole"])
def test_a_message_without_fields_is_refused_and_counted(scripted, before_send, made):
    """There is nothing to say where nobody did anything; a JSON text with a comma too many is no answer to it."""
    client, _ = scripted(before_send=before_send)
    for message in kinds(made):
        client.enqueue(message)
    with pytest.raises(FieldError, match=r"OwnKind\.fields: invalid field value: \{\}; must be an object that is not"):
        client.enqueue(Own("own_kind", {}))
    assert client.stats().refused == {"invalid": 1}
    assert client.flush(5).pending == 0


def test_both_cores_hold_as_many_templates(backend):
    """A client counts on it."""
    core = new_core(2**16, 1000, 1, threading.Condition())
    template = Segment().template("track", frozenset(), Constants({}, None))
    assert [core.add_template(template) for _ in range(MAX_TEMPLATES)] == list(range(MAX_TEMPLATES))
    with pytest.raises(ValueError, match="too many"):
        core.add_template(template)
    assert core.append(MAX_TEMPLATES - 1, json.dumps({"a": 1}).encode(), 1) == 0


class Clock:
    """A clock that is right until it is told to do something else."""

    def __init__(self) -> None:
        self.say: Callable[[], Any] = time.time_ns

    def __call__(self) -> Any:
        return self.say()


def fail() -> None:
    raise ZeroDivisionError


CLOCKS = {
    "a negative number": (lambda: -5, r"^Config\.clock: -5 is not allowed; must be a function that returns nanosec"),
    "more than 64 bits": (lambda: 1 << 63, r"^Config\.clock: 9223372036854775808 is not allowed"),
    "seconds": (lambda: 1_700_000_000.5, r"^Config\.clock: 1700000000\.5 is not allowed"),
    "nothing": (lambda: None, r"^Config\.clock: None is not allowed"),
}


@pytest.mark.parametrize("made", [0, MAX_TEMPLATES], ids=["with a template", "whole"])
@pytest.mark.parametrize(("clock", "said"), CLOCKS.values(), ids=CLOCKS)
def test_a_clock_that_says_no_time_is_named_and_the_event_is_not_shown(scripted, clock, said, made):
    """The message is refused and counted; what is in it is nobody's to read in an exception."""
    here = Clock()
    client, _ = scripted(clock=here, max_queue_bytes=2**24)
    for message in kinds(made):
        client.enqueue(message)
    here.say = clock
    with pytest.raises(ConfigError, match=said) as caught:
        client.enqueue(Own("own", {"userId": "swordfish"}))
    here.say = time.time_ns
    assert "swordfish" not in str(caught.value)
    assert client.stats().refused == {"invalid": 1}


@pytest.mark.parametrize("before_send", [None, lambda event: event], ids=["plain", "before_send"])
def test_a_clock_that_raises_costs_the_event_which_is_counted(scripted, before_send):
    """The program hears of what it did."""
    here = Clock()
    client, _ = scripted(clock=here, before_send=before_send)
    here.say = fail
    with pytest.raises(ZeroDivisionError):
        client.track("u", "e", {})
    here.say = time.time_ns
    assert client.stats().refused == {"invalid": 1}


IDS: dict[str, Any] = {"a list": ["u", 1], "a dict": {"id": 1}, "nested": [{"a": [1]}]}


@pytest.mark.parametrize("user_id", IDS.values(), ids=IDS)
def test_an_id_that_cannot_be_hashed_has_its_order_all_the_same(scripted, user_id):
    """Ordering looks at the id, which for a message of one's own may be anything that has a JSON form."""
    client, transport = scripted(ordering="user", senders=3, batch_size=7)
    for number in range(50):
        assert client.enqueue(Own("own", {"userId": user_id, "number": number}))
    assert client.flush(5).pending == 0
    messages = [message for sent in transport.sent for message in sent.messages]
    assert [message["number"] for message in messages] == list(range(50))
    assert messages[0]["userId"] == user_id


class Raising(Own):
    """A message whose own code fails."""

    def fields(self) -> Any:
        raise self._fields


class Unbooled:
    """An id of a type that knows no truth, like an array of numpy's."""

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array")


ODD = {
    "fields that are no dict": (Own("own", ["a"]), (AttributeError, TypeError)),
    "no fields": (Own("own", None), (AttributeError, TypeError)),
    "a kind that is no text": (Own(["own"], {"userId": "u"}), TypeError),
    "an id without truth": (Own("own", {"userId": Unbooled()}), ValueError),
    "fields that raise": (Raising("own", ZeroDivisionError()), ZeroDivisionError),
    "fields that lack something": (Raising("own", AttributeError("name")), AttributeError),
    "fields that lack a key": (Raising("own", KeyError("name")), KeyError),
}


@pytest.mark.parametrize("ordering", [None, "user"])
@pytest.mark.parametrize(("message", "error"), ODD.values(), ids=ODD)
def test_whatever_a_message_of_ones_own_raises_is_counted(scripted, message, error, ordering):
    """The program hears of it, the account as well, and the next message is taken."""
    client, transport = scripted(ordering=ordering, senders=2)
    with pytest.raises(error):
        client.enqueue(message)
    assert sum(client.stats().refused.values()) == 1
    assert client.track("u", "next", {})
    assert client.flush(5).delivered == 1
    assert transport.events == ["next"]


@pytest.mark.parametrize("given", [None, 5, "track", {"userId": "u"}, object()], ids=repr)
def test_what_is_no_message_is_refused_and_counted(scripted, given):
    """The error says what is."""
    client, _ = scripted()
    with pytest.raises(FieldError, match=r"^Client\.enqueue: .* must be a message, such as Track"):
        client.enqueue(given)
    assert client.stats().refused == {"invalid": 1}


def test_a_hook_that_is_changed_often_takes_no_places(scripted):
    """As `fastbatch.posthog` does when a program assigns ``before_send``: the quick calls keep their templates."""
    client, _ = scripted(dialect="posthog")
    for _ in range(MAX_TEMPLATES):
        client._set_before_send(None)
    assert client._capture_entry is not None
    for message in (Capture(distinct_id="u", event="e"), GroupIdentify(type="company", key="acme")):
        assert client.enqueue(message)
    assert len(client._templates._numbers) < 10
    assert client.flush(5).delivered == 2
