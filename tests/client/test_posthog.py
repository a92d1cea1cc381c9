"""PostHog from end to end: limits, retries, and the quick way of the commonest event."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from fastbatch import Alias, Capture, Group, GroupIdentify, Identify, MessageTooLargeError, Page, Screen, Track
from fastbatch.core.interface import message_length
from fastbatch.core.quick_capture import capture_quickly
from fastbatch.errors import FieldError, TransportError
from fastbatch.pipeline.encode import IS_FAST, encode
from fastbatch.testing import FakeClock
from fastbatch.typing import Response
from tests.support.capture_v1 import raw_events
from tests.support.faulty_server import answer
from tests.support.outcomes import at_once

RESULTS = b'{"results":{}}'
MODES = [{}, {"capture_mode": "v1"}]
EVENT_LIMIT, BATCH_LIMIT = 921_600, 5_242_880


@pytest.fixture
def posthog(scripted):
    """Makes a client of PostHog's, on a transport whose answers either wire takes."""

    def make(*script: Any, **settings: Any) -> Any:
        settings = {"senders": 1, **settings}
        return scripted(*script, default=lambda sent: Response(200, {}, RESULTS), dialect="posthog", **settings)

    return make


def every_message() -> list[Any]:
    return [
        Capture(
            distinct_id="u", event="e", properties={"a": 1}, groups={"company": "x"}, set={"p": 1}, set_once={"q": 1}
        ),
        GroupIdentify(type="company", key="acme", properties={"a": 1}),
        Track(user_id="u", event="e", properties={"a": 1}),
        Track(anonymous_id="anon", event="e"),
        Identify(user_id="u", anonymous_id="anon", traits={"a": 1}),
        Alias(previous_id="p", user_id="u"),
        Group(user_id="u", group_id="g", traits={"a": 1}),
        Page(user_id="u", name="n", properties={"url": "http://x/"}),
        Screen(anonymous_id="anon", name="n"),
    ]


@pytest.mark.parametrize("settings", MODES, ids=str)
def test_ids_and_times_are_the_same_bytes_at_every_attempt(make_client, server, settings):
    """Through refusals and a lost answer; on the older wire only `sent_at` is the attempt's."""
    server._default = answer(200, RESULTS)
    server.then(answer(503), answer(429, b"", {"Retry-After": "0"}), answer(408))
    client = make_client("phc_x", dialect="posthog", retry_after=at_once, interval=3600.0, senders=1, **settings)
    for message in every_message():
        assert client.enqueue(message)
    assert client.flush(10).delivered == len(every_message())
    requests = server.requests
    assert len(requests) == 4
    texts = [raw_events(request.body) for request in requests]
    assert texts == [texts[0]] * 4
    assert len({event["uuid"] for event in requests[0].json["batch"]}) == len(every_message())
    assert all(uuid.UUID(event["uuid"]).version == 7 for event in requests[0].json["batch"])
    envelopes = [{key: value for key, value in request.json.items() if key != "batch"} for request in requests]
    stable = {"created_at"} if settings else {"api_key", "historical_migration"}
    assert all(set(envelope) == {*stable} | (set() if settings else {"sent_at"}) for envelope in envelopes)
    assert all(
        {key: envelope[key] for key in stable} == {key: envelopes[0][key] for key in stable} for envelope in envelopes
    )


def padded(client: Any, length: int) -> Capture:
    """Return an event whose message has that length."""
    message = Capture(distinct_id="u", event="e", properties={"pad": ""})
    fields = message.fields()
    _, template = client._templates.find("capture", frozenset(fields))
    least = message_length(
        template, len(encode(client._dialect.fields("capture", fields, client._constants), "capture"))
    )
    return Capture(distinct_id="u", event="e", properties={"pad": "x" * (length - least)})


