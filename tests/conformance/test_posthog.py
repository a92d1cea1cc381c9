"""PostHog's batch endpoint: our bytes against PostHog's own SDKs, servers and documents."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from fastbatch.dialects import PostHog
from fastbatch.dialects.posthog import LONGEST_RETRY_AFTER, ingestion_host
from fastbatch.dialects.posthog_system import _os_properties, system_properties
from fastbatch.errors import ConfigError, FieldError
from fastbatch.typing import Constants, Response, Stamp
from fastbatch.version import VERSION

NOTHING = Constants({}, None)
ID = "01a1fd95-9b9b-731e-bc15-a940cc2e804b"
SHARED = {"$lib": "fastbatch", "$lib_version": VERSION, "$geoip_disable": True, "$is_server": True}
SYSTEM = {"$python_runtime", "$python_version", "$os", "$os_version", "$os_distro"}


def answer(status: int, body: bytes = b"", **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.fixture(autouse=True)
def no_release(monkeypatch):
    """What the machine is set to must not matter."""
    monkeypatch.delenv("POSTHOG_RELEASE_ID", raising=False)


@pytest.fixture
def event_of(message_of):
    """A function that returns the one event of a body."""

    def build(kind: str, fields: dict[str, Any], *, context: dict[str, Any] | None = None, **settings: Any) -> Any:
        return message_of(PostHog(**settings), kind, fields, context=context)

    return build


# Each kind of message: its fields, the event's name, who it is about, its own properties, what stands beside them.
KINDS = [
    ("capture", {"event": "Order", "userId": "u", "properties": {"revenue": 1.5}}, "Order", "u", {"revenue": 1.5}, {}),
    (
        "capture",
        {"event": "Order", "userId": "u", "groups": {"company": "acme"}, "set": {"a": 1}, "setOnce": {"b": 2}},
        "Order",
        "u",
        {"$groups": {"company": "acme"}},
        {"$set": {"a": 1}, "$set_once": {"b": 2}},
    ),
    ("capture", {"event": "$set", "userId": "u", "set": {"a": 1}}, "$set", "u", {}, {"$set": {"a": 1}}),
    (
        "capture",
        {"event": "$set_once", "userId": "u", "setOnce": {"a": 1}},
        "$set_once",
        "u",
        {},
        {"$set_once": {"a": 1}},
    ),
    (
        "group_identify",
        {"groupType": "company", "groupId": "acme", "traits": {"size": 3}},
        "$groupidentify",
        "$company_acme",
        {"$group_type": "company", "$group_key": "acme", "$group_set": {"size": 3}},
        {},
    ),
    (
        "group_identify",
        {"groupType": "company", "groupId": "acme", "userId": "u"},
        "$groupidentify",
        "u",
        {"$group_type": "company", "$group_key": "acme", "$group_set": {}},
        {},
    ),
    ("track", {"event": "Order", "userId": "u", "properties": {"a": 1}}, "Order", "u", {"a": 1}, {}),
    (
        "track",
        {"event": "Order", "anonymousId": "anon"},
        "Order",
        "anon",
        {"$process_person_profile": False},
        {},
    ),
    ("identify", {"userId": "u", "traits": {"plan": "x"}}, "$identify", "u", {}, {"$set": {"plan": "x"}}),
    (
        "identify",
        {"userId": "u", "anonymousId": "anon"},
        "$identify",
        "u",
        {"$anon_distinct_id": "anon"},
        {"$set": {}},
    ),
    ("identify", {"anonymousId": "anon", "traits": {"a": 1}}, "$identify", "anon", {}, {"$set": {"a": 1}}),
    ("alias", {"previousId": "old", "userId": "u"}, "$create_alias", "old", {"distinct_id": "old", "alias": "u"}, {}),
    (
        "group",
        {"userId": "u", "groupId": "g", "traits": {"size": 3}},
        "$groupidentify",
        "u",
        {"$group_type": "segment_group", "$group_key": "g", "$group_set": {"size": 3}},
        {},
    ),
    (
        "page",
        {"userId": "u", "name": "Home", "category": "Docs", "properties": {"url": "http://x/"}},
        "$pageview",
        "u",
        {"name": "Home", "category": "Docs", "url": "http://x/", "$current_url": "http://x/"},
        {},
    ),
    ("page", {"anonymousId": "anon"}, "$pageview", "anon", {"$process_person_profile": False}, {}),
    (
        "screen",
        {"userId": "u", "name": "Home", "category": "Docs"},
        "$screen",
        "u",
        {"$screen_name": "Home", "category": "Docs"},
        {},
    ),
    ("screen", {"anonymousId": "anon"}, "$screen", "anon", {"$process_person_profile": False}, {}),
]
IDS = [f"{index}-{kind[0]}" for index, kind in enumerate(KINDS)]


@pytest.mark.parametrize("case", KINDS, ids=IDS)
def test_each_kind_of_message_is_an_event_of_posthogs(event_of, case):
    """Person properties stand beside the event's own; what describes the system only in captured events."""
    kind, fields, name, who, properties, beside = case
    event = event_of(kind, fields)
    is_captured = kind == "track" or (kind == "capture" and not name.startswith("$"))
    assert (event["event"], event["distinct_id"], event["uuid"]) == (name, who, ID)
    own = {key: value for key, value in event["properties"].items() if key not in SYSTEM}
    assert own == {**properties, **SHARED}
    assert bool(SYSTEM & set(event["properties"])) == is_captured
    assert {key: event[key] for key in event if key.startswith("$")} == beside
    assert set(event) - set(beside) == {"uuid", "event", "distinct_id", "timestamp", "properties"}


