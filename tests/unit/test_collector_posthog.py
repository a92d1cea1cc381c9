"""PostHog's paths for events, asked over real HTTP: what is taken, and what each bad request is told."""

from __future__ import annotations

import gzip
import json
import uuid
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import zstandard

from fastbatch.collector import Collector, Counts
from tests.support.asking import Reply, ask

ID = "0f801b5b-0776-42ca-b0f7-8375c95730bf"
OTHER = "0f801b5b-0776-42ca-b0f7-8375c95730c0"
EVENT = {"event": "Order", "uuid": ID, "distinct_id": "u1", "properties": {"revenue": 1.5}}
BATCH = {"api_key": "phc_x", "batch": [EVENT]}
NOW = "2026-11-21T10:09:55.049100+00:00"
V1_EVENT = {**EVENT, "timestamp": NOW, "options": {}}
HEADERS = {
    "Authorization": "Bearer phc_x",
    "Content-Type": "application/json",
    "User-Agent": "test/1",
    "PostHog-Sdk-Info": "test/1",
    "PostHog-Attempt": "1",
    "PostHog-Request-Id": ID,
    "PostHog-Request-Timestamp": NOW,
}
PATHS = ["/batch/", "/batch", "/capture/", "/e/", "/i/v0/e/", "/track/"]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector in memory."""
    with Collector() as started:
        yield started


def without(mapping: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return a copy without some names."""
    return {name: value for name, value in mapping.items() if name not in names}


def v0(collector: Collector, body: Any, path: str = "/batch/", **headers: str) -> Reply:
    """Post to the older wire."""
    return ask(collector.url, "POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})


def v1(collector: Collector, *events: Any, headers: dict[str, str] | None = None, **members: Any) -> Reply:
    """Post events to Capture V1."""
    body = {"created_at": NOW, "batch": list(events), **members}
    return ask(collector.url, "POST", "/i/v1/analytics/events", body, HEADERS if headers is None else headers)


# The older wire


@pytest.mark.parametrize("path", PATHS)
def test_a_batch_is_stored_before_it_is_answered(collector: Collector, path: str) -> None:
    """Its key, its id, whose it is, and the event as it was sent are in the store."""
    reply = v0(collector, BATCH, path)
    assert (reply.status, reply.json) == (200, {"status": 1})
    (row,) = collector.store.rows()
    assert (row["message_id"], row["kind"], row["user_id"], row["write_key"]) == (ID, "capture", "u1", "phc_x")
    assert json.loads(row["message"]) == EVENT


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [{"api_key": "phc_x", **EVENT}, [{"token": "phc_x", **EVENT}]], ids=["one", "array"])
def test_a_single_event_and_an_array_are_taken_too(collector: Collector, path: str, body: Any) -> None:
    """The key is in the events then."""
    assert v0(collector, body, path).json == {"status": 1}
    (row,) = collector.store.rows()
    assert (row["message_id"], row["write_key"]) == (ID, "phc_x")


def test_a_key_may_stand_where_the_browser_sdk_puts_it(collector: Collector) -> None:
    """In the properties, as ``token``; an id too, and an id may be a number."""
    assert v0(collector, {"event": "e", "properties": {"token": "phc_y", "distinct_id": 7}}, "/e/").status == 200
    (row,) = collector.store.rows()
    assert (row["write_key"], row["user_id"]) == ("phc_y", "7")
    assert str(uuid.UUID(row["message_id"])) == row["message_id"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/batch/", {"Content_Encoding": "gzip"}),
        ("/batch/?compression=gzip", {}),
        ("/batch/?compression=gzip-js", {}),
        ("/batch/?compression=gzip", {"Content_Encoding": "gzip"}),
        ("/batch/", {}),
    ],
)
def test_gzip_is_seen_wherever_it_is_said_or_not_said(collector: Collector, path: str, headers: dict[str, str]) -> None:
    """SDKs differ in where they say it; the server looks at the first bytes when nobody does."""
    assert v0(collector, gzip.compress(json.dumps(BATCH).encode()), path, **headers).json == {"status": 1}
    assert collector.store.counts() == Counts(1, 1, 0)


def test_each_of_posthogs_own_events_is_a_kind(collector: Collector) -> None:
    """A program's events are all captures: their names would be a list without end."""
    names = ["$identify", "$pageview", "Order", "Visit", "$set"]
    v0(collector, {"api_key": "k", "batch": [{"event": name, "distinct_id": "u"} for name in names]})
    assert collector.store.kinds() == {"$identify": 1, "$pageview": 1, "$set": 1, "capture": 2}


