"""`capture`: both forms, who it is about, and every argument on the wire."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from fastbatch import ClosedError, FieldError, MessageTooLargeError
from fastbatch.posthog.arguments import NOT_GIVEN, capture_arguments

ANY_UUID = "01a1fd95-9b9b-731e-bc15-a940cc2e804b"


def test_the_newer_form(posthog, sent):
    returned = posthog.capture("paid", distinct_id="u1", properties={"revenue": 39.95})
    (event,) = sent(posthog)
    assert (event["event"], event["distinct_id"], event["uuid"]) == ("paid", "u1", returned)
    assert event["properties"]["revenue"] == 39.95
    assert event["properties"]["$lib"] == "fastbatch"
    assert "$process_person_profile" not in event["properties"]
    assert "$context_tags" not in event["properties"]
    assert uuid.UUID(returned).version == 7


def test_the_older_form_by_position(posthog, sent):
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    returned = posthog.capture(
        "u1", "paid", {"a": 1}, {"ignored": True}, moment, ANY_UUID, {"company": "acme"}, False, False
    )
    (event,) = sent(posthog)
    assert returned == event["uuid"] == ANY_UUID
    assert (event["event"], event["distinct_id"], event["timestamp"]) == ("paid", "u1", "2026-01-02T03:04:05.000000Z")
    assert event["properties"]["a"] == 1
    assert event["properties"]["$groups"] == {"company": "acme"}
    assert "$geoip_disable" not in event["properties"]
    assert "ignored" not in str(event)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda p: p.capture("paid"), ("paid", None)),
        (lambda p: p.capture("paid", distinct_id="u"), ("paid", "u")),
        (lambda p: p.capture(event="paid"), ("paid", None)),
        (lambda p: p.capture(event="paid", distinct_id="u"), ("paid", "u")),
        (lambda p: p.capture("u", event="paid"), ("paid", "u")),
        (lambda p: p.capture("u", "paid"), ("paid", "u")),
        (lambda p: p.capture("u", "paid", {}), ("paid", "u")),
        (lambda p: p.capture(None, "paid"), ("paid", None)),
        (lambda p: p.capture("", "paid"), ("paid", None)),
        (lambda p: p.capture("paid", distinct_id=None), ("paid", None)),
        (lambda p: p.capture("paid", distinct_id=""), ("paid", None)),
        (lambda p: p.capture("paid", distinct_id=0), ("paid", "0")),
        (lambda p: p.capture(12, "paid"), ("paid", "12")),
        (lambda p: p.capture(uuid.UUID(ANY_UUID), "paid"), ("paid", ANY_UUID)),
    ],
)
def test_the_forms_are_told_apart(posthog, sent, call, expected):
    """One argument by position is the event, unless it has a name of its own; two are the older form's."""
    call(posthog)
    (event,) = sent(posthog)
    name, distinct_id = expected
    assert event["event"] == name
    if distinct_id is None:
        assert uuid.UUID(event["distinct_id"]).version == 7
        assert event["properties"]["$process_person_profile"] is False
    else:
        assert event["distinct_id"] == distinct_id


@pytest.mark.parametrize(
    "call",
    [
        lambda p: p.capture(),
        lambda p: p.capture("u", None),
        lambda p: p.capture("u", ""),
        lambda p: p.capture(""),
        lambda p: p.capture(None),
        lambda p: p.capture("$pageview", {"a": 1}),
        lambda p: p.capture("u", "paid", event="paid"),
        lambda p: p.capture("u", "paid", distinct_id="u"),
        lambda p: p.capture("u", event="paid", distinct_id="v"),
        lambda p: p.capture("paid", distinct_id=object()),
        lambda p: p.capture("paid", distinct_id=True),
        lambda p: p.capture("paid", distinct_id=float("nan")),
        lambda p: p.capture("paid", properties="text"),
        lambda p: p.capture("paid", properties=7),
        lambda p: p.capture("paid", properties={"a": object()}),
        lambda p: p.capture("paid", groups="acme"),
        lambda p: p.capture("paid", disable_geoip="yes"),
        lambda p: p.capture("u", "e", {}, {}, None, None, None, None, None, "one too many"),
    ],
)
def test_what_is_no_event_is_counted_and_raises_only_with_debug(make_posthog, sent, call):
    quiet, loud = make_posthog(), make_posthog(debug=True)
    assert call(quiet) is None
    assert quiet.stats().refused == {"invalid": 1} or quiet.stats().refused == {"unserializable": 1}
    with pytest.raises((FieldError, TypeError, ValueError)):
        call(loud)
    assert sent(quiet, loud) == []


