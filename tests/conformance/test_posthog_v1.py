"""Capture V1: our bytes and our reading of answers against PostHog's own SDK, server and test harness."""

from __future__ import annotations

import copy
import json
import uuid
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from fastbatch.dialects import PostHog, PostHogV1
from fastbatch.typing import Attempt, Constants, Response, Stamp, Verdict
from fastbatch.version import VERSION

NOTHING = Constants({}, None)
ID, OTHER, THIRD = (f"01a1fd95-9b9b-731e-bc15-a940cc2e804{digit}" for digit in "bcd")
ATTEMPT = Attempt(3, OTHER, "2026-11-21T10:09:52.945Z", "2026-11-21T10:10:53.945Z", 0)


def answer(status: int, body: bytes | dict[str, Any] = b"", **headers: str) -> Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


def said(**by_id: Any) -> dict[str, Any]:
    return {"results": {{"a": ID, "b": OTHER, "c": THIRD}[name]: result for name, result in by_id.items()}}


def message(id_: str) -> bytes:
    return b'{"uuid":"%b","event":"e"}' % id_.encode()


def verdicts(response: Response, *ids: str) -> list[Verdict]:
    """Return what a dialect says of events, whichever way it says it."""
    dialect = PostHogV1()
    whole = dialect.verdict(response)
    return dialect.verdicts(response, list(map(message, ids))) if whole.outcome == "itemized" else [whole] * len(ids)


@pytest.fixture
def event_of(message_of):
    """A function that returns the one event of a body."""

    def build(kind: str, fields: dict[str, Any], **settings: Any) -> Any:
        return message_of(PostHogV1(**settings), kind, fields)

    return build


def test_body_has_the_shape_of_the_captured_python_sdk(captures, body_of):
    """The same keys in envelope and event, save the switch that is only written when it is on."""
    [capture] = [each for each in captures if each["path"] == "/i/v1/analytics/events"]
    ours = body_of(PostHogV1(), ("capture", {"event": "Order", "userId": "u1", "properties": {"revenue": 1.5}}))
    assert set(ours) == set(capture["body"])
    [mine], [their] = ours["batch"], capture["body"]["batch"]
    assert set(mine) == set(their)
    assert mine["options"] == their["options"] == {}
    assert set(mine["properties"]) == set(their["properties"])


def test_request_has_the_path_and_headers_of_the_captured_python_sdk(captures):
    """All but those that the transport adds."""
    [capture] = [each for each in captures if each["path"] == "/i/v1/analytics/events"]
    headers = {**PostHogV1().headers("phc_x"), **PostHogV1().attempt_headers(ATTEMPT)}
    assert set(headers) == set(capture["h"]) - {"Content-Encoding", "Content-Length"}
    assert headers["Authorization"] == capture["h"]["Authorization"]
    assert PostHogV1().url("https://app.posthog.com") == "https://us.i.posthog.com" + capture["path"]
    assert PostHogV1().url("https://app.posthog.com" + capture["path"]) == "https://us.i.posthog.com" + capture["path"]


def test_headers_name_the_library_the_request_and_the_attempt():
    """The same as above, for machines without the captures."""
    assert {**PostHogV1().headers("phc_x"), **PostHogV1().attempt_headers(ATTEMPT)} == {
        "Authorization": "Bearer phc_x",
        "Content-Type": "application/json",
        "User-Agent": f"fastbatch/{VERSION}",
        "PostHog-Sdk-Info": f"fastbatch/{VERSION}",
        "PostHog-Attempt": "3",
        "PostHog-Request-Id": OTHER,
        "PostHog-Request-Timestamp": "2026-11-21T10:10:53.945Z",
    }


@pytest.mark.parametrize("is_historical", [True, False])
def test_the_envelope_has_neither_key_nor_time_of_sending(body_of, is_historical):
    """Both stand in headers."""
    body = body_of(PostHogV1(historical_migration=is_historical), ("track", {"event": "e", "userId": "u"}))
    assert set(body) == {"created_at", "batch"} | ({"historical_migration"} if is_historical else set())
    assert body.get("historical_migration", True) is True