def test_a_long_id_is_cut_as_the_server_cuts_it(collector: Collector) -> None:
    """To 200 characters, in the column; the event stays as it was sent."""
    v0(collector, {"api_key": "k", "batch": [{"event": "e", "distinct_id": "x" * 300}]})
    (row,) = collector.store.rows()
    assert row["user_id"] == "x" * 200
    assert json.loads(row["message"])["distinct_id"] == "x" * 300


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (without(BATCH, "api_key"), 401, '"api_key" is needed'),
        ({**BATCH, "api_key": None}, 401, '"api_key" is needed'),
        ({**BATCH, "api_key": " "}, 401, "it is empty"),
        ({**BATCH, "api_key": 5}, 401, "it is no text"),
        ({**BATCH, "api_key": "phx_secret"}, 401, "it is a personal key"),
        ({**BATCH, "api_key": "é"}, 401, "characters that no key has"),
        ({**BATCH, "api_key": "x" * 65}, 401, "longer than 64"),
        ([{**EVENT, "token": "a"}, {**EVENT, "token": "b"}], 401, "one api_key"),
        (without(BATCH, "batch"), 400, '"batch"'),
        ({**BATCH, "batch": []}, 400, "holds no event"),
        ({**BATCH, "batch": {}}, 400, "must be an array"),
        ([], 400, "holds no event"),
        ({**BATCH, "batch": [EVENT, "x"]}, 400, "event 1: it is no object"),
        ({**BATCH, "batch": [without(EVENT, "distinct_id")]}, 400, "event 0: it has no distinct_id"),
        ({**BATCH, "batch": [{**EVENT, "distinct_id": ""}]}, 400, "event 0: it has no distinct_id"),
        ({**BATCH, "batch": [{**EVENT, "distinct_id": None}]}, 400, "event 0: it has no distinct_id"),
        ({**BATCH, "batch": [without(EVENT, "event")]}, 400, "event 0: it has no name"),
        ({**BATCH, "batch": [{**EVENT, "event": ""}]}, 400, "event 0: it has no name"),
        ({**BATCH, "batch": [{**EVENT, "uuid": "7"}]}, 400, "its uuid is no UUID"),
        ({**BATCH, "batch": [{**EVENT, "uuid": 7}]}, 400, "its uuid is no text"),
        ({**BATCH, "batch": [{**EVENT, "properties": []}]}, 400, "its properties is no object"),
        ({**BATCH, "batch": [{**EVENT, "properties": None}]}, 400, "its properties is no object"),
        ({**BATCH, "batch": [{**EVENT, "$set": 1}]}, 400, "its $set is no object"),
        ({**BATCH, "batch": [{**EVENT, "properties": {"a": "x" * 1_000_000}}]}, 413, "longer than 1000000 bytes"),
        (b'{"api_key":"k","batch":[{"event":"e","distinct_id":"u","properties":{"n":NaN}}]}', 400, "not JSON"),
        (b"", 400, "not JSON"),
        (b"\xff", 400, "not UTF-8"),
    ],
)
def test_one_bad_event_or_a_bad_key_refuses_the_request(
    collector: Collector, body: Any, status: int, words: str
) -> None:
    """With the server's status, words that say which event and why, and nothing stored."""
    reply = v0(collector, body)
    assert reply.status == status
    assert words in reply.json["detail"]
    assert collector.store.counts().received == 0


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/batch/", {"Content_Encoding": "zstd"}, 415),
        ("/batch/", {"Content_Encoding": "gzip"}, 400),
        ("/batch/?compression=gzip", {}, 400),
    ],
)
def test_an_encoding_that_the_server_does_not_take_is_refused(
    collector: Collector, path: str, headers: dict[str, str], status: int
) -> None:
    """The older wire knows gzip alone, and what is called gzip must be gzip."""
    reply = v0(collector, json.dumps(BATCH).encode(), path, **headers)
    assert reply.status == status
    assert reply.json["detail"]


# Capture V1


def test_an_event_is_ok_and_stored(collector: Collector) -> None:
    """The answer is by uuid."""
    reply = v1(collector, V1_EVENT, {**V1_EVENT, "uuid": OTHER, "event": "$identify"})
    assert (reply.status, reply.json) == (200, {"results": {ID: {"result": "ok"}, OTHER: {"result": "ok"}}})
    rows = list(collector.store.rows())
    assert [(row["message_id"], row["kind"], row["user_id"]) for row in rows] == [
        (ID, "capture", "u1"),
        (OTHER, "$identify", "u1"),
    ]
    assert json.loads(rows[0]["message"]) == V1_EVENT


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate", "zstd"])
def test_its_encodings_are_inflated(collector: Collector, encoding: str) -> None:
    """deflate is zlib's format; the bare stream is known too, as the server knows it."""
    body = json.dumps({"created_at": NOW, "batch": [V1_EVENT]}).encode()
    packers = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.ZstdCompressor().compress}
    raw = zlib.compressobj(wbits=-15)
    packed = packers[encoding](body) if encoding in packers else raw.compress(body) + raw.flush()
    headers = {**HEADERS, "Content-Encoding": encoding.rpartition(" ")[2]}
    reply = ask(collector.url, "POST", "/i/v1/analytics/events", packed, headers)
    assert reply.json == {"results": {ID: {"result": "ok"}}}
    cut = ask(collector.url, "POST", "/i/v1/analytics/events", packed[:-9], headers)
    assert (cut.status, bool(cut.json["error_description"])) == (400, True)


