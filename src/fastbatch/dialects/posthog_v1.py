"""PostHog's Capture V1: typed options, a request that has a name, and a verdict on each event."""
# ruff: noqa: ARG002 - a method here has the arguments that every dialect's has

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any

from fastbatch.dialects.base import USER_AGENT, to_json
from fastbatch.dialects.posthog import LONGEST_RETRY_AFTER, PostHog
from fastbatch.dialects.status import SERVER_ERRORS, StatusTable, line_of
from fastbatch.fastjson import loads
from fastbatch.typing import Attempt, Constants, Envelope, QuickForm, Response, Stamp, Verdict

__all__ = ["PostHogV1"]

DELIVERED = Verdict("delivered")

_UUID_START = b'{"uuid":"'
_UUID_END = len(_UUID_START) + 36


class PostHogV1(PostHog):
    """
    ``POST /i/v1/analytics/events`` with ``{"created_at":"...","batch":[...]}`` and the key as a bearer.

    The server answers for each event: ``ok``, ``warning``, ``drop``, or ``retry``, which alone goes again.
    """

    path = "/i/v1/analytics/events"
    compressions = frozenset({"gzip", "zstd", "none"})
    keeps_envelope = True
    max_response_bytes = 16 * 1024 * 1024
    # 404 comes from a proxy in front of the server, see docs/guide/compatibility.md.
    statuses = StatusTable(
        retry=SERVER_ERRORS | {404, 408, 429}, split=frozenset({400, 413}), longest_retry_after=LONGEST_RETRY_AFTER
    )

    def headers(self, write_key: str) -> dict[str, str]:
        """Return the headers of every request."""
        return {
            **super().headers(write_key),
            "Authorization": f"Bearer {write_key}",
            "PostHog-Sdk-Info": USER_AGENT,
        }

    def attempt_headers(self, attempt: Attempt) -> Mapping[str, str]:
        """Return the request's name, and which of its attempts this is; the clock's skew is read from its time."""
        return {
            "PostHog-Attempt": str(attempt.number),
            "PostHog-Request-Id": attempt.request_id,
            "PostHog-Request-Timestamp": attempt.sent_at,
        }

    def fields(self, kind: str, fields: dict[str, Any], constants: Constants) -> dict[str, Any]:
        """Return the event that a message is, in the form of V1."""
        return _lifted(super().fields(kind, fields, constants))

    def revise(self, draft: Mapping[str, Any], message: dict[str, Any]) -> dict[str, Any]:
        """Return the event in the form of V1, in which an id and a time are required."""
        revised = super().revise(draft, message)
        return _lifted({**revised, "timestamp": revised.get("timestamp") or draft["timestamp"]})

    def quick(self, kind: str, constants: Constants) -> QuickForm | None:
        """Return the form of ``[uuid, distinct_id, event, properties]``; what V1 moves must not stand in the last."""
        if kind != "capture":
            return None
        given = {**self._events.defaults, **self._events.constants}
        constant = _lifted({"properties": given})
        properties = constant.pop("properties")
        if not properties:
            return None
        begun = to_json({**constant, "properties": properties}, "super_properties")[1:-2]
        head = (b'{"uuid":', Stamp.VALUE, b',"distinct_id":', Stamp.VALUE, b',"event":', Stamp.VALUE)
        tail = (b',"timestamp":"', Stamp.TIMESTAMP_US, b'",' + begun, Stamp.MEMBERS, b"}")
        return QuickForm((*head, *tail), frozenset(given) | _MOVED)

    def envelope(self, write_key: str, sent_at: str) -> Envelope:
        """Return the body's constant bytes: when the batch was made, and whether these are events of the past."""
        historical = b',"historical_migration":true' if self._historical_migration else b""
        created_at = to_json(sent_at, "created_at")
        return Envelope(head=b'{"created_at":' + created_at + historical + b',"batch":[', tail=b"]}")

    def verdict(self, response: Response) -> Verdict:
        """Return what ``response`` means: of a 2xx only the server's word on each event counts."""
        if not 200 <= response.status < 300:
            verdict = self.statuses.verdict(response, self._write_key)
            if response.status == 429 and _error_of(response.body) == "billing_limit_exceeded":
                # The next attempts would be answered the same until the month is over.
                return Verdict("drop", detail=verdict.detail)
            return verdict
        results = _results(response.body)
        if results is None:
            return Verdict("retry", detail="no results for the events in the answer", is_ambiguous=True)
        if all(_word_of(result) == "ok" for result in results.values()):
            return DELIVERED  # what the server does not list is accepted, too
        return Verdict("itemized")

    def verdicts(self, response: Response, messages: Sequence[bytes]) -> list[Verdict]:
        """Return the server's word on each event."""
        results = _results(response.body) or {}
        retry_after = self.statuses.retry_after(response)
        return [self._verdict_on(results.get(_id_of(message), _ACCEPTED), retry_after) for message in messages]

    def _verdict_on(self, result: object, retry_after: float | None) -> Verdict:
        word = _word_of(result)
        detail = self._line(result.get("details")) if isinstance(result, dict) else ""
        if word == "ok":
            return DELIVERED
        if word == "retry":
            return Verdict("retry", retry_after=retry_after, detail=detail)
        if word in ("drop", "limited"):
            return Verdict("drop", detail=detail or word)
        # A warning; or a word that is not known here, which PostHog's own SDKs, too, take for acceptance.
        return Verdict("delivered", detail=detail or word if word == "warning" else self._line(f"result {word!r}"))

    def _line(self, text: object) -> str:
        return line_of(text, self._write_key) if isinstance(text, str) else ""


