"""
PostHog's Capture V1 (``/i/v1/analytics/events``): a verdict for each event.

What is answered is what PostHog's own server answers: a request that is no batch of events with ids is refused, an
event that is bad otherwise is dropped, and the others are taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.message import Message
from typing import Any, NamedTuple

from fastbatch.collector.bodies import WireError
from fastbatch.collector.posthog_wire import Part, canonical_uuid, check_token, is_too_big, kind_of
from fastbatch.collector.wire import Received, decoded, storable, walk_object

__all__ = ["Judged", "check_headers", "judge"]

_NEEDED_HEADERS = (
    "PostHog-Sdk-Info", "PostHog-Attempt", "PostHog-Request-Id", "PostHog-Request-Timestamp",
    "Content-Type", "User-Agent",
)  # fmt: skip
_MOST_OF_A_NAME = 200
_MOST_OF_AN_ID = 200
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_NUMBER = re.compile(r"[0-9]{1,10}")
_TEXTS = ("event", "uuid", "distinct_id", "timestamp")
_TRUTH = frozenset({"true", "false", "1", "0"})
_SWITCHES = ("cookieless_mode", "disable_skew_correction", "process_person_profile")
_NOBODY = frozenset({
    "0", "00000000-0000-0000-0000-000000000000", "[object object]", "anonymous", "anonymous-user", "backend",
    "distinct_id", "distinctid", "email", "false", "guest", "id", "nan", "none", "not_authenticated", "null", "system",
    "true", "undefined", "user",
})  # fmt: skip
"""Ids that many people would share by mistake: such an event is taken, and no person is made of it."""


class Judged(NamedTuple):
    """What becomes of a request's events."""

    taken: list[Received]
    results: dict[str, dict[str, str]]
    """Of each uuid, the verdict."""


def check_headers(headers: Message) -> str:
    """
    Return the project key of a request whose headers are all there and right.

    Raises:
        WireError: 400, 401 or 415.
    """
    authorization = headers["Authorization"]
    if authorization is None:
        raise WireError(401, "a project key is needed: Authorization: Bearer phc_...", "missing_authorization")
    missing = [name for name in _NEEDED_HEADERS if headers[name] is None]
    if missing:
        raise WireError(400, f"required headers are missing: {', '.join(missing)}", "missing_required_headers")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise WireError(400, "Authorization must use the scheme Bearer", "invalid_header_value")
    token = check_token(token)
    if headers["Content-Type"].partition(";")[0].strip().lower() != "application/json":
        raise WireError(415, "Content-Type must be application/json", "unsupported_content_type")
    problem = _header_problem(headers)
    if problem:
        raise WireError(400, problem, "invalid_header_value")
    return token


def judge(body: bytes) -> Judged:
    """
    Return the verdict on each event of a body.

    Raises:
        WireError: 400 when the body as a whole is refused.
    """
    if not body:
        raise WireError(400, "the body is empty", "empty_body")
    try:
        members, parts = walk_object(decoded(body), _part)
    except WireError as error:
        raise WireError(400, str(error), "request_parsing_error") from None
    _check_batch(members, parts)
    judged = Judged([], {})
    for number, (event, text) in enumerate(parts or []):
        message_id = _id_of(number, event, judged.results)
        tag = _fault(event, text)
        if tag:
            judged.results[message_id] = {"result": "drop", "details": tag}
            continue
        distinct_id = event["distinct_id"].strip()
        judged.results[message_id] = {"result": "ok"}
        if distinct_id.lower() in _NOBODY:
            judged.results[message_id]["details"] = "person_processing_disabled"
        judged.taken.append(Received(message_id, kind_of(event["event"]), storable(distinct_id), text))
    return judged


def _part(event: Any, text: str) -> Part:
    return event, text


def _header_problem(headers: Message) -> str:
    if canonical_uuid(headers["PostHog-Request-Id"].strip()) is None:
        return "PostHog-Request-Id must be a UUID"
    attempt = headers["PostHog-Attempt"].strip()
    if not (_NUMBER.fullmatch(attempt) and 1 <= int(attempt) < 2**32):
        return "PostHog-Attempt must be a whole number from 1"
    if not _is_time(headers["PostHog-Request-Timestamp"].strip()):
        return "PostHog-Request-Timestamp must be a time of RFC 3339"
    return ""


def _check_batch(members: Mapping[str, Any], parts: list[Part] | None) -> None:
    created_at = members.get("created_at")
    if parts is None or not isinstance(created_at, str):
        name = "batch" if parts is None else "created_at"
        raise WireError(400, f'a body must have a "{name}"', "request_parsing_error")
    if not isinstance(members.get("historical_migration", False), bool):
        raise WireError(400, '"historical_migration" must be true or false', "request_parsing_error")
    for number, (event, _) in enumerate(parts):
        if not isinstance(event, dict):
            raise WireError(400, f"event {number} is no object", "request_parsing_error")
        wrong = [name for name in _TEXTS if not isinstance(event.get(name), str)]
        if wrong:
            problem = f"event {number} must have these, as texts: {', '.join(wrong)}"
            raise WireError(400, problem, "request_parsing_error")
    if not parts:
        raise WireError(400, "the batch has no event", "empty_batch")
    if not _is_time(created_at):
        raise WireError(400, '"created_at" must be a time of RFC 3339', "invalid_batch")


def _id_of(number: int, event: Mapping[str, Any], known: Mapping[str, object]) -> str:
    """Return an event's uuid: verdicts go by it, so a bad one spoils the whole request."""
    given = event["uuid"].strip()
    if not given:
        raise WireError(400, f"event {number} has no uuid", "missing_event_uuid")
    found = canonical_uuid(given)
    if found is None:
        raise WireError(400, f"the uuid of event {number} is no UUID", "invalid_event_uuid")
    if found in known:
        raise WireError(400, f"the uuid of event {number} is in the batch already", "duplicate_event_uuid")
    return found


def _fault(event: Mapping[str, Any], text: str) -> str:
    """Return the server's name for what is wrong with an event, or nothing."""
    name, distinct_id = event["event"], event["distinct_id"].strip()
    checks = (
        ("missing_event_name", not name),
        ("event_name_too_long", len(name.encode(errors="replace")) > _MOST_OF_A_NAME),
        ("missing_distinct_id", not distinct_id),
        ("distinct_id_too_large", len(distinct_id.encode(errors="replace")) > _MOST_OF_AN_ID),
        ("invalid_event_timestamp", not _is_time(event["timestamp"])),
        ("malformed_event_properties", not isinstance(event.get("properties", {}), dict)),
        ("invalid_options", not _are_options(event.get("options"))),
        ("event_too_big", is_too_big(text)),
    )
    return next((tag for tag, is_so in checks if is_so), "")


def _are_options(options: Any) -> bool:
    if options is None:
        return True
    if not isinstance(options, dict):
        return False
    tour = options.get("product_tour_id")
    is_tour = tour is None or isinstance(tour, str) or (isinstance(tour, int) and not isinstance(tour, bool))
    return is_tour and all(_is_switch(options.get(name)) for name in _SWITCHES)


def _is_switch(value: Any) -> bool:
    return (
        value is None
        or isinstance(value, (bool, int, float))
        or (isinstance(value, str) and value.strip().lower() in _TRUTH)
    )


def _is_time(text: str) -> bool:
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text[:10] + "T" + text[11:19])
    except ValueError:
        return False
    return True