def test_a_refusal_is_logged_without_the_event(make_posthog, caplog):
    posthog = make_posthog()
    with caplog.at_level(logging.WARNING, "fastbatch"):
        for _ in range(100):
            posthog.capture("", distinct_id="user-secret", properties={"card": "4111"})
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 1
    assert "Capture.event" in lines[0]
    assert "secret" not in lines[0]
    assert "4111" not in lines[0]
    assert posthog.stats().refused == {"invalid": 100}


def test_a_person_may_be_nobody_and_yet_have_a_profile(posthog, sent):
    """Who says so by hand is believed."""
    posthog.capture("seen", properties={"$process_person_profile": True})
    (event,) = sent(posthog)
    assert event["properties"]["$process_person_profile"] is True


def test_every_anonymous_event_has_an_id_of_its_own(posthog, sent):
    for _ in range(5):
        posthog.capture("seen")
    assert len({event["distinct_id"] for event in sent(posthog)}) == 5


@pytest.mark.parametrize(
    "given", [ANY_UUID, uuid.UUID(ANY_UUID), ANY_UUID.upper(), ANY_UUID.replace("-", ""), f"{{{ANY_UUID}}}"]
)
def test_a_uuid_is_sent_and_returned_in_its_canonical_form(posthog, sent, given):
    assert posthog.capture("paid", distinct_id="u", uuid=given) == ANY_UUID
    assert sent(posthog)[0]["uuid"] == ANY_UUID


@pytest.mark.parametrize("given", ["", "nonsense", 7, object(), b"x"])
def test_a_uuid_that_is_none_is_replaced_with_a_warning(posthog, sent, caplog, given):
    with caplog.at_level(logging.WARNING, "fastbatch"):
        returned = posthog.capture("paid", distinct_id="u", uuid=given)
    assert uuid.UUID(returned).version == 7
    assert sent(posthog)[0]["uuid"] == returned
    assert any("uuid" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone.utc), "2026-01-02T03:04:05.000006Z"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:04:05.000000Z"),
        (datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05.000000Z"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"),
        ("2026-01-02T03:04:05.123+02:00", "2026-01-02T01:04:05.123000Z"),
        ("2026-01-02T03:04:05+0200", "2026-01-02T01:04:05.000000Z"),
        ("2026-01-02 03:04:05", "2026-01-02T03:04:05.000000Z"),
    ],
)
def test_a_time_is_sent_in_utc(posthog, sent, given, expected):
    posthog.capture("paid", distinct_id="u", timestamp=given)
    assert sent(posthog)[0]["timestamp"] == expected


@pytest.mark.parametrize("given", ["2026-01-02", "20260102", "yesterday", 7, "", datetime.max])
def test_what_is_no_time_becomes_now_with_a_warning(posthog, sent, caplog, given):
    if given is datetime.max:
        given = datetime.max.replace(tzinfo=timezone(-timedelta(hours=5)))
    before = datetime.now(timezone.utc)
    with caplog.at_level(logging.WARNING, "fastbatch"):
        assert posthog.capture("paid", distinct_id="u", timestamp=given) is not None
    moment = datetime.fromisoformat(sent(posthog)[0]["timestamp"].replace("Z", "+00:00"))
    assert before - timedelta(seconds=1) <= moment <= datetime.now(timezone.utc) + timedelta(seconds=1)
    assert any("timestamp" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("of_client", "of_call", "expected"),
    [(None, None, True), (True, False, False), (False, None, False), (False, True, True), (True, None, True)],
)
def test_geoip_is_the_clients_unless_the_call_says_otherwise(make_posthog, sent, of_client, of_call, expected):
    posthog = make_posthog(debug=True, disable_geoip=of_client)
    posthog.capture("paid", distinct_id="u", disable_geoip=of_call)
    assert sent(posthog)[0]["properties"].get("$geoip_disable", False) is expected