def test_body_has_the_shape_of_the_captured_python_sdk(captures, body_of):
    """The same keys in envelope and event; `$lib` is ours, and the times say UTC by a Z."""
    [capture] = [
        each
        for each in captures
        if each["h"].get("User-Agent") == "posthog-python/7.91.1" and each["path"] == "/batch/"
    ]
    ours = body_of(
        PostHog(), ("capture", {"event": "Order", "userId": "u1", "properties": {"revenue": 1.5}}), write_key="phc_x"
    )
    theirs = capture["body"]
    assert set(ours) == set(theirs)
    assert (ours["api_key"], ours["historical_migration"]) == (theirs["api_key"], theirs["historical_migration"])
    [mine], [their] = ours["batch"], theirs["batch"]
    assert set(mine) == set(their)
    assert set(mine["properties"]) == set(their["properties"])
    for key in ("$geoip_disable", "$is_server", "revenue"):
        assert mine["properties"][key] == their["properties"][key]
    assert PostHog().url("http://sink") == "http://sink" + capture["path"]
    assert "Authorization" not in {**capture["h"], **PostHog().headers("phc_x")}


def test_body_has_the_shape_of_the_captured_node_sdk(captures, body_of):
    """Two official SDKs agree on the envelope, but for the switch that Node leaves out when it is off."""
    [capture] = [each for each in captures if each["h"].get("User-Agent", "").startswith("posthog-node")]
    ours = body_of(PostHog(), ("capture", {"event": "Order", "userId": "u1"}))
    assert set(ours) - {"historical_migration"} == set(capture["body"])
    assert set(ours["batch"][0]) == set(capture["body"]["batch"][0])


def test_headers_have_no_authorization():
    """The key stands in the body."""
    assert PostHog().headers("phc_x") == {"Content-Type": "application/json", "User-Agent": f"fastbatch/{VERSION}"}