@pytest.mark.parametrize("settings", MODES, ids=str)
def test_an_event_of_900_kib_is_sent_and_one_byte_more_is_refused(posthog, settings):
    """PostHog's limit, to the byte."""
    client, transport = posthog(**settings)
    assert client.enqueue(padded(client, EVENT_LIMIT))
    with pytest.raises(MessageTooLargeError) as caught:
        client.enqueue(padded(client, EVENT_LIMIT + 1))
    assert (caught.value.size, caught.value.limit) == (EVENT_LIMIT + 1, EVENT_LIMIT)
    assert client.flush(10).delivered == 1
    assert [len(text) for text in raw_events(transport.sent[0].body)] == [EVENT_LIMIT]


@pytest.mark.parametrize("settings", MODES, ids=str)
@pytest.mark.parametrize("beyond", [0, 1])
def test_a_body_has_5_mib_and_not_a_byte_more(posthog, settings, beyond):
    """Envelope and commas included; what does not fit is the next body's."""
    client, transport = posthog(compression="none", **settings)
    envelope = client._dialect.envelope("WK", "2026-11-21T10:09:52.945Z")
    room = BATCH_LIMIT - len(envelope.head) - len(envelope.tail)
    lengths = [room // 6] * 5
    lengths.append(room - sum(lengths) - 5 + beyond)
    transport.hold()  # so that the only sender looks at the queue when all of them are there
    assert client.enqueue(Capture(distinct_id="u", event="first"))
    client.flush(0)
    transport.wait_for(1)
    for length in lengths:
        assert client.enqueue(padded(client, length))
    transport.release()
    client.flush(20)
    assert client.stats().delivered == 7
    assert [len(sent.messages) for sent in transport.sent[1:]] == ([5, 1] if beyond else [6])
    assert len(transport.sent[1].body) == (BATCH_LIMIT - lengths[-1] if beyond else BATCH_LIMIT)


def test_a_batch_has_a_hundred_events(posthog):
    """PostHog's default."""
    client, transport = posthog()
    for number in range(250):
        client.enqueue(Capture(distinct_id="u", event=str(number)))
    client.flush(10)
    assert client.stats().delivered == 250
    assert sorted(len(sent.messages) for sent in transport.sent) == [50, 100, 100]


def test_a_refused_batch_is_halved_until_only_the_event_to_blame_is_dropped(posthog):
    """The server in Rust refuses a batch of a hundred for one event without a name."""

    def strict(sent: Any) -> Any:
        return Response(400, {}, b"event submitted with an empty event name") if "bad" in sent.events else 200

    client, _ = posthog(*[strict] * 30)
    for number in range(20):
        client.enqueue(Capture(distinct_id="u", event="bad" if number == 13 else "good"))
    assert client.flush(10) == (19, 1, 0)
    assert client.stats().dropped == {"rejected": 1}


def test_a_lost_answer_is_an_attempt_that_may_have_arrived(posthog):
    """Sent again with the same ids, by which the server knows the events."""
    client, transport = posthog(TransportError("reset", possibly_delivered=True))
    client.enqueue(Capture(distinct_id="u", event="e"))
    assert client.flush(10).delivered == 1
    assert transport.sent[0].messages == transport.sent[1].messages


@pytest.mark.parametrize("dialect", ["segment", "rudderstack"])
def test_posthogs_messages_are_refused_where_nobody_knows_them(scripted, dialect):
    """Segment's server would answer 200 and throw them away."""
    client, transport = scripted(dialect=dialect)
    with pytest.raises(FieldError, match=rf"Capture\.kind.*'{dialect}' knows; 'posthog' knows this one"):
        client.enqueue(Capture(distinct_id="u", event="e"))
    with pytest.raises(FieldError, match=r"GroupIdentify\.kind"):
        client.enqueue(GroupIdentify(type="company", key="acme"))
    assert client.stats().refused == {"invalid": 2}
    assert transport.sent == []


@pytest.mark.parametrize("settings", MODES, ids=str)
def test_zstd_only_where_the_server_says_that_it_reads_it(scripted, settings):
    """The older wire knows gzip."""
    if settings:
        scripted(dialect="posthog", compression="zstd", **settings)
    else:
        with pytest.raises(ValueError, match=r"compression.*posthog takes"):
            scripted(dialect="posthog", compression="zstd")


QUICK = {"senders": 1, "super_properties": {"team": "ü"}}


@pytest.mark.skipif(not IS_FAST, reason="the quick way is orjson's")
@pytest.mark.parametrize("settings", MODES, ids=str)
@pytest.mark.parametrize(
    "properties", [{}, {"a": 1}, {"a": {"$lib": 1}, "ü": ["]", '"}{']}, {"n": None, "deep": {"b": [{}]}}]
)
def test_the_quick_way_makes_the_event_that_the_long_way_makes(posthog, settings, properties):
    """All but the order of the keys, and the time of the clock."""
    client, transport = posthog(**settings, **QUICK)
    id_ = str(uuid.uuid4())
    assert capture_quickly(client, id_, 'u"\\', "e,", properties) is True
    assert client.enqueue(Capture(distinct_id='u"\\', event="e,", properties=properties, uuid=id_))
    client.flush(10)
    quick, long = transport.sent[0].messages
    assert quick.pop("timestamp") <= long.pop("timestamp")
    assert quick == long


@pytest.mark.skipif(not IS_FAST, reason="the quick way is orjson's")
@pytest.mark.parametrize("settings", MODES, ids=str)
def test_the_quick_way_leaves_what_is_not_common(posthog, settings):
    """And nothing has happened then: the long way is taken."""
    client, _ = posthog(**settings, **QUICK)
    id_ = str(uuid.uuid4())
    for name in (
        "$lib",
        "$os",
        "$is_server",
        "$geoip_disable",
        "team",
        *(["$session_id", "$window_id"] if settings else []),
    ):
        assert capture_quickly(client, id_, "u", "e", {name: 1}) is None
    for who, name, properties in (("", "e", {}), ("u", "", {}), ("u", "e", {"a": object()}), ("u", "e", {5: 1})):
        assert capture_quickly(client, id_, who, name, properties) is None
    assert (client.stats().accepted, client.stats().refused) == (0, {})


@pytest.mark.parametrize(
    "settings",
    [
        {"sync_mode": True},
        {"disabled": True},
        {"ordering": "user"},
        {"before_send": lambda event: event},
        {"clock": FakeClock()},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_there_is_no_quick_way_where_more_is_asked_of_a_call(posthog, settings):
    """Each of them has to see the event."""
    client, _ = posthog(**settings)
    assert capture_quickly(client, str(uuid.uuid4()), "u", "e", {}) is None


@pytest.mark.skipif(not IS_FAST, reason="the quick way is orjson's")
def test_the_quick_way_ends_with_the_client_and_is_posthogs_alone(posthog, scripted):
    """Closed, it is the long way's to say so."""
    client, _ = posthog()
    client.close(5)
    assert capture_quickly(client, str(uuid.uuid4()), "u", "e", {}) is None
    other, _ = scripted(dialect="segment")
    assert capture_quickly(other, str(uuid.uuid4()), "u", "e", {}) is None


@pytest.mark.skipif(not IS_FAST, reason="the quick way is orjson's")
def test_the_quick_way_refuses_at_a_full_queue(posthog):
    """Counted like any other."""
    client, transport = posthog(max_message_bytes=2000, max_queue_bytes=20_000)
    transport.hold()
    answers = [capture_quickly(client, str(uuid.uuid4()), "u", "e", {"pad": "x" * 500}) for _ in range(100)]
    assert set(answers) == {True, False}
    stats = client.stats()
    assert stats.accepted + stats.refused["queue_full"] == 100
    transport.release()


def test_every_message_is_json_with_its_names_once(posthog):
    """Strictly: a name that stands twice would be read by one server as the first and by another as the last."""
    client, transport = posthog(super_properties={"a": "super"})
    for message in every_message():
        client.enqueue(message)
    client.flush(10)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({name for name, _ in pairs}) == len(pairs)
        return dict(pairs)

    json.loads(transport.sent[0].body, object_pairs_hook=once)
