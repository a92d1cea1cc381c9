"""`fastbatch demo`, and that its audit sees what it is there to see."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest

from fastbatch import Client
from fastbatch.cli.audit import Audit, audit
from fastbatch.cli.posthog_form import message_form
from fastbatch.cli.workload import VISITOR, events
from fastbatch.collector import Collector, Store
from fastbatch.collector.wire import Received
from fastbatch.testing import CapturingTransport, assert_conserved

SEED = 7
NUMBERS = [40, 39]


def sent() -> list[dict[str, Any]]:
    """Return the demo's messages as they arrive."""
    messages = [message for worker, n in enumerate(NUMBERS) for message in events(SEED, worker, n)]
    return [{"type": m.kind, "messageId": str(i), **m.fields(), "context": {}} for i, m in enumerate(messages)]


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty store."""
    store = Store()
    yield store
    store.close()


def put(store: Store, messages: list[dict[str, Any]]) -> None:
    """Store messages."""
    store.add([Received(m["messageId"], m["type"], m.get("userId"), json.dumps(m)) for m in messages])


@pytest.mark.parametrize(
    "wire",
    [
        ["--dialect", "segment"],
        ["--dialect", "rudderstack"],
        ["--dialect", "posthog"],
        ["--dialect", "posthog", "--capture-mode", "v1"],
    ],
    ids=lambda wire: "-".join(wire[1::2]),
)
def test_the_demo_adds_up(
    wire: list[str], run: Callable[..., subprocess.CompletedProcess[str]], account: Callable[[str], dict[str, int]]
) -> None:
    """Every event is in the database once, as it was sent, and the exit status says so."""
    done = run("demo", "--events", "5003", "--threads", "3", *wire)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.endswith("All adds up.\n")
    numbers = account(done.stdout)
    for name in ("accepted", "delivered", "in the database"):
        assert numbers[name] == 5003
    for name in ("refused", "dropped", "queued", "in flight", "duplicates", "missing", "altered", "unexpected"):
        assert numbers[name] == 0


def test_the_demo_sends_elsewhere_too(
    run: Callable[..., subprocess.CompletedProcess[str]], collector: Collector
) -> None:
    """Then the database is not its own to look at; delivered events add up."""
    done = run("demo", "--events", "500", "--endpoint", collector.url, "--write-key", "K")
    assert done.returncode == 0
    assert collector.store.counts().unique == 500
    assert collector.store.kinds().keys() == {"group", "identify", "page", "track"}


def test_the_demo_does_not_add_up_when_events_are_dropped(
    run: Callable[..., subprocess.CompletedProcess[str]], collector: Collector
) -> None:
    """The wrong key: all is dropped, and the exit status is 1."""
    done = run("demo", "--events", "500", "--endpoint", collector.url, "--write-key", "wrong")
    assert done.returncode == 1
    assert done.stderr.endswith("It does not add up.\n")


def test_the_same_seed_makes_the_same_events() -> None:
    """Workers differ from each other, and so do seeds."""
    one, same, other_seed, other_worker = (
        [message.fields() for message in events(seed, worker, 200)] for seed, worker in ((1, 0), (1, 0), (2, 0), (1, 1))
    )
    assert one == same
    assert one not in (other_seed, other_worker)
    assert {message.kind for message in events(1, 0, 200)} == {"page", "identify", "group", "track"}
    assert any("products" in fields.get("properties", {}) for fields in one)


def test_the_audit_finds_all_as_it_was_sent(store: Store) -> None:
    """In any order."""
    put(store, sent()[::-1])
    found = audit(store, SEED, NUMBERS)
    assert found == Audit(rows=sum(NUMBERS))
    assert found.is_clean


def test_the_audit_finds_each_kind_of_fault(store: Store) -> None:
    """One of each: lost, changed, under two ids, delivered again, from elsewhere, with a number beyond the end."""
    messages = sent()
    lost, changed, doubled, again, *rest = messages
    changed["userId"] = "someone else"
    beyond = {"type": "track", "messageId": "z", "properties": {"worker": 1, "seq": NUMBERS[1]}}
    stray = {"type": "track", "messageId": "y", "properties": {"worker": "1", "seq": 0}}
    put(store, [changed, doubled, {**doubled, "messageId": "x"}, again, *rest, beyond, stray])
    put(store, [again])
    found = audit(store, SEED, NUMBERS)
    assert found == Audit(rows=81, duplicates=1, missing=1, altered=1, repeated=1, unexpected=2)
    assert not found.is_clean
    assert lost["messageId"] == "0"


@pytest.mark.parametrize("mode", ["v0", "v1"])
def test_the_audit_finds_faults_in_posthogs_events_too(store: Store, mode: Literal["v0", "v1"]) -> None:
    """As the dialect makes them: all as they were sent; then one is lost, and one of each kind changed."""
    transport = CapturingTransport()
    with Client("K", dialect="posthog", capture_mode=mode, transport=transport) as client:
        for worker, number in enumerate(NUMBERS):
            for message in events(SEED, worker, number):
                client.enqueue(message)
    assert_conserved(client)
    made = transport.messages
    received = [Received(event["uuid"], "", None, json.dumps(event)) for event in made]
    store.add(received)
    assert audit(store, SEED, NUMBERS) == Audit(rows=sum(NUMBERS))

    changed = Store()
    of_kind = {event["event"]: event for event in made[1:]}
    for name, event in of_kind.items():
        place = {"$identify": "$set", "$groupidentify": "$group_set"}.get(name, "")
        data = event.get(place) or event["properties"].get(place) or event["properties"]
        data["more"] = 1
    changed.add([Received(event["uuid"], "", None, json.dumps(event)) for event in made[1:]])
    assert audit(changed, SEED, NUMBERS) == Audit(rows=sum(NUMBERS) - 1, missing=1, altered=len(of_kind))
    changed.close()


@pytest.mark.parametrize("wire", ["v0", "v1"])
@pytest.mark.parametrize(
    ("event", "message"),
    [
        (
            {"event": "Order", "distinct_id": "u", "properties": {"a": 1, "name": "Cup", "$lib": "x"}},
            {"type": "track", "userId": "u", "event": "Order", "properties": {"a": 1, "name": "Cup"}},
        ),
        (
            {"event": "$pageview", "distinct_id": VISITOR + "u", "properties": {"name": "Home", "path": "/"}},
            {
                "type": "page",
                "anonymousId": VISITOR + "u",
                "name": "Home",
                "category": None,
                "properties": {"path": "/"},
            },
        ),
        (
            {"event": "$identify", "distinct_id": "u", "$set": {"a": 1}, "properties": {"$anon_distinct_id": "v"}},
            {"type": "identify", "userId": "u", "anonymousId": "v", "traits": {"a": 1}},
        ),
        (
            {
                "event": "$groupidentify",
                "distinct_id": "u",
                "properties": {"$group_type": "segment_group", "$group_key": "g", "$group_set": {"a": 1}},
            },
            {"type": "group", "userId": "u", "groupId": "g", "traits": {"a": 1}},
        ),
    ],
)
def test_an_event_of_posthogs_is_read_back_as_the_message_that_it_was(
    event: dict[str, Any], message: dict[str, Any], wire: str
) -> None:
    """From either wire; what the audit then compares is the same as for the others."""
    if wire == "v1":
        persons = {"$set": event["$set"]} if "$set" in event else {}
        event = {"event": event["event"], "distinct_id": event["distinct_id"], "options": {}} | {
            "properties": {**event["properties"], **persons}
        }
    assert message_form(event) == message


def test_a_message_is_not_read_back() -> None:
    """One of the other vendors' is what it is."""
    message = {"type": "track", "event": "$pageview", "userId": "u"}
    assert message_form(message) is message