# Which of the dialect's words win over the event's own, in the order of posthog 7.91.1.
PRECEDENCE = {
    "what describes the system wins": ({"$os": "mine"}, {}, {"$os": system_properties()["$os"]}),
    "the library wins": ({"$lib": "mine", "$lib_version": "0"}, {}, {"$lib": "fastbatch", "$lib_version": VERSION}),
    "geoip wins": ({"$geoip_disable": False}, {}, {"$geoip_disable": True}),
    "geoip that is allowed": ({"$geoip_disable": "mine"}, {"disable_geoip": False}, {"$geoip_disable": "mine"}),
    "a super property wins": ({"team": "mine"}, {"super_properties": {"team": "a"}}, {"team": "a"}),
    "also over the library": ({}, {"super_properties": {"$lib": "x", "$os": "y"}}, {"$lib": "x", "$os": "y"}),
    "the server wins": ({"$is_server": 1}, {"super_properties": {"$is_server": 2}}, {"$is_server": True}),
    "no server": ({}, {"super_properties": {"$is_server": 2}, "is_server": False}, {"$is_server": 2}),
}


@pytest.mark.parametrize(("given", "settings", "expected"), PRECEDENCE.values(), ids=PRECEDENCE)
def test_constants_win_over_the_events_own_properties(event_of, given, settings, expected):
    """As in PostHog's Python SDK; no name stands in an event twice, which `event_of` would refuse."""
    properties = event_of("capture", {"event": "e", "userId": "u", "properties": given}, **settings)["properties"]
    assert {name: properties[name] for name in expected} == expected


@pytest.mark.parametrize("settings", [{}, {"disable_geoip": False}, {"disable_geoip": True}], ids=str)
@pytest.mark.parametrize("given", [None, True, False])
def test_a_message_says_for_itself_whether_its_origin_is_looked_up(event_of, settings, given):
    """Its own word wins over the client's."""
    fields = {"event": "e", "userId": "u", **({} if given is None else {"disableGeoip": given})}
    is_disabled = settings.get("disable_geoip", True) if given is None else given
    assert event_of("capture", fields, **settings)["properties"].get("$geoip_disable") == (is_disabled or None)


def test_a_release_of_the_environment_is_a_default(event_of, monkeypatch):
    """An event and a super property may name another."""
    monkeypatch.setenv("POSTHOG_RELEASE_ID", " r-7 ")
    assert event_of("alias", {"previousId": "p", "userId": "u"})["properties"]["$release_id"] == "r-7"
    own = {"event": "e", "userId": "u", "properties": {"$release_id": "mine"}}
    assert event_of("capture", own)["properties"]["$release_id"] == "mine"
    assert event_of("capture", own, super_properties={"$release_id": "s"})["properties"]["$release_id"] == "s"


def test_an_event_may_leave_out_the_system_and_all_but_some_names(event_of):
    """PostHog's reduced events keep a list of names, whoever added the properties."""
    fields = {"event": "e", "userId": "u", "properties": {"a": 1, "b": 2}}
    assert not SYSTEM & set(event_of("capture", {**fields, "system": False})["properties"])
    kept = event_of("capture", {**fields, "keep": frozenset({"a", "$lib", "absent"})})["properties"]
    assert kept == {"a": 1, "$lib": "fastbatch"}


def test_a_person_set_by_an_event_of_ones_own_is_sent_as_given(event_of):
    """Inside the properties it stays inside; and groups of the call win over the properties'."""
    given = {"$set": {"a": 1}, "$groups": {"x": "y"}}
    event = event_of("capture", {"event": "e", "userId": "u", "properties": given, "groups": {"company": "acme"}})
    assert event["properties"]["$set"] == {"a": 1}
    assert event["properties"]["$groups"] == {"company": "acme"}
    assert "$set" not in event
    assert given == {"$set": {"a": 1}, "$groups": {"x": "y"}}


def test_a_strangers_own_word_on_their_profile_stays(event_of):
    """The flag is only a default."""
    fields = {"event": "e", "anonymousId": "anon", "properties": {"$process_person_profile": True}}
    assert event_of("track", fields)["properties"]["$process_person_profile"] is True


