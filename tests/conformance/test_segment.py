"""Segment's wire: our bytes against Segment's own SDKs and documents."""

from __future__ import annotations

import json

import pytest

from fastbatch.dialects import Segment
from fastbatch.errors import ConfigError
from fastbatch.typing import Constants, Response, Stamp
from fastbatch.version import VERSION

NOTHING = Constants({}, None)
LIBRARY = {"name": "fastbatch", "version": VERSION}
ALWAYS = {"type", "messageId", "timestamp", "context"}

# Shapes of segment-analytics-python 2.4.0 without its nulls and its empty `integrations`.
SHAPES = [
    ("track", {"userId": "u1", "event": "Order", "properties": {"revenue": 1.5}}),
    ("identify", {"userId": "u1", "traits": {"plan": "x"}}),
    ("alias", {"previousId": "old", "userId": "u1"}),
    ("group", {"userId": "u1", "groupId": "g1", "traits": {"plan": "x"}}),
    ("page", {"userId": "u1", "category": "Docs", "name": "Home", "properties": {}}),
    ("screen", {"userId": "u1", "name": "Home", "properties": {}}),
]


def test_template_of_a_bare_track_is_stamps_fields_and_library():
    """The parts are known byte for byte, because the core's cost depends on how few they are."""
    library = json.dumps(LIBRARY, separators=(",", ":")).encode()
    assert Segment().template("track", frozenset(), NOTHING) == (
        b'{"type":"track","messageId":"',
        Stamp.MESSAGE_ID,
        b'","timestamp":"',
        Stamp.TIMESTAMP_MS,
        b'",',
        Stamp.FIELDS,
        b',"context":{"library":' + library + b"}}",
    )


@pytest.mark.parametrize(("kind", "fields"), SHAPES, ids=[kind for kind, _ in SHAPES])
def test_each_kind_has_the_root_keys_of_the_official_python_sdk(message_of, kind, fields):
    """Traits and category are root keys; null ids and an empty `integrations` are left out."""
    message = message_of(Segment(), kind, fields)
    assert set(message) == ALWAYS | set(fields)
    assert message["type"] == kind
    assert {name: message[name] for name in fields} == fields
    assert message["context"] == {"library": LIBRARY}


def test_body_has_the_shape_of_the_captured_python_sdk(captured, body_of):
    """Envelope and messages have the capture's keys, save nulls and defaults that say nothing."""
    body = captured("analytics-python/2.4.0")["body"]
    ours = body_of(
        Segment(),
        ("track", {"userId": "u1", "event": "Order", "properties": {"revenue": 1.5}, "context": {"ip": "1.1.1.1"}}),
        ("identify", {"userId": "u1", "traits": {"plan": "x"}}),
    )
    assert set(ours) == set(body)
    for mine, theirs in zip(ours["batch"], body["batch"], strict=True):
        assert set(mine) == {name for name, value in theirs.items() if value not in (None, {})}
        assert set(mine["context"]) == set(theirs["context"])


def test_body_has_the_shape_of_the_captured_node_sdk(captured, body_of):
    """Two official SDKs agree on all but `_metadata`, which describes Node itself."""
    body = captured("@segment/analytics-node/3.1.0")["body"]
    ours = body_of(Segment(), ("track", {"userId": "u1", "event": "Order", "properties": {"revenue": 1.5}}))
    assert set(ours) == set(body)
    assert set(ours["batch"][0]) == set(body["batch"][0]) - {"_metadata", "integrations"}


def test_request_has_the_path_and_headers_of_the_captured_python_sdk(captured):
    """Basic authorization is the write key and a colon."""
    capture = captured("analytics-python/2.4.0")
    headers = Segment().headers("WK")
    assert Segment().url("http://sink").removeprefix("http://sink") == capture["path"]
    for name in ("Authorization", "Content-Type"):
        assert headers[name] == capture["h"][name]


def test_headers_are_basic_authorization_json_and_user_agent():
    """The same as above, for machines without the captures."""
    assert Segment().headers("WK") == {
        "Authorization": "Basic V0s6",
        "Content-Type": "application/json",
        "User-Agent": f"fastbatch/{VERSION}",
    }


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("https://api.segment.io", "https://api.segment.io/v1/batch"),
        ("https://api.segment.io/", "https://api.segment.io/v1/batch"),
        ("https://events.eu1.segmentapis.com", "https://events.eu1.segmentapis.com/v1/batch"),
        ("https://events.eu1.segmentapis.com/v1", "https://events.eu1.segmentapis.com/v1/batch"),
        ("https://events.eu1.segmentapis.com/v1/", "https://events.eu1.segmentapis.com/v1/batch"),
        ("https://events.eu1.segmentapis.com/v1/batch", "https://events.eu1.segmentapis.com/v1/batch"),
        ("https://events.eu1.segmentapis.com/v1/batch//", "https://events.eu1.segmentapis.com/v1/batch"),
        ("http://127.0.0.1:8080/ingest", "http://127.0.0.1:8080/ingest/v1/batch"),
        ("https://user:secret@proxy.example:8443/a/v1", "https://user:secret@proxy.example:8443/a/v1/batch"),
        ("https://v1", "https://v1/v1/batch"),
        ("https://example.com/segmentv1", "https://example.com/segmentv1/v1/batch"),
    ],
)
def test_url_has_v1_batch_exactly_once(endpoint, url):
    """Segment's pages give the EU address with /v1 for some SDKs and without it for others."""
    assert Segment().url(endpoint) == url