# Properties that V1 has another place for: given, where it is, what stands there; None is nowhere.
LIFTED = [
    *[
        (name, "options", option, value, expected)
        for name, option in [
            ("$cookieless_mode", "cookieless_mode"),
            ("$ignore_sent_at", "disable_skew_correction"),
            ("$process_person_profile", "process_person_profile"),
        ]
        for value, expected in [
            (True, True), (False, False), ("true", True), (" FALSE ", False), ("1", True), ("0", False), (1, True),
            (0, False), (2.5, True), (0.0, False), ("yes", None), ("", None), (None, None), ([], None),
            ({"a": 1}, None),
        ]
    ],
    *[
        (name, place, key, value, expected)
        for name, place, key in [
            ("$product_tour_id", "options", "product_tour_id"),
            ("$session_id", "event", "session_id"),
            ("$window_id", "event", "window_id"),
        ]
        for value, expected in [("s", "s"), ("", ""), (5, None), (None, None), (True, None), ([], None)]
    ],
]  # fmt: skip


@pytest.mark.parametrize(("name", "place", "key", "value", "expected"), LIFTED)
def test_what_the_server_itself_reads_stands_beside_the_properties(event_of, name, place, key, value, expected):  # noqa: PLR0917
    """With the type that it wants, or not at all; never in the properties."""
    event = event_of("capture", {"event": "e", "userId": "u", "properties": {name: value, "a": 1}})
    where = event["options"] if place == "options" else event
    assert where.get(key) == expected
    assert type(where.get(key)) is type(expected)
    assert (key in where) == (expected is not None)
    assert name not in event["properties"]
    assert event["properties"]["a"] == 1


class Word(str, Enum):
    """Text under another type."""

    NO = "false"
    SESSION = "s"


class Switch(Enum):
    """A value that the encoder looks into."""

    OFF = False


class Scalar:
    """Like one of numpy's."""

    def __init__(self, value: object) -> None:
        self._value = value

    def tolist(self) -> object:
        return self._value