CONTEXT = {
    "ip": "192.0.2.1", "locale": "en", "timezone": "Europe/Berlin", "userAgent": "curl", "groupId": "g",
    "device": {"id": "d"},
    "page": {"url": "http://x/", "path": "/", "referrer": "http://y/"}, "screen": {"width": 10, "height": 20},
    "campaign": {"name": "n", "source": "s", "medium": "m", "term": "t", "content": "c"},
}  # fmt: skip
FROM_CONTEXT = {
    "$ip": "192.0.2.1", "$locale": "en", "$timezone": "Europe/Berlin", "$raw_user_agent": "curl",
    "$groups": {"segment_group": "g"}, "$current_url": "http://x/", "$pathname": "/", "$referrer": "http://y/",
    "$screen_width": 10, "$screen_height": 20, "utm_campaign": "n", "utm_source": "s", "utm_medium": "m",
    "utm_term": "t", "utm_content": "c",
}  # fmt: skip


def test_the_context_of_segments_messages_goes_where_posthog_looks(event_of):
    """The message's own properties win over it, and its own context over the default."""
    event = event_of("track", {"event": "e", "userId": "u", "context": CONTEXT})
    assert FROM_CONTEXT.items() <= event["properties"].items()
    assert not {"context", "device"} & {*event, *event["properties"]}
    event = event_of(
        "page", {"userId": "u", "context": {"ip": "2"}, "properties": {"$locale": "mine"}}, context=CONTEXT
    )
    assert (event["properties"]["$ip"], event["properties"]["$locale"]) == ("2", "mine")
    assert event["properties"]["utm_campaign"] == "n"


@pytest.mark.parametrize("context", [{"page": 5}, {"page": None, "ip": None}, {"campaign": "spring"}], ids=str)
def test_a_context_of_another_shape_does_no_harm(event_of, context):
    """What is not where Segment's specification puts it is left out."""
    event = event_of("track", {"event": "e", "userId": "u", "context": context})
    assert not set(FROM_CONTEXT) & set(event["properties"])


@pytest.mark.parametrize(
    "message_id", [ID, ID.upper(), "{" + ID + "}", "order-7", "01a1fd95", "x" * 256], ids=lambda text: text[:20]
)
def test_a_message_id_is_a_uuid_and_the_same_id_the_same_uuid(event_of, message_id):
    """PostHog refuses a whole batch for an id of another form, and knows a repetition by it."""
    fields = {"event": "e", "userId": "u", "messageId": message_id}
    first, second = event_of("track", fields)["uuid"], event_of("track", fields)["uuid"]
    assert first == second == str(uuid.UUID(first))
    assert (first == ID) == (message_id.strip("{}").lower() == ID)
    assert event_of("track", {**fields, "messageId": message_id + "y"})["uuid"] != first


@pytest.mark.parametrize("given", [(), ("messageId",), ("timestamp",), ("messageId", "timestamp")], ids=str)
def test_what_is_given_is_not_stamped_again(given):
    """Id and time stand in an event once."""
    stamps = [part for part in PostHog().template("capture", frozenset(given), NOTHING) if isinstance(part, Stamp)]
    expected = {"messageId": Stamp.MESSAGE_ID, "timestamp": Stamp.TIMESTAMP_US}
    assert set(stamps) == {Stamp.FIELDS} | {stamp for name, stamp in expected.items() if name not in given}


def test_template_of_a_bare_event_is_two_stamps_and_the_fields():
    """The parts are known byte for byte, because the core's cost depends on how few they are."""
    assert PostHog().template("capture", frozenset(), NOTHING) == (
        *(b'{"uuid":"', Stamp.MESSAGE_ID, b'",', Stamp.FIELDS, b',"timestamp":"', Stamp.TIMESTAMP_US, b'"}'),
    )


