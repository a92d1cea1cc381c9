"""Messages of a program's own: what `Message` allows is delivered or counted, whatever it is."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fastbatch import ConfigError, FieldError, Identify, Track
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


def broken_clock():
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
    good = [time.time_ns]
    client, _ = scripted(clock=lambda: good[0](), max_queue_bytes=2**24)
    for message in kinds(made):
        client.enqueue(message)
    good[0] = clock
    with pytest.raises(ConfigError, match=said) as caught:
        client.enqueue(Own("own", {"userId": "swordfish"}))
    good[0] = time.time_ns
    assert "swordfish" not in str(caught.value)
    assert client.stats().refused == {"invalid": 1}


def test_a_clock_that_raises_costs_the_event_which_is_counted(scripted):
    """The program hears of what it did."""
    good = [time.time_ns]
    client, _ = scripted(clock=lambda: good[0]())
    good[0] = broken_clock
    with pytest.raises(ZeroDivisionError):
        client.track("u", "e", {})
    good[0] = time.time_ns
    assert client.stats().refused == {"invalid": 1}