@pytest.mark.parametrize(
    ("change", "details"),
    [
        ({"event": ""}, "missing_event_name"),
        ({"event": "x" * 201}, "event_name_too_long"),
        ({"distinct_id": " "}, "missing_distinct_id"),
        ({"distinct_id": "x" * 201}, "distinct_id_too_large"),
        ({"timestamp": "yesterday"}, "invalid_event_timestamp"),
        ({"timestamp": "2026-13-01T00:00:00Z"}, "invalid_event_timestamp"),
        ({"properties": []}, "malformed_event_properties"),
        ({"options": []}, "invalid_options"),
        ({"options": {"process_person_profile": "maybe"}}, "invalid_options"),
        ({"options": {"product_tour_id": True}}, "invalid_options"),
        ({"properties": {"a": "x" * 1_000_000}}, "event_too_big"),
        ({"properties": {"a": "é" * 500_000}}, "event_too_big"),
    ],
)
def test_a_bad_event_is_dropped_and_the_others_are_taken(
    collector: Collector, change: dict[str, Any], details: str
) -> None:
    """The verdict has the server's name for what is wrong."""
    reply = ask(
        collector.url,
        "POST",
        "/i/v1/analytics/events",
        json.dumps(
            {"created_at": NOW, "batch": [{**V1_EVENT, **change}, {**V1_EVENT, "uuid": OTHER}]}, ensure_ascii=False
        ).encode(),
        HEADERS,
    )
    assert reply.json == {"results": {ID: {"result": "drop", "details": details}, OTHER: {"result": "ok"}}}
    assert list(collector.store.ids()) == [OTHER]


@pytest.mark.parametrize(
    "options",
    [None, {}, {"cookieless_mode": "TRUE ", "disable_skew_correction": 1, "product_tour_id": 5, "else": []}],
)
def test_options_may_be_spelt_in_several_ways(collector: Collector, options: Any) -> None:
    """The server coerces what is clear, and passes over what it does not know."""
    assert v1(collector, {**V1_EVENT, "options": options}).json["results"][ID] == {"result": "ok"}


def test_an_id_that_is_nobodys_is_taken_without_a_person(collector: Collector) -> None:
    """The server knows ids that programs send by mistake."""
    results = v1(collector, {**V1_EVENT, "distinct_id": "Undefined"}).json["results"]
    assert results == {ID: {"result": "ok", "details": "person_processing_disabled"}}


@pytest.mark.parametrize("name", sorted(set(HEADERS) - {"Authorization"}))
def test_each_header_is_needed(collector: Collector, name: str) -> None:
    """The answer names the one that is missing."""
    reply = ask(collector.url, "POST", "/i/v1/analytics/events", b"{}", without(HEADERS, name))
    assert reply.status == 400
    assert reply.json["error"] == "missing_required_headers"
    assert name in reply.json["error_description"]


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"Authorization": "Basic cGhjX3g6"}, 400, "invalid_header_value"),
        ({"Authorization": "Bearer "}, 401, "invalid_api_token"),
        ({"Authorization": "Bearer phx_personal"}, 401, "invalid_api_token"),
        ({"PostHog-Attempt": "0"}, 400, "invalid_header_value"),
        ({"PostHog-Attempt": "9" * 5000}, 400, "invalid_header_value"),
        ({"PostHog-Request-Id": "7"}, 400, "invalid_header_value"),
        ({"PostHog-Request-Timestamp": "now"}, 400, "invalid_header_value"),
        ({"Content-Type": "text/plain"}, 415, "unsupported_content_type"),
        ({"Content-Encoding": "br"}, 415, "unsupported_encoding"),
        ({"Content-Encoding": "gzip"}, 400, "request_decoding_error"),
    ],
)
def test_a_bad_header_refuses_the_request(
    collector: Collector, change: dict[str, str], status: int, error: str
) -> None:
    """With the server's status and its name for the error."""
    reply = v1(collector, V1_EVENT, headers={**HEADERS, **change})
    assert (reply.status, reply.json["error"]) == (status, error)
    assert reply.json["error_description"]
    assert collector.store.counts().received == 0