def test_the_form_of_the_commonest_event_has_the_constants_as_bytes():
    """What the caller gives follows them."""
    form = PostHog(super_properties={"team": "ü"}).quick("capture", NOTHING)
    assert form is not None
    values = iter([b'"id"', b'"u"', b'"e"'])
    text = b"".join(
        part
        if isinstance(part, bytes)
        else {Stamp.TIMESTAMP_US: b"now", Stamp.MEMBERS: b',"a":1}'}.get(part) or next(values)
        for part in form.template
    )
    event = json.loads(text)
    assert {key: event[key] for key in ("uuid", "distinct_id", "event", "timestamp")} == {
        "uuid": "id", "distinct_id": "u", "event": "e", "timestamp": "now",
    }  # fmt: skip
    assert event["properties"].pop("a") == 1
    assert set(event["properties"]) == form.reserved == {*SHARED, *system_properties(), "team"}
    assert PostHog().quick("track", NOTHING) is None


def test_a_super_property_without_a_json_form_is_refused():
    """It would fail in every event."""
    with pytest.raises(ConfigError, match="super_properties"):
        PostHog(super_properties={"a": object()})


def test_a_message_of_a_kind_that_posthog_has_no_event_for_is_refused():
    """It would be taken and thrown away."""
    with pytest.raises(FieldError, match=r"Refund\.kind.*'capture', 'group_identify', 'track'"):
        PostHog().fields("refund", {}, NOTHING)


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("https://app.posthog.com", "https://us.i.posthog.com"),
        ("https://us.posthog.com", "https://us.i.posthog.com"),
        ("https://us.posthog.com/", "https://us.i.posthog.com"),
        ("https://EU.posthog.com", "https://eu.i.posthog.com"),
        ("https://eu.posthog.com", "https://eu.i.posthog.com"),
        ("https://us.i.posthog.com", "https://us.i.posthog.com"),
        ("http://app.posthog.com", "http://app.posthog.com"),
        ("https://posthog.example.com/", "https://posthog.example.com"),
        ("https://example.com/ingest", "https://example.com/ingest"),
        ("", "https://us.i.posthog.com"),
        ("  ", "https://us.i.posthog.com"),
    ],
)
def test_the_host_that_people_see_is_not_the_one_that_takes_events(given, host):
    """The mapping of PostHog's SDKs."""
    assert ingestion_host(given) == host


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("https://app.posthog.com", "https://us.i.posthog.com/batch/"),
        ("https://eu.posthog.com/", "https://eu.i.posthog.com/batch/"),
        ("https://example.com/i", "https://example.com/i/batch/"),
        ("https://example.com/batch", "https://example.com/batch/"),
        ("https://example.com/ingest/batch/", "https://example.com/ingest/batch/"),
        ("http://127.0.0.1:8010", "http://127.0.0.1:8010/batch/"),
        ("https://app.posthog.com/batch/", "https://us.i.posthog.com/batch/"),
        ("http://batch", "http://batch/batch/"),
        ("http://batch:8010/", "http://batch:8010/batch/"),
        ("https://example.com/minibatch", "https://example.com/minibatch/batch/"),
    ],
)
def test_url_is_base_and_path(endpoint, url):
    """A proxy's prefix stays, also one that is a piece of PostHog's own paths; a host is no part of a path."""
    assert PostHog().url(endpoint) == url


@pytest.mark.parametrize("key", ['quo"te', "back\\slash", "новый", "line\nbreak", "emoji 🎈"])
def test_the_key_is_escaped_in_the_envelope(body_of, key):
    """No key can end the JSON string that it stands in."""
    assert body_of(PostHog(), ("track", {"userId": "u", "event": "e"}), write_key=key)["api_key"] == key


