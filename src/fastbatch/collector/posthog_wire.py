"""
PostHog's older wire (``/batch/``, ``/capture/``): from the bytes of a request to its key and its events.

What is refused, and with what status, is what PostHog's own capture server refuses: one bad event refuses the request.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from fastbatch.collector.bodies import WireError
from fastbatch.collector.wire import Received, decoded, storable, walk_array, walk_object

__all__ = ["MAX_EVENT_BYTES", "Part", "Posted", "canonical_uuid", "check_token", "is_too_big", "kind_of", "read_posted"]

MAX_EVENT_BYTES = 1_000_000
"""What the server's own queue takes of one event."""
_MOST_OF_AN_ID = 200
_MOST_OF_A_TOKEN = 64
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")

Part: TypeAlias = "tuple[Any, str]"
"""An event and its text."""


class Posted(NamedTuple):
    """What one request brings."""

    token: str
    received: list[Received]


def read_posted(body: bytes) -> Posted:
    """
    Return the events of a body: a batch, a single event, or an array of events, with the key that it came with.

    Raises:
        WireError: 400 for what is no such body or has a bad event, 401 for the key, 413 for an event that is too big.
    """
    members, parts = _split(decoded(body))
    if not parts:
        raise WireError(400, "the request holds no event")
    token = check_token(_token(members, parts))
    return Posted(token, [_received(number, *part) for number, part in enumerate(parts)])


def check_token(token: str) -> str:
    """Return a project key without the space around it; what cannot be one is answered with 401."""
    token = token.strip()
    problem = ""
    if not token:
        problem = "it is empty"
    elif len(token) > _MOST_OF_A_TOKEN:
        problem = f"it is longer than {_MOST_OF_A_TOKEN} characters"
    elif not token.isascii() or "\0" in token:
        problem = "it has characters that no key has"
    elif token.startswith("phx_"):
        problem = "it is a personal key (phx_), and events need the project's (phc_)"
    if problem:
        raise WireError(401, f"the API key is not valid: {problem}", "invalid_api_token")
    return token


def canonical_uuid(text: str) -> str | None:
    """Return a UUID in its usual form; None when it is none."""
    return str(uuid.UUID(text)) if _UUID.fullmatch(text) else None


def kind_of(event: str) -> str:
    """Return the kind under which an event is stored: PostHog's own events have one each, all others are captures."""
    return (storable(event) or "") if event.startswith("$") else "capture"


def is_too_big(text: str) -> bool:
    """Return whether an event is more than the server takes of one."""
    return len(text) > MAX_EVENT_BYTES or (not text.isascii() and len(text.encode()) > MAX_EVENT_BYTES)


def _part(event: Any, text: str) -> Part:
    return event, text


def _split(text: str) -> tuple[Mapping[str, Any], list[Part]]:
    if text.lstrip()[:1] == "[":
        return {}, walk_array(text, _part)
    members, parts = walk_object(text, _part)
    if parts is not None:
        return members, parts
    if "event" not in members:
        raise WireError(400, 'a body must have a "batch" of events, or be one: "event" is missing too')
    return {}, [(members, text.strip())]


def _token(members: Mapping[str, Any], parts: list[Part]) -> str:
    """Return the body's key; without one, the one that all events have."""
    found = _tokens([members]) or _tokens([event for event, _ in parts if isinstance(event, dict)])
    if not found:
        raise WireError(401, 'an "api_key" is needed, in the body or in each event', "invalid_api_token")
    if len(found) > 1:
        raise WireError(401, "the events of one request must have one api_key", "invalid_api_token")
    return found.pop()


def _tokens(things: list[Mapping[str, Any]]) -> set[str]:
    found = {_token_of(thing) for thing in things} - {None}
    if not all(isinstance(token, str) for token in found):
        raise WireError(401, "the API key is not valid: it is no text", "invalid_api_token")
    return found


def _token_of(thing: Mapping[str, Any]) -> Any:
    properties = thing.get("properties")
    inner = properties.get("token") if isinstance(properties, dict) else None
    tokens = (thing.get("api_key"), thing.get("token"), thing.get("$token"), inner)
    # An object is no member of a set, and no key either.
    return next((token if isinstance(token, str) else 0 for token in tokens if token is not None), None)


def _received(number: int, event: Any, text: str) -> Received:
    problem = _problem(event)
    if problem:
        raise WireError(400, f"event {number}: {problem}")
    if is_too_big(text):
        raise WireError(413, f"event {number}: it is longer than {MAX_EVENT_BYTES} bytes")
    distinct_id = _distinct_id(event)
    if not distinct_id:
        raise WireError(400, f"event {number}: it has no distinct_id")
    given = event.get("uuid")
    message_id = canonical_uuid(given) if given else str(uuid.uuid4())
    if message_id is None:
        raise WireError(400, f"event {number}: its uuid is no UUID")
    return Received(message_id, kind_of(event["event"]), distinct_id[:_MOST_OF_AN_ID], text)


def _problem(event: Any) -> str:
    """Return what is wrong with an event's form, or nothing."""
    if not isinstance(event, dict):
        return "it is no object"
    name = event.get("event")
    if not isinstance(name, str) or not name:
        return 'it has no name: "event" is missing, empty, or no text'
    for field, kinds in (("properties", dict), ("$set", dict), ("$set_once", dict), ("timestamp", str), ("uuid", str)):
        value = event.get(field)
        if not isinstance(value, kinds) and (value is not None or (field == "properties" and field in event)):
            return f"its {field} is no {'object' if kinds is dict else 'text'}"
    return ""


def _distinct_id(event: Mapping[str, Any]) -> str | None:
    for found in (
        event.get("distinct_id"),
        event.get("$distinct_id"),
        (event.get("properties") or {}).get("distinct_id"),
    ):
        if found is not None:
            return storable(found)
    return None
