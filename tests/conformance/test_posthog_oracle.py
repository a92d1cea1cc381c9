"""The same calls with posthog, from PyPI, and with fastbatch: what a server received, event by event and key by key."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from fastbatch import Alias, Capture, Client, GroupIdentify, __version__
from tests.support.capture_v1 import results
from tests.support.faulty_server import FaultyServer, Reply
from tests.support.wire import Recorded

posthog = pytest.importorskip("posthog")
pytestmark = pytest.mark.skipif(posthog.VERSION != "7.91.1", reason="the oracle is posthog 7.91.1")

ID = "01a1fd95-9b9b-431e-bc15-a940cc2e804b"
THEN = datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2)))
ODD = {"decimal": Decimal("1.5"), "id": UUID(ID), "tuple": (1, 2), "nan": float("nan"), "ü": "ß", "then": THEN}

# Each call: what it is with posthog, and which message it is here.
CALLS: dict[str, tuple[Callable[[Any], object], Any]] = {
    "capture": (
        lambda peer: peer.capture("e", distinct_id="u", properties={"a": 1, "b": [None, {}]}),
        Capture(distinct_id="u", event="e", properties={"a": 1, "b": [None, {}]}),
    ),
    "nothing but a name": (
        lambda peer: peer.capture("e", distinct_id="u"),
        Capture(distinct_id="u", event="e"),
    ),
    "id and time": (
        lambda peer: peer.capture("e", distinct_id="u", uuid=ID, timestamp=THEN),
        Capture(distinct_id="u", event="e", uuid=ID, timestamp=THEN),
    ),
    "groups": (
        lambda peer: peer.capture("e", distinct_id="u", groups={"company": "x"}, properties={"$groups": {"y": "z"}}),
        Capture(distinct_id="u", event="e", groups={"company": "x"}, properties={"$groups": {"y": "z"}}),
    ),
    "names of the library's": (
        lambda peer: peer.capture("e", distinct_id="u", properties={"$lib": 1, "$os": 2, "$is_server": 3, "team": 4}),
        Capture(distinct_id="u", event="e", properties={"$lib": 1, "$os": 2, "$is_server": 3, "team": 4}),
    ),
    "names that V1 moves": (
        lambda peer: peer.capture(
            "e", distinct_id="u", properties={"$session_id": "s", "$window_id": 5, "$process_person_profile": "False"}
        ),
        Capture(
            distinct_id="u",
            event="e",
            properties={"$session_id": "s", "$window_id": 5, "$process_person_profile": "False"},
        ),
    ),
    "person properties inside": (
        lambda peer: peer.capture("$set", distinct_id="u", properties={"$set": {"a": 1}, "$set_once": {"b": 2}}),
        Capture(distinct_id="u", event="$set", properties={"$set": {"a": 1}, "$set_once": {"b": 2}}),
    ),
    "geoip allowed": (
        lambda peer: peer.capture("e", distinct_id="u", disable_geoip=False, properties={"$geoip_disable": "mine"}),
        Capture(distinct_id="u", event="e", disable_geoip=False, properties={"$geoip_disable": "mine"}),
    ),
    "odd values": (
        lambda peer: peer.capture("e", distinct_id=5, properties=ODD),
        Capture(distinct_id=5, event="e", properties=ODD),
    ),
    "set": (
        lambda peer: peer.set(distinct_id="u", properties={"a": 1}),
        Capture(distinct_id="u", event="$set", set={"a": 1}),
    ),
    "set_once": (
        lambda peer: peer.set_once(distinct_id="u", properties={"a": 1}, timestamp=THEN),
        Capture(distinct_id="u", event="$set_once", set_once={"a": 1}, timestamp=THEN),
    ),
    "alias": (
        lambda peer: peer.alias("before", "after"),
        Alias(previous_id="before", user_id="after"),
    ),
    "group_identify": (
        lambda peer: peer.group_identify("company", "acme", {"size": 3}, distinct_id="u", disable_geoip=False),
        GroupIdentify(type="company", key="acme", properties={"size": 3}, distinct_id="u", disable_geoip=False),
    ),
}

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "all": {
        "disable_geoip": False,
        "historical_migration": True,
        "super_properties": {"team": "a", "$lib_version": "0"},
        "is_server": False,
        "before_send": lambda event: {**event, "properties": {**event["properties"], "seen": sorted(event)}},
    },
    "a release": {"super_properties": {"$session_id": "super"}},
}


def reply(request: Recorded) -> Reply:
    return Reply(200, results(request.json["batch"], lambda event: "ok"))


def received(capture_mode: str, call: str, settings: dict[str, Any]) -> tuple[Recorded, Recorded]:
    """Return what a server received of posthog, and what of fastbatch."""
    of_theirs, message = CALLS[call]
    with FaultyServer(default=reply) as server:
        peer = posthog.Posthog("phc_x", host=server.url(), sync_mode=True, capture_mode=capture_mode, **settings)
        of_theirs(peer)
        peer.shutdown()
        with Client("phc_x", dialect="posthog", endpoint=server.url(), capture_mode=capture_mode, **settings) as client:  # type: ignore[arg-type]
            assert client.enqueue(message)
        theirs, ours = server.requests
    return theirs, ours


def comparable(request: Recorded) -> dict[str, Any]:
    """Return a body without ids, clocks and the library's name."""
    body = {key: value for key, value in request.json.items() if key not in ("sent_at", "created_at")}
    [event] = body["batch"]
    if UUID(event["uuid"]) != UUID(ID):
        event["uuid"] = "an id"
    event["timestamp"] = "now" if event["timestamp"][:4] != "2024" else event["timestamp"].replace("+00:00", "Z")
    properties = event["properties"]
    for name in ("$lib", "$lib_version"):
        if properties.get(name) in ("posthog-python", "7.91.1", "fastbatch", __version__):
            properties[name] = "a library"
    if "then" in properties:
        properties["then"] = datetime.fromisoformat(properties["then"].replace("Z", "+00:00")).timestamp()
    if "seen" in properties:
        properties["seen"] = sorted(set(properties["seen"]))
    return body


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("capture_mode", ["v0", "v1"])
def test_a_server_receives_what_posthogs_own_client_sends(monkeypatch, caplog, capture_mode, call, settings):
    """Every key and every value, whatever the settings."""
    caplog.set_level(logging.CRITICAL)
    monkeypatch.setenv("POSTHOG_RELEASE_ID", "r-7" if settings == "a release" else "")
    theirs, ours = received(capture_mode, call, SETTINGS[settings])
    assert ours.path == theirs.path
    assert comparable(ours) == comparable(theirs)
    own = {"authorization", "posthog-attempt", "content-type"}
    assert {name: ours.headers.get(name) for name in own} == {name: theirs.headers.get(name) for name in own}
    named = {name for name in theirs.headers if name.startswith("posthog-")}
    assert {name for name in ours.headers if name.startswith("posthog-")} == named