@pytest.mark.parametrize("is_historical", [True, False])
def test_the_envelope_says_whether_these_are_events_of_the_past(body_of, is_historical):
    """Always, as PostHog's Python SDK does; and its length never varies."""
    dialect = PostHog(historical_migration=is_historical)
    assert body_of(dialect, ("track", {"userId": "u", "event": "e"}))["historical_migration"] is is_historical
    first, second = (dialect.envelope("k", f"{year}-11-21T10:09:52.945Z") for year in (2026, 2031))
    assert [len(part) for part in first] == [len(part) for part in second]


# posthog-python 7.91.1 and posthog-go 1.23.1, and the server of PostHog/posthog, rust/capture.
STATUSES = [
    (200, "delivered"), (201, "delivered"), (204, "delivered"), (301, "drop"), (302, "drop"), (304, "drop"),
    (400, "split"), (401, "drop"), (402, "drop"), (403, "drop"), (404, "drop"), (408, "retry"), (413, "split"),
    (415, "drop"), (429, "retry"), (500, "retry"), (501, "retry"), (502, "retry"), (503, "retry"), (504, "retry"),
    (520, "retry"), (599, "retry"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "outcome"), STATUSES)
def test_what_a_status_means(status, outcome):
    """The table of docs/guide/compatibility.md."""
    verdict = PostHog().verdict(answer(status, b'{"status":1}'))
    assert (verdict.outcome, verdict.cause) == (outcome, "rejected")


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b'{"status":1}', "delivered"),
        (b'{"status":"Ok"}', "delivered"),
        (b"", "delivered"),
        (b"<html>quota_limited</html>", "delivered"),
        (b'{"status":1,"quota_limited":["recordings"]}', "delivered"),
        (b'{"status":1,"quota_limited":null}', "delivered"),
        (b'[{"quota_limited":["events"]}]', "delivered"),
        (b'{"status":1,"quota_limited":["recordings","events"]}', "drop"),
        (b'{"success":false}', "drop"),
        (b"[" * 50_000 + b"quota_limited", "delivered"),
    ],
    ids=lambda value: value[:40] if isinstance(value, bytes) else value,
)
def test_a_200_is_a_delivery_unless_it_says_that_the_events_were_not_taken(body, outcome):
    """Over quota the server answers 200 and throws events away; where it says so, they are not counted as delivered."""
    assert PostHog().verdict(answer(200, body)).outcome == outcome


@pytest.mark.parametrize(("asked", "waits"), [("3", 3.0), ("30", 30.0), ("31", 30.0), ("86400", 30.0), ("soon", None)])
def test_retry_after_is_cut_to_half_a_minute(asked, waits):
    """As in PostHog's SDKs."""
    assert LONGEST_RETRY_AFTER == 30.0
    assert PostHog().verdict(answer(503, retry_after=asked)).retry_after == waits


def test_the_detail_is_what_the_server_said_and_never_the_key():
    """Django's errors say it in `detail`, the server in Rust in plain text."""
    dialect = PostHog()
    dialect.headers("phc_secret")
    body = b'{"type":"validation_error","code":"invalid","detail":"bad phc_secret","attr":null}'
    assert dialect.verdict(answer(400, body)).detail == "invalid: bad <hidden>"
    assert dialect.verdict(answer(401, b"API key is not valid: empty")).detail == "API key is not valid: empty"


def test_the_limits_are_posthogs():
    """900 KiB an event, 5 MiB a body, 100 events."""
    assert PostHog.limits == (100, 900 * 1024, 5 * 1024 * 1024)
    assert PostHog.compressions == {"gzip", "none"}


@pytest.mark.parametrize(
    ("platform", "system"),
    [("linux", "Linux"), ("win32", "Windows"), ("darwin", "Mac OS X"), ("freebsd14", "FreeBSD"), ("aix", "aix")],
)
def test_every_system_has_a_name(platform, system):
    """PostHog's names for them; a version is text, and a distribution only there when it is known."""
    properties = _os_properties(platform)
    assert properties["$os"] == system
    assert all(isinstance(value, str) for value in properties.values())
    assert properties.get("$os_distro") != ""