def test_what_the_caller_gave_is_neither_kept_nor_changed(posthog, sent):
    properties, groups = {"list": [1]}, {"company": "acme"}
    with posthog.new_context():
        posthog.tag("a", 1)
        posthog.capture("paid", properties=properties, groups=groups)
    properties["list"].append(2)
    groups["company"] = "other"
    (event,) = sent(posthog)
    assert properties == {"list": [1, 2]}
    assert event["properties"]["list"] == [1]
    assert event["properties"]["$groups"] == {"company": "acme"}


def test_values_are_coerced_as_everywhere(posthog, sent):
    posthog.capture("paid", distinct_id="u", properties={"price": Decimal("1.5"), "when": datetime(2026, 1, 2)})
    properties = sent(posthog)[0]["properties"]
    assert properties["price"] == 1.5
    assert properties["when"].startswith("2026-01-02T00:00:00")


def test_an_event_that_is_too_large_is_refused_and_counted(make_posthog):
    quiet, loud = make_posthog(), make_posthog(debug=True)
    large = {"text": "x" * 1_000_000}
    assert quiet.capture("paid", distinct_id="u", properties=large) is None
    assert quiet.stats().refused == {"too_large": 1}
    with pytest.raises(MessageTooLargeError):
        loud.capture("paid", distinct_id="u", properties=large)


def test_after_shutdown_nothing_is_taken(make_posthog):
    quiet, loud = make_posthog(), make_posthog(debug=True)
    for posthog in (quiet, loud):
        posthog.shutdown()
        posthog.shutdown()
        posthog.join()
    assert quiet.capture("paid", distinct_id="u") is None
    assert quiet.stats().refused == {"closed": 1}
    with pytest.raises(ClosedError):
        loud.capture("paid", distinct_id="u")


def test_disabled_is_live(make_posthog, sent):
    posthog = make_posthog(disabled=True)
    assert posthog.capture("one", distinct_id="u") is None
    assert posthog.set("u", {"a": 1}) is None
    posthog.disabled = False
    assert posthog.capture("two", distinct_id="u") is not None
    posthog.disabled = True
    assert posthog.capture("three", distinct_id="u") is None
    assert [event["event"] for event in sent(posthog)] == ["two"]
    assert posthog.stats().refused == {"disabled": 3}


def test_the_arguments_by_themselves():
    assert capture_arguments("e", NOT_GIVEN, NOT_GIVEN, NOT_GIVEN) == ("e", None)
    assert capture_arguments("u", "e", NOT_GIVEN, NOT_GIVEN) == ("e", "u")
    with pytest.raises(FieldError, match="event"):
        capture_arguments(NOT_GIVEN, NOT_GIVEN, NOT_GIVEN, "u")


def test_arguments_that_there_are_not_are_left_out_with_a_warning(make_posthog, sent, caplog):
    """As the posthog package leaves them out; a call that raised would end the program."""
    posthog = make_posthog(debug=True)
    with caplog.at_level(logging.WARNING, "fastbatch"):
        posthog.capture("e", distinct_id="u", properties={}, colour="red")
        posthog.set(distinct_id="u", properties={"a": 1}, colour="red")
        posthog.set_once(distinct_id="u", properties={"a": 1}, colour="red")
        posthog.capture_exception(ValueError("x"), distinct_id="u", colour="red")
    assert [event["event"] for event in sent(posthog)] == ["e", "$set", "$set_once", "$exception"]
    assert sum("no argument colour" in record.message for record in caplog.records) == 4
    assert "red" not in caplog.text
