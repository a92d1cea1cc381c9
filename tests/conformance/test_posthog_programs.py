"""
The same programs run against the posthog package and against `fastbatch.posthog`: what did the server receive?

Left out of the comparison: ids that either made itself, the time of events that have none of their own, the library's
name and version, and the form in which a time is written (`+00:00` there, `Z` here; the moment is compared).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.posthog_programs import CLIENT_PROGRAMS, MODULE_PROGRAMS, SETTING_PROGRAMS
from tests.support.faulty_server import FaultyServer, Reply
from tests.support.wire import Recorded

HERE = Path(__file__).parent
SRC = str(HERE.parents[1] / "src")
THEIRS, OURS = "posthog", "fastbatch.posthog"

EVERYBODY = {"groups": [{"properties": [], "rollout_percentage": 100}]}
LOCAL_FLAG = {"id": 1, "key": "local", "active": True, "filters": EVERYBODY}
OFF_FLAG = {"id": 2, "key": "off", "active": False, "filters": {"groups": []}}
DEFINITIONS = {"flags": [LOCAL_FLAG, OFF_FLAG], "group_type_mapping": {}, "cohorts": {}}
REMOTE = {
    "flags": {
        "remote": {
            "key": "remote",
            "enabled": True,
            "variant": "blue",
            "reason": {"code": "condition_match", "description": "Matched condition set 1", "condition_index": 0},
            "metadata": {"id": 7, "version": 3, "payload": '{"a": 1}', "description": None},
        }
    },
    "errorsWhileComputingFlags": False,
    "requestId": "11111111-2222-4333-8444-555555555555",
    "evaluatedAt": 1767323045000,
}


def reply(request: Recorded) -> Reply:
    """Answer as PostHog does."""
    if request.path.startswith("/flags/definitions") or "local_evaluation" in request.path:
        return Reply(200, json.dumps(DEFINITIONS).encode(), {"Content-Type": "application/json"})
    if request.path.startswith("/flags"):
        return Reply(200, json.dumps(REMOTE).encode(), {"Content-Type": "application/json"})
    return Reply()


def received(module: str, name: str = "") -> dict[str, list[dict[str, Any]]]:
    """Return the events of all programs, by the program's name."""
    with FaultyServer(default=reply) as server:
        arguments = [sys.executable, str(HERE / "posthog_programs.py"), module, server.url(), *([name] if name else [])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([SRC, str(HERE.parents[1])])}
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
        events: dict[str, list[dict[str, Any]]] = {}
        for request in server.requests:
            if request.path == "/batch/":
                body = request.json
                of_key = events.setdefault(body["api_key"], [])
                past = {"historical_migration": True} if body["historical_migration"] else {}
                of_key += [{**event, **past} for event in body["batch"]]
        return events


OWN_ID = "01a1fd95-9b9b-731e-bc15-a940cc2e804b"


def is_made_up(text: str) -> bool:
    """Return whether an id was made by the library."""
    try:
        return str(uuid.UUID(text)) != OWN_ID
    except ValueError:
        return False


def plain(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event without what may differ between any two runs."""
    moment = datetime.fromisoformat(event["timestamp"].replace("Z", "+00:00"))
    is_given = moment < datetime(2026, 6, 1, tzinfo=timezone.utc)
    properties = {name: value for name, value in event["properties"].items() if name not in ("$lib", "$lib_version")}
    for part in (properties, event.get("$set", {}), event.get("$set_once", {})):
        if "$context_tags" in part:
            part["$context_tags"] = sorted(part["$context_tags"])
    for entry in properties.get("$exception_list", []):
        frames = entry.get("stacktrace", {}).get("frames", [])
        for frame in frames:
            for name, value in frame.get("code_variables", {}).items():
                frame["code_variables"][name] = re.sub(r"0x[0-9a-f]+", "0x", str(value))
    return {
        **event,
        "uuid": "<made up>" if is_made_up(event["uuid"]) else event["uuid"],
        "distinct_id": "<made up>" if is_made_up(event["distinct_id"]) else event["distinct_id"],
        "timestamp": moment.isoformat() if is_given else "<now>",
        "properties": properties,
    }


def differences(theirs: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Yield the paths at which two values differ."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in sorted({*theirs, *ours}):
            if name not in theirs or name not in ours:
                yield f"{path}.{name}"
            else:
                yield from differences(theirs[name], ours[name], f"{path}.{name}")
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for number, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            yield from differences(one, other, f"{path}[{number}]")
    elif theirs != ours or type(theirs) is not type(ours):
        yield path


REASONS = {
    "bad arguments": (
        {"events"},
        "an event without a name, and a value that has no JSON form, are refused; the package sends null for both",
    ),
    "exceptions": (
        {"[9].properties.$exception_list[0].stacktrace.frames"},
        "a context is a frame of the package's own in its stacks, a generator; ours has none",
    ),
    "values": (
        {"[0].properties.datetime"},
        "a time among the properties ends in Z as all times here do; the moment is the same",
    ),
    "variables": (
        {"[0].properties.$exception_list[0].stacktrace.frames[0].code_variables.client"},
        "a client among the variables is not looked into",
    ),
}
"""All that differs: where, and why."""


@pytest.fixture(scope="module")
def both() -> tuple[dict[str, Any], dict[str, Any]]:
    """What either sent for the programs that have a client of their own."""
    return received(THEIRS), received(OURS)


def found(theirs: list[dict[str, Any]], ours: list[dict[str, Any]]) -> set[str]:
    """Return where two lists of events differ."""
    if [event["event"] for event in theirs] != [event["event"] for event in ours]:
        return {"events"}
    return set(differences([plain(event) for event in theirs], [plain(event) for event in ours]))


@pytest.mark.parametrize("name", [*CLIENT_PROGRAMS, *SETTING_PROGRAMS])
def test_a_program_sends_the_same(both, name):
    theirs, ours = (events.get(name, []) for events in both)
    expected, _ = REASONS.get(name, (set(), ""))
    failed = [event["distinct_id"] for event in [*theirs, *ours] if event["event"] == "program failed"]
    assert failed == []
    assert found(theirs, ours) == expected


@pytest.mark.parametrize("name", MODULE_PROGRAMS)
def test_a_program_of_the_module_sends_the_same(name):
    theirs, ours = (received(module, name).get(name, []) for module in (THEIRS, OURS))
    assert theirs
    assert found(theirs, ours) == REASONS.get(name, (set(), ""))[0]


def test_what_is_refused_here_is_sent_as_null_there(both):
    """The difference in full."""
    theirs, ours = (events["bad arguments"] for events in both)
    assert [event["event"] for event in theirs] == [None, "object", "after"]
    assert theirs[1]["properties"]["a"] is None
    assert [event["event"] for event in ours] == ["after"]


def test_what_programs_without_events_send(both):
    for events in both:
        assert {"disabled", "nothing is sent", "before send fails"}.isdisjoint(events)