@pytest.mark.parametrize("key", ['quo"te', "back\\slash", "новый", "line\nbreak", "emoji 🎈"])
def test_write_key_is_escaped_in_the_envelope(body_of, key):
    """No key can end the JSON string that it stands in."""
    assert body_of(Segment(), ("track", {"userId": "u"}), write_key=key)["writeKey"] == key


def test_envelope_lengths_do_not_vary_between_calls():
    """The framer subtracts them from the body's limit once."""
    first = Segment().envelope("WK", "2026-11-21T10:09:52.945Z")
    second = Segment().envelope("WK", "2031-01-01T00:00:00.000Z")
    assert [len(part) for part in first] == [len(part) for part in second]


def test_what_the_caller_gave_is_not_stamped_again(message_of):
    """A caller's id and time survive, which historical imports and de-duplication need."""
    given = {
        "userId": "u",
        "messageId": "mine",
        "timestamp": "2001-01-01T00:00:00.000Z",
        "integrations": {"All": False},
        "context": {"ip": "::1"},
    }
    message = message_of(Segment(), "track", given, context={"ip": "0.0.0.0", "app": {}}, integrations={"All": True})
    assert message == {
        **given,
        "type": "track",
        "context": {"ip": "::1", "app": {}, "library": LIBRARY},
    }


def test_default_context_and_integrations_are_part_of_every_message(message_of):
    """The Go SDK writes the default context into the envelope alone (S3)."""
    for context in ({}, {"context": {"locale": "de"}}):
        message = message_of(
            Segment(),
            "track",
            {"userId": "u", **context},
            context={"app": {"name": "shop"}},
            integrations={"All": True},
        )
        assert message["context"]["app"] == {"name": "shop"}
        assert message["integrations"] == {"All": True}


def test_library_is_ours_whatever_the_contexts_say(message_of):
    """Neither the default context nor a message's own may name another library."""
    other = {"library": {"name": "other"}}
    for fields in ({}, {"context": other}):
        assert message_of(Segment(), "track", {"userId": "u", **fields}, context=other)["context"]["library"] == LIBRARY


def test_the_callers_context_is_left_as_it_was():
    """Fields may be changed in place, the dicts within them are the caller's."""
    context = {"ip": "::1"}
    Segment().fields("track", {"context": context}, Constants({"app": {}}, None))
    assert context == {"ip": "::1"}


def test_a_callers_type_is_left_out(message_of):
    """The kind decides the type, and no name may be in a message twice."""
    assert message_of(Segment(), "track", {"userId": "u", "type": "identify"})["type"] == "track"


@pytest.mark.parametrize(
    ("constants", "setting"),
    [
        (Constants({"at": object()}, None), "default_context"),
        (Constants({"speed": float("nan")}, None), "default_context"),
        (Constants({"name": "\ud800"}, None), "default_context"),
        (Constants({}, {"Amplitude": {1, 2}}), "integrations"),
    ],
    ids=["object", "nan", "surrogate", "set"],
)
def test_constant_without_json_form_is_a_config_error(constants, setting):
    """It is reported when the client is built and not at each message."""
    with pytest.raises(ConfigError) as caught:
        Segment().template("track", frozenset(), constants)
    assert caught.value.field == setting


def test_limits_are_the_documented_ones():
    """500 KB and 32 KB in units of 1024, as Segment's Java and Node SDKs read them."""
    assert Segment().limits == (250, 32 * 1024, 500 * 1024)
    assert Segment().compressions == {"gzip", "none"}
    assert Segment().routes == 1
    assert Segment().endpoint == "https://api.segment.io"


RETRIED = [408, 410, 429, 460, *(status for status in range(500, 600) if status not in (501, 505))]
SPLIT = [400, 413]
FINAL = [301, 302, 307, 401, 402, 403, 404, 405, 409, 411, 415, 418, 422, 431, 451, 501, 505, 600, 999]
OUTCOMES = [
    *((status, "delivered") for status in (200, 201, 202, 204, 299)),
    *((status, "retry") for status in RETRIED),
    *((status, "split") for status in SPLIT),
    *((status, "drop") for status in FINAL),
]


@pytest.mark.parametrize(("status", "outcome"), OUTCOMES)
def test_status_has_the_outcome_that_the_python_sdk_gives_it(status, outcome):
    """The table of segment-analytics-python 2.4.0, with 400 and 413 split instead of fatal."""
    assert Segment().verdict(Response(status, {}, b"")).outcome == outcome


def test_verdict_does_not_repeat_the_write_key():
    """Details end up in logs."""
    dialect = Segment()
    dialect.headers("wk-1234567890")
    body = b'{"code":"invalid_key","message":"no source for wk-1234567890"}'
    assert dialect.verdict(Response(401, {}, body)).detail == "invalid_key: no source for <hidden>"