@pytest.mark.parametrize(
    ("name", "key", "value", "expected"),
    [
        ("$process_person_profile", "process_person_profile", Switch.OFF, False),
        ("$process_person_profile", "process_person_profile", Word.NO, False),
        ("$process_person_profile", "process_person_profile", Scalar(value=False), False),
        ("$process_person_profile", "process_person_profile", Decimal(0), False),
        ("$product_tour_id", "product_tour_id", Word.SESSION, "s"),
        ("$session_id", "session_id", Word.SESSION, "s"),
        ("$session_id", "session_id", Scalar("s"), "s"),
        ("$session_id", "session_id", uuid.UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        ("$session_id", "session_id", Decimal(0), None),
    ],
)
def test_what_is_lifted_is_what_the_encoder_makes_of_a_value(event_of, name, key, value, expected):
    """The older wire has it so; an option that is left out would make a person of a stranger."""
    event = event_of("capture", {"event": "e", "userId": "u", "properties": {name: value}})
    found = {**event["options"], **event}.get(key)
    assert (found, type(found)) == (expected, type(expected))


PEOPLE = [
    ({"set": {"a": 1}}, {}, {"$set": {"a": 1}}),
    ({"setOnce": {"a": 1}}, {}, {"$set_once": {"a": 1}}),
    ({"set": {"a": 1, "b": 1}}, {"$set": {"b": 2}}, {"$set": {"a": 1, "b": 2}}),
    ({"set": {"a": 1}}, {"$set": "x"}, {"$set": "x"}),
    ({}, {"$set": {"b": 2}}, {"$set": {"b": 2}}),
]


@pytest.mark.parametrize(("beside", "inside", "expected"), PEOPLE)
def test_person_properties_stand_inside_the_events_own(event_of, beside, inside, expected):
    """V1 has no other place for them; what was inside before wins."""
    event = event_of("capture", {"event": "e", "userId": "u", "properties": inside, **beside})
    own = event["properties"]
    assert {name: own[name] for name in ("$set", "$set_once") if name in own} == expected
    assert not {"$set", "$set_once"} & set(event)


def test_the_library_stands_in_a_header_alone(event_of):
    """Whoever put it into the properties."""
    event = event_of(
        "capture", {"event": "e", "userId": "u", "properties": {"$lib": "x"}}, super_properties={"$lib": "y"}
    )
    assert not {"$lib", "$lib_version"} & set(event["properties"])


MESSAGES = [
    (
        "capture",
        {"event": "Order", "userId": "u", "properties": {"$session_id": "s", "a": 1}, "groups": {"company": "x"}},
    ),
    ("capture", {"event": "$set", "userId": "u", "set": {"a": 1}}),
    ("capture", {"event": "e", "userId": "u", "properties": {"$set": {"a": 2}, "$lib": "z"}, "set": {"a": 1, "b": 1}}),
    ("capture", {"event": "e", "userId": "u", "properties": {"$process_person_profile": "0", "$window_id": 7}}),
    ("track", {"event": "e", "anonymousId": "anon"}),
    ("identify", {"userId": "u", "traits": {"plan": "x"}}),
    ("alias", {"previousId": "old", "userId": "u"}),
    ("group_identify", {"groupType": "company", "groupId": "acme", "traits": {"size": 3}}),
    ("page", {"userId": "u", "properties": {"$cookieless_mode": True, "$ignore_sent_at": 1, "$product_tour_id": "t"}}),
]


@pytest.mark.parametrize(("kind", "fields"), MESSAGES, ids=[kind for kind, _ in MESSAGES])
def test_an_event_is_what_posthogs_own_client_makes_of_the_older_one(message_of, kind, fields):
    """posthog 7.91.1 as the oracle: our event of the older wire goes through its function, and ours through our own."""
    oracle = pytest.importorskip("posthog.capture_v1")
    legacy = message_of(PostHog(), kind, copy.deepcopy(fields))
    theirs = oracle._to_v1_event(legacy)
    theirs["timestamp"] = theirs["timestamp"].replace("+00:00", "Z")
    assert message_of(PostHogV1(), kind, copy.deepcopy(fields)) == theirs


def test_the_form_of_the_commonest_event_keeps_clear_of_what_v1_moves():
    """A super property that V1 moves is constant where it goes."""
    form = PostHogV1(super_properties={"$session_id": "s", "$process_person_profile": "false", "team": "a"}).quick(
        "capture", NOTHING
    )
    assert form is not None
    assert {"$session_id", "$window_id", "$process_person_profile", "$cookieless_mode", "$lib", "team"} <= form.reserved
    values = iter([b'"id"', b'"u"', b'"e"'])
    text = b"".join(
        part if isinstance(part, bytes) else {Stamp.TIMESTAMP_US: b"now", Stamp.MEMBERS: b"}"}.get(part) or next(values)
        for part in form.template
    )
    event = json.loads(text)
    assert (event["session_id"], event["options"]) == ("s", {"process_person_profile": False})
    assert event["properties"]["team"] == "a"
    assert not form.reserved & set(event)
    assert PostHogV1().quick("track", NOTHING) is None


# The server's statuses, rust/capture/src/v1/error.rs; 402 was its older word for 429; 404 and 52x come from proxies.
STATUSES = [
    (301, "drop"), (302, "drop"), (400, "split"), (401, "drop"), (402, "drop"), (403, "drop"), (404, "retry"),
    (408, "retry"), (413, "split"), (415, "drop"), (429, "retry"), (500, "retry"), (501, "drop"), (502, "retry"),
    (503, "retry"), (504, "retry"), (505, "drop"), (520, "retry"), (524, "retry"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "outcome"), STATUSES)
def test_what_a_status_means(status, outcome):
    """The table of docs/guide/compatibility.md."""
    body = {"error": "some_error", "error_description": "Some error.", "error_uri": "https://posthog.com/docs/api"}
    verdict = PostHogV1().verdict(answer(status, body, retry_after="1"))
    assert (verdict.outcome, verdict.cause, verdict.detail) == (outcome, "rejected", "Some error.")
    assert verdict.retry_after == (1.0 if outcome == "retry" else None)
    assert not verdict.is_ambiguous


def test_a_used_up_quota_is_final():
    """The server says 429 and means until the month is over; a rate limit with the same status passes."""
    body = {"error": "billing_limit_exceeded", "error_description": "billing limit exceeded"}
    assert PostHogV1().verdict(answer(429, body, retry_after="1")) == Verdict("drop", detail="billing limit exceeded")
    assert PostHogV1().verdict(answer(429, {"error": "rate_limited"}, retry_after="99")).retry_after == 30.0
    assert PostHogV1().verdict(answer(429, b"busy")).outcome == "retry"


OK, DROP, RETRY = Verdict("delivered"), Verdict("drop", detail="drop"), Verdict("retry")
WORDS = [
    ({"result": "ok"}, OK),
    (None, OK),
    ({"result": "warning", "details": "no_person"}, Verdict("delivered", detail="no_person")),
    ({"result": "warning"}, Verdict("delivered", detail="warning")),
    ({"result": "drop", "details": "event_restriction_drop"}, Verdict("drop", detail="event_restriction_drop")),
    ({"result": "drop"}, DROP),
    ({"result": "limited"}, Verdict("drop", detail="limited")),
    ({"result": "retry", "details": "not_persisted"}, Verdict("retry", detail="not_persisted")),
    ({"result": "retry"}, RETRY),
    ({"result": "queued"}, Verdict("delivered", detail="result 'queued'")),
    ({"result": 5}, Verdict("delivered", detail="result 'unknown'")),
    ({"result": "drop", "details": {"payload": 1}}, DROP),
    ("ok", Verdict("delivered", detail="result 'unknown'")),
    ({}, Verdict("delivered", detail="result 'unknown'")),
]  # fmt: skip


@pytest.mark.parametrize(("result", "verdict"), WORDS, ids=lambda value: str(value)[:50])
def test_what_a_word_on_an_event_means(result, verdict):
    """Beside another event, which it does not touch; what is not listed was taken."""
    results = said(b={"result": "drop"}) if result is None else said(a=result, b={"result": "drop"})
    assert verdicts(answer(200, results), ID, OTHER) == [verdict, DROP]


def test_a_batch_that_was_taken_whole_needs_no_look_at_its_events():
    """The commonest answer is one verdict."""
    everything = said(a={"result": "ok"}, b={"result": "ok"})
    assert PostHogV1().verdict(answer(200, everything)) == OK
    assert PostHogV1().verdict(answer(200, {"results": {}})) == OK


def test_an_event_is_found_by_its_id_wherever_that_stands():
    """What `before_send` has made of it may begin with something else."""
    odd = json.dumps({"event": "e", "uuid": ID}).encode()
    response = answer(200, said(a={"result": "retry"}, b={"result": "drop"}))
    assert PostHogV1().verdicts(response, [odd, message(OTHER), message(THIRD)]) == [RETRY, DROP, OK]


def test_the_wait_that_the_server_asks_for_is_that_of_the_events_to_send_again():
    """A 200 has the header when there are some."""
    response = answer(200, said(a={"result": "retry"}), retry_after="2")
    assert [verdict.retry_after for verdict in verdicts(response, ID, OTHER)] == [2.0, None]


@pytest.mark.parametrize(
    "body",
    [b"", b"OK", b"<html></html>", b"{", b"[]", b"null", b"{}", b'{"results":null}', b'{"results":[]}', b'{"status":1}',
     b'{"results":{"' + ID.encode() + b'":{"result":"ok"', b"[" * 100_000, b"\xff"],
    ids=lambda body: body[:20],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_2xx_without_results_is_tried_again_and_may_have_arrived(status, body):
    """The server always lists them: the answer was cut off, or is not the server's. Ids make repetitions harmless."""
    verdict = PostHogV1().verdict(answer(status, body))
    assert (verdict.outcome, verdict.is_ambiguous) == ("retry", True)


def test_no_detail_holds_the_key_or_more_than_a_line():
    """Whatever a server writes."""
    dialect = PostHogV1()
    dialect.headers("phc_secret")
    response = answer(200, said(a={"result": "drop", "details": "bad phc_secret\n\x1b[31m" + "x" * 10_000}))
    [verdict] = dialect.verdicts(response, [message(ID)])
    assert verdict.detail.startswith("bad <hidden> [31mxxx")
    assert len(verdict.detail) == 200


def test_what_before_send_returns_is_made_fit_for_the_wire():
    """Without an id or a time the server would refuse the whole batch."""
    dialect, draft = PostHogV1(), {"uuid": ID, "timestamp": "2026-11-21T10:09:52.945123Z", "event": "e"}
    given = {"event": "e", "distinct_id": "u", "properties": {"$session_id": "s"}, "$set": {"a": 1}, "uuid": "nonsense"}
    assert dialect.revise(draft, given) == {
        **draft,
        "distinct_id": "u",
        "session_id": "s",
        "options": {},
        "properties": {"$set": {"a": 1}},
    }
    assert dialect.revise(draft, {"event": "e", "uuid": OTHER.upper()})["uuid"] == OTHER


def test_what_the_wire_takes():
    """zstd besides gzip; one answer may list many events; the batch's time stays that of its first attempt."""
    assert PostHogV1.compressions == {"gzip", "zstd", "none"}
    assert PostHogV1.max_response_bytes > 5000 * (len(ID) + len('"":{"result":"warning","details":""},') + 200)
    assert PostHogV1.keeps_envelope