_ACCEPTED = {"result": "ok"}


def _results(body: bytes) -> dict[str, Any] | None:
    """Return the server's word on each event by its id, None when the body holds none."""
    try:
        said = loads(body)
    except (ValueError, RecursionError):
        return None
    results = said.get("results") if isinstance(said, dict) else None
    return results if isinstance(results, dict) else None


def _word_of(result: object) -> str:
    word = result.get("result") if isinstance(result, dict) else None
    return word if isinstance(word, str) else "unknown"


def _error_of(body: bytes) -> object:
    try:
        said = loads(body)
    except (ValueError, RecursionError):
        return None
    return said.get("error") if isinstance(said, dict) else None


def _id_of(message: bytes) -> str:
    if message.startswith(_UUID_START) and message[_UUID_END : _UUID_END + 1] == b'"':
        return message[len(_UUID_START) : _UUID_END].decode("ascii", "replace")
    return str(loads(message).get("uuid"))


def _lifted(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event in the form of V1: what the server itself reads stands beside the properties."""
    properties = dict(event.get("properties") or {})
    for key in ("$set", "$set_once"):
        _move_person_properties(key, event.get(key), properties)
    for key in ("$lib", "$lib_version"):
        properties.pop(key, None)  # The server has them from PostHog-Sdk-Info.
    lifted = {key: event[key] for key in ("uuid", "event", "distinct_id", "timestamp") if key in event}
    options: dict[str, Any] = {}
    for key, (name, coerce, place) in _SENTINELS.items():
        if key in properties and (value := coerce(_plain(properties.pop(key)))) is not None:
            (options if place == "options" else lifted)[name] = value
    return {**lifted, "options": options, "properties": properties}


def _move_person_properties(key: str, given: object, properties: dict[str, Any]) -> None:
    if given is None:
        return
    own = properties.get(key)
    if isinstance(given, Mapping) and isinstance(own, Mapping):
        properties[key] = {**given, **own}
    else:
        properties.setdefault(key, given)


def _plain(value: Any) -> Any:
    """Return what the encoder would make of text, a number or a boolean under another type."""
    while isinstance(value, Enum):
        value = value.value
    if hasattr(type(value), "tolist"):  # numpy's
        value = value.tolist()
    return value


_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def _as_bool(value: object) -> bool | None:
    """Return the server's reading of an option; what it would refuse is left out, or it drops the event for it."""
    if isinstance(value, str):
        return _TRUTH.get(value.strip().lower())
    return bool(value) if isinstance(value, (bool, int, float, Decimal)) else None


def _as_text(value: object) -> str | None:
    if isinstance(value, (str, uuid.UUID)):
        return str(value)
    return None


_SENTINELS: dict[str, tuple[str, Callable[[object], Any], str]] = {
    "$cookieless_mode": ("cookieless_mode", _as_bool, "options"),
    "$ignore_sent_at": ("disable_skew_correction", _as_bool, "options"),
    "$product_tour_id": ("product_tour_id", _as_text, "options"),
    "$process_person_profile": ("process_person_profile", _as_bool, "options"),
    "$session_id": ("session_id", _as_text, "event"),
    "$window_id": ("window_id", _as_text, "event"),
}
"""Properties that have a place of their own: its name, what they are there, and where it is."""

_MOVED = frozenset({*_SENTINELS, "$lib", "$lib_version"})