def test_without_authorization_the_answer_is_401(collector: Collector) -> None:
    """Before anything else is looked at."""
    reply = ask(collector.url, "POST", "/i/v1/analytics/events", b"")
    assert (reply.status, reply.json["error"]) == (401, "missing_authorization")


def test_brotli_is_refused_with_the_encodings_that_are_known(collector: Collector) -> None:
    """PostHog's server takes it, and Python has no decoder of its own: the answer says what to use instead."""
    reply = v1(collector, V1_EVENT, headers={**HEADERS, "Content-Encoding": "br"})
    assert "'br' is not known; known are identity, gzip, deflate, zstd" in reply.json["error_description"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "empty_body"),
        (b"{", "request_parsing_error"),
        ({"batch": [V1_EVENT]}, "request_parsing_error"),
        ({"created_at": NOW}, "request_parsing_error"),
        ({"created_at": NOW, "batch": [], "historical_migration": 1}, "request_parsing_error"),
        ({"created_at": NOW, "batch": [1]}, "request_parsing_error"),
        ({"created_at": NOW, "batch": [without(V1_EVENT, "event")]}, "request_parsing_error"),
        ({"created_at": NOW, "batch": [without(V1_EVENT, "distinct_id")]}, "request_parsing_error"),
        ({"created_at": NOW, "batch": [without(V1_EVENT, "timestamp")]}, "request_parsing_error"),
        ({"created_at": NOW, "batch": []}, "empty_batch"),
        ({"created_at": "today", "batch": [V1_EVENT]}, "invalid_batch"),
        ({"created_at": NOW, "batch": [{**V1_EVENT, "uuid": " "}]}, "missing_event_uuid"),
        ({"created_at": NOW, "batch": [{**V1_EVENT, "uuid": "x"}]}, "invalid_event_uuid"),
        ({"created_at": NOW, "batch": [V1_EVENT, {**V1_EVENT, "uuid": ID.upper()}]}, "duplicate_event_uuid"),
    ],
)
def test_a_body_that_cannot_be_answered_by_event_is_refused(collector: Collector, body: Any, error: str) -> None:
    """Verdicts go by uuid: without good ones there are none."""
    reply = ask(collector.url, "POST", "/i/v1/analytics/events", body, HEADERS)
    assert (reply.status, reply.json["error"]) == (400, error)
    assert collector.store.counts().received == 0


# Both


def test_an_event_that_comes_on_both_wires_is_one(collector: Collector) -> None:
    """The uuid is the id, however it is spelt."""
    v0(collector, BATCH)
    v0(collector, {**BATCH, "batch": [{**EVENT, "uuid": ID.upper()}, EVENT]})
    v1(collector, V1_EVENT)
    v1(collector, {**V1_EVENT, "uuid": ID.replace("-", "")})
    assert collector.store.counts() == Counts(received=5, unique=1, duplicates=4)


def test_a_given_key_is_the_only_one_let_in() -> None:
    """On each wire."""
    with Collector(write_key="phc_x") as collector:
        assert v0(collector, {**BATCH, "api_key": "phc_y"}).status == 401
        assert v1(collector, V1_EVENT, headers={**HEADERS, "Authorization": "Bearer phc_y"}).status == 401
        assert v0(collector, {**BATCH, "api_key": " phc_x\n"}).status == 200
        assert v1(collector, V1_EVENT, headers={**HEADERS, "Authorization": "bearer  phc_x"}).status == 200


def test_the_limit_holds_for_the_body_as_sent_and_inflated() -> None:
    """On each wire, with its form of an error."""
    body = json.dumps(BATCH).encode()
    with Collector(max_body_bytes=len(body)) as collector:
        assert v0(collector, body).status == 200
        assert v0(collector, body + b" ").status == 413
        assert v0(collector, gzip.compress(body + bytes(3000)), Content_Encoding="gzip").status == 413
        assert v0(collector, gzip.compress(body + bytes(3000)), "/batch/?compression=gzip").status == 413
        reply = v1(collector, V1_EVENT, {**V1_EVENT, "uuid": OTHER})
        assert (reply.status, reply.json["error"]) == (413, "payload_too_large")


def test_a_store_that_fails_is_answered_with_503(collector: Collector) -> None:
    """Clients of either wire try again."""
    collector.store.close()
    assert v0(collector, BATCH).status == 503
    reply = v1(collector, V1_EVENT)
    assert (reply.status, reply.json["error"]) == (503, "service_unavailable")
