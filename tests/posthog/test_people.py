"""The calls about persons and groups, and the older ones."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
AS_TEXT = "2026-01-02T03:04:05.000000Z"
ID = "01a1fd95-9b9b-731e-bc15-a940cc2e804b"
OWN = {"$lib", "$lib_version", "$geoip_disable", "$is_server"}


@pytest.mark.parametrize("call", ["set", "set_once"])
def test_properties_of_a_person(posthog, sent, call):
    returned = getattr(posthog, call)(distinct_id="u", properties={"plan": "pro"}, timestamp=MOMENT, uuid=ID)
    (event,) = sent(posthog)
    assert event["event"] == f"${call}"
    assert event[f"${call}"] == {"plan": "pro"}
    assert (event["distinct_id"], event["timestamp"], event["uuid"]) == ("u", AS_TEXT, returned)
    assert set(event["properties"]) == OWN


@pytest.mark.parametrize("call", ["set", "set_once"])
def test_properties_of_a_person_in_the_older_form(posthog, sent, call):
    getattr(posthog, call)("u", {"plan": "pro"}, {"ignored": 1}, MOMENT, ID, False)
    (event,) = sent(posthog)
    assert (event[f"${call}"], event["timestamp"], event["uuid"]) == ({"plan": "pro"}, AS_TEXT, ID)
    assert set(event["properties"]) == OWN - {"$geoip_disable"}


@pytest.mark.parametrize("call", ["set", "set_once"])
def test_nobody_and_nothing_is_no_event(posthog, sent, call):
    assert getattr(posthog, call)(properties={"plan": "pro"}) is None
    assert getattr(posthog, call)(distinct_id="u") is None
    assert getattr(posthog, call)("u", {}) is None
    assert getattr(posthog, call)("", {"plan": "pro"}) is None
    assert sent(posthog) == []
    assert posthog.stats().refused == {}


def test_tags_become_properties_of_the_person(posthog, sent):
    with posthog.new_context():
        posthog.identify_context("ctx")
        posthog.set_context_session("s1")
        posthog.tag("plan", "free")
        posthog.tag("city", "Kyiv")
        posthog.set(properties={"plan": "pro"})
    (event,) = sent(posthog)
    assert event["distinct_id"] == "ctx"
    assert sorted(event["$set"].pop("$context_tags")) == ["city", "plan"]
    assert event["$set"] == {"plan": "pro", "city": "Kyiv", "$session_id": "s1"}


def test_identify(posthog, sent):
    assert posthog.identify("u", {"email": "a@b.c"}, None, MOMENT, ID) == ID
    (event,) = sent(posthog)
    assert (event["event"], event["$set"], event["timestamp"]) == ("$identify", {"email": "a@b.c"}, AS_TEXT)
    assert set(event["properties"]) == OWN


def test_identify_needs_somebody(make_posthog):
    posthog = make_posthog()
    assert posthog.identify(None, {"a": 1}) is None
    assert posthog.stats().refused == {"invalid": 1}


@pytest.mark.parametrize(
    "call",
    [
        lambda p: p.alias("old", "new", MOMENT, ID, False),
        lambda p: p.alias("old", "new", timestamp=MOMENT, uuid=ID, disable_geoip=False),
        lambda p: p.alias("old", "new", None, MOMENT, ID, False),
        lambda p: p.alias("old", "new", {}, MOMENT, ID, False),
        lambda p: p.alias(
            previous_id="old", distinct_id="new", context={}, timestamp=MOMENT, uuid=ID, disable_geoip=False
        ),
    ],
)
def test_alias_in_both_orders(posthog, sent, call):
    assert call(posthog) == ID
    (event,) = sent(posthog)
    assert (event["event"], event["distinct_id"], event["uuid"]) == ("$create_alias", "old", ID)
    assert event["timestamp"] == AS_TEXT
    assert event["properties"]["distinct_id"] == "old"
    assert event["properties"]["alias"] == "new"
    assert set(event["properties"]) == OWN - {"$geoip_disable"} | {"distinct_id", "alias"}


def test_alias_without_a_new_id_is_the_contexts_person(posthog, sent):
    with posthog.new_context():
        posthog.identify_context("ctx")
        posthog.set_context_session("s1")
        posthog.alias("old")
    (event,) = sent(posthog)
    assert event["properties"]["alias"] == "ctx"
    assert event["properties"]["$session_id"] == "s1"


@pytest.mark.parametrize("call", [lambda p: p.alias("old"), lambda p: p.alias(None, "new"), lambda p: p.alias("", "n")])
def test_alias_of_nobody_is_refused(make_posthog, sent, call):
    posthog = make_posthog(debug=True)
    assert call(posthog) is None
    assert posthog.stats().refused == {"invalid": 1}
    assert sent(posthog) == []


@pytest.mark.parametrize(
    "call",
    [
        lambda p: p.group_identify("company", "acme", {"n": 1}, MOMENT, ID, False, "u"),
        lambda p: p.group_identify("company", "acme", {"n": 1}, None, MOMENT, ID, False, "u"),
        lambda p: p.group_identify("company", "acme", {"n": 1}, {}, MOMENT, ID, False, "u"),
        lambda p: p.group_identify(
            group_type="company",
            group_key="acme",
            properties={"n": 1},
            context=None,
            timestamp=MOMENT,
            uuid=ID,
            disable_geoip=False,
            distinct_id="u",
        ),
    ],
)
def test_group_identify_in_both_orders(posthog, sent, call):
    assert call(posthog) == ID
    (event,) = sent(posthog)
    assert (event["event"], event["distinct_id"], event["timestamp"]) == ("$groupidentify", "u", AS_TEXT)
    expected = {"$group_type": "company", "$group_key": "acme", "$group_set": {"n": 1}}
    assert {name: event["properties"][name] for name in expected} == expected
    assert set(event["properties"]) == OWN - {"$geoip_disable"} | set(expected)


def test_a_group_may_be_nobodys_and_yet_has_a_profile(posthog, sent):
    posthog.group_identify("company", 5)
    (event,) = sent(posthog)
    assert event["distinct_id"]
    assert event["properties"]["$group_set"] == {}
    assert event["properties"]["$group_key"] == 5
    assert "$process_person_profile" not in event["properties"]


@pytest.mark.parametrize(("kind", "key"), [("", "acme"), (None, "acme"), ("company", ""), ("company", None)])
def test_a_group_needs_both_names(make_posthog, kind, key):
    posthog = make_posthog(debug=True)
    assert posthog.group_identify(kind, key) is None
    assert posthog.stats().refused == {"invalid": 1}


def test_page_and_screen(posthog, sent):
    posthog.page("u", "https://example.com/a", {"a": 1}, None, MOMENT, ID)
    posthog.screen("u", "Home", {"$screen_name": "loses"})
    page, screen = sent(posthog)
    assert (page["event"], page["properties"]["$current_url"], page["properties"]["a"]) == (
        "$pageview",
        "https://example.com/a",
        1,
    )
    assert (page["timestamp"], page["uuid"]) == (AS_TEXT, ID)
    assert (screen["event"], screen["properties"]["$screen_name"]) == ("$screen", "Home")


@pytest.mark.parametrize("call", ["page", "screen"])
def test_page_and_screen_need_their_name(make_posthog, call):
    posthog = make_posthog()
    assert getattr(posthog, call)("u") is None
    assert getattr(posthog, call)(None, "x") is None
    assert posthog.stats().refused == {"invalid": 2}


@pytest.mark.parametrize(
    "call",
    [
        lambda p: p.set("u", "text"),
        lambda p: p.group_identify("company"),
        lambda p: p.group_identify("company", "acme", 7),
        lambda p: p.group_identify("c", "k", {}, None, None, None, None, None, "too many"),
        lambda p: p.alias(),
        lambda p: p.alias("a", "b", None, None, None, None, "too many"),
        lambda p: p.identify("u", 7),
        lambda p: p.page("u", "x", 7),
    ],
)
def test_wrong_arguments_never_reach_the_program(make_posthog, call):
    quiet, loud = make_posthog(), make_posthog(debug=True)
    assert call(quiet) is None
    assert sum(quiet.stats().refused.values()) == 1
    with pytest.raises((TypeError, ValueError)):
        call(loud)
    assert sum(loud.stats().refused.values()) == 1
