"""What `Message.fields` returns, and what it refuses."""

from __future__ import annotations

from collections import UserDict
from datetime import datetime
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from fastbatch.errors import FastbatchError, FieldError
from fastbatch.messages import Alias, Capture, Group, GroupIdentify, Identify, Page, Properties, Screen, Track

SMALLEST = {
    Track: {"user_id": "u", "event": "e"},
    Identify: {"user_id": "u"},
    Page: {"user_id": "u"},
    Screen: {"user_id": "u"},
    Group: {"user_id": "u", "group_id": "g"},
    Alias: {"user_id": "u", "previous_id": "p"},
}
SMALLEST_OF_POSTHOG = {
    Capture: {"distinct_id": "u", "event": "e"},
    GroupIdentify: {"type": "company", "key": "acme"},
}
COMMON = {"context": {"a": 1}, "integrations": {"All": True}, "timestamp": "2026-01-02T03:04:05Z", "message_id": "m"}
COMMON_ON_THE_WIRE = {
    "context": {"a": 1},
    "integrations": {"All": True},
    "timestamp": "2026-01-02T03:04:05.000000Z",
    "messageId": "m",
}


class Plan(str, Enum):
    PRO = "pro"


class Unreadable(UserDict):
    def __iter__(self) -> Any:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            Track(user_id="u", anonymous_id="a", event="e", properties={"p": 1}, **COMMON),
            {"userId": "u", "anonymousId": "a", "event": "e", "properties": {"p": 1}},
        ),
        (
            Identify(user_id="u", anonymous_id="a", traits={"t": 1}, **COMMON),
            {"userId": "u", "anonymousId": "a", "traits": {"t": 1}},
        ),
        (
            Page(user_id="u", anonymous_id="a", name="n", category="c", properties={"p": 1}, **COMMON),
            {"userId": "u", "anonymousId": "a", "name": "n", "category": "c", "properties": {"p": 1}},
        ),
        (
            Screen(user_id="u", anonymous_id="a", name="n", category="c", properties={"p": 1}, **COMMON),
            {"userId": "u", "anonymousId": "a", "name": "n", "category": "c", "properties": {"p": 1}},
        ),
        (
            Group(user_id="u", anonymous_id="a", group_id="g", traits={"t": 1}, **COMMON),
            {"userId": "u", "anonymousId": "a", "groupId": "g", "traits": {"t": 1}},
        ),
        (Alias(user_id="u", previous_id="p", **COMMON), {"userId": "u", "previousId": "p"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_field_has_its_name_on_the_wire(message: Any, expected: dict[str, Any]) -> None:
    """The names are those of Segment's specification."""
    assert message.fields() == {**expected, **COMMON_ON_THE_WIRE}


@pytest.mark.parametrize("kind", SMALLEST)
def test_fields_holds_only_what_was_given(kind: Any) -> None:
    """A null id makes some destinations create a user named null."""
    fields = kind(**SMALLEST[kind]).fields()
    assert len(fields) == len(SMALLEST[kind])
    assert None not in fields.values()


@pytest.mark.parametrize(
    ("kind", "word"),
    [(Track, "track"), (Identify, "identify"), (Page, "page"), (Screen, "screen"), (Group, "group"), (Alias, "alias")],
)
def test_kind_is_the_vendors_word(kind: Any, word: str) -> None:
    """It becomes ``type`` on the wire."""
    assert kind.kind == word


@pytest.mark.parametrize(
    ("message", "name", "text"),
    [
        (Track(), "event", "Track.event: invalid field value: None; must be non-empty text"),
        (Track(event=""), "event", "Track.event: invalid field value: ''; must be non-empty text"),
        (Track(event="e"), "user_id", "Track.user_id: invalid field value: None; must be "),
        (Track(event="e", user_id="", anonymous_id=""), "user_id", "Track.user_id: invalid field value: ''"),
        (Identify(), "user_id", "Identify.user_id: invalid field value: None"),
        (Page(), "user_id", "Page.user_id: invalid field value: None"),
        (Screen(), "user_id", "Screen.user_id: invalid field value: None"),
        (Group(), "group_id", "Group.group_id: invalid field value: None"),
        (Group(group_id="g"), "user_id", "Group.user_id: invalid field value: None"),
        (Alias(), "user_id", "Alias.user_id: invalid field value: None"),
        (Alias(user_id="u"), "previous_id", "Alias.previous_id: invalid field value: None"),
        (Alias(user_id="u", previous_id=""), "previous_id", "Alias.previous_id: invalid field value: ''"),
    ],
)
def test_missing_fields_are_refused_in_the_order_of_the_go_clients(message: Any, name: str, text: str) -> None:
    """The first complaint decides the text that a program may match."""
    with pytest.raises(FieldError) as caught:
        message.fields()
    assert str(caught.value).startswith(text)
    assert (caught.value.kind, caught.value.field) == (type(message).__name__, name)
    assert isinstance(caught.value, (FastbatchError, ValueError))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("u", "u"),
        (7, "7"),
        (0, "0"),
        (1.5, "1.5"),
        (123.0, "123.0"),
        (Decimal("12.50"), "12.50"),
        (np.int64(7), "7"),
        (Plan.PRO, "pro"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    ],
)
@pytest.mark.parametrize("name", ["user_id", "anonymous_id"])
def test_ids_become_text(name: str, value: Any, text: str) -> None:
    """Numbers are what many databases use; the Python peers take them."""
    assert Identify(**{name: value}).fields() == {{"user_id": "userId"}.get(name, "anonymousId"): text}


@pytest.mark.parametrize(
    "value", [True, False, float("nan"), float("inf"), Decimal("sNaN"), b"u", [], {}, object(), np.bool_(True), 1j]
)
@pytest.mark.parametrize(
    ("kind", "name"), [(Track, "user_id"), (Track, "anonymous_id"), (Group, "group_id"), (Alias, "previous_id")]
)
def test_what_is_no_id_is_refused(kind: Any, name: str, value: Any) -> None:
    """``True`` would be one user for all who were passed the wrong variable."""
    with pytest.raises(FieldError, match=f"^{kind.__name__}.{name}: .*; must be non-empty text, a finite number or"):
        kind(**{**SMALLEST[kind], name: value}).fields()


def test_an_integer_too_long_to_write_is_refused() -> None:
    """Python limits the digits it writes, with an exception of its own."""
    with pytest.raises(FieldError):
        Identify(user_id=10**5000).fields()


@pytest.mark.parametrize(
    ("kind", "name", "value", "allowed"),
    [
        (Track, "event", 7, "non-empty text"),
        (Track, "event", b"e", "non-empty text"),
        (Page, "name", 7, "text"),
        (Screen, "category", [], "text"),
        (Track, "properties", [("a", 1)], "a mapping"),
        (Track, "properties", "{}", "a mapping"),
        (Identify, "traits", 7, "a mapping"),
        (Group, "traits", [], "a mapping"),
        (Alias, "context", "x", "a mapping"),
        (Alias, "integrations", {"All"}, "a mapping"),
        (Track, "properties", Unreadable(a=1), "a mapping that can be read"),
        (Track, "message_id", "", "1 to 256 characters of printable ASCII"),
        (Track, "message_id", "a\x00b", "1 to 256 characters of printable ASCII"),
        (Track, "message_id", "é", "1 to 256 characters of printable ASCII"),
        (Track, "message_id", "m" * 257, "1 to 256 characters of printable ASCII"),
        (Track, "message_id", 7, "1 to 256 characters of printable ASCII"),
    ],
)
def test_a_field_of_another_type_is_refused_and_told_what_is_allowed(
    kind: Any, name: str, value: Any, allowed: str
) -> None:
    """The peers raise an AssertionError, or nothing."""
    with pytest.raises(FieldError) as caught:
        kind(**{**SMALLEST[kind], name: value}).fields()
    assert caught.value.field == name
    assert caught.value.allowed == allowed


def test_an_empty_mapping_is_kept() -> None:
    """Empty ``integrations`` means: not the client's defaults."""
    assert Identify(user_id="u", integrations={}, traits={}).fields() == {
        "userId": "u",
        "integrations": {},
        "traits": {},
    }


@pytest.mark.parametrize("given", [{"a": 1}, Properties(a=1), MappingProxyType({"a": 1}), UserDict(a=1)])
def test_any_mapping_becomes_a_dict_of_our_own(given: Any) -> None:
    """A dialect may write into what it gets; the caller's object must stay as it is."""
    properties = Track(user_id="u", event="e", properties=given).fields()["properties"]
    assert type(properties) is dict
    properties["b"] = 2
    assert dict(given) == {"a": 1}


def test_each_call_returns_a_new_dict() -> None:
    """A message may be enqueued twice."""
    message = Track(user_id="u", event="e", context={})
    first = message.fields()
    first["context"]["library"] = first["userId"] = "changed"
    assert message.fields() == {"userId": "u", "event": "e", "context": {}}


def test_messages_take_keywords_only_and_have_no_further_attributes() -> None:
    """A misspelt field must not vanish."""
    with pytest.raises(TypeError):
        Track("u", "e")  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Track().evnet = "e"  # type: ignore[attr-defined]


def test_the_longest_message_id_is_taken() -> None:
    """The limit is inclusive."""
    assert Identify(user_id="u", message_id="m" * 256, timestamp=datetime.now()).fields()["messageId"] == "m" * 256


ID = "01a1fd95-9b9b-731e-bc15-a940cc2e804b"
GIVEN_TO_POSTHOG = {"timestamp": "2026-01-02T03:04:05Z", "uuid": UUID(ID), "disable_geoip": False}
GIVEN_ON_THE_WIRE = {"timestamp": "2026-01-02T03:04:05.000000Z", "messageId": ID, "disableGeoip": False}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            Capture(
                distinct_id="u",
                event="e",
                properties={"p": 1},
                groups={"company": "acme"},
                set={"a": 1},
                set_once={"b": 2},
                **GIVEN_TO_POSTHOG,
            ),
            {
                "event": "e",
                "userId": "u",
                "properties": {"p": 1},
                "groups": {"company": "acme"},
                "set": {"a": 1},
                "setOnce": {"b": 2},
            },
        ),
        (
            GroupIdentify(type="company", key="acme", properties={"p": 1}, distinct_id="u", **GIVEN_TO_POSTHOG),
            {"groupType": "company", "groupId": "acme", "userId": "u", "traits": {"p": 1}},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_posthogs_messages_have_segments_names_where_there_is_one(message: Any, expected: dict[str, Any]) -> None:
    """A dialect then finds a user, an id and a time in one place, whatever the message."""
    assert message.fields() == {**expected, **GIVEN_ON_THE_WIRE}


@pytest.mark.parametrize("kind", SMALLEST_OF_POSTHOG)
def test_posthogs_messages_hold_only_what_was_given(kind: Any) -> None:
    """What is left out is the dialect's to decide."""
    fields = kind(**SMALLEST_OF_POSTHOG[kind]).fields()
    assert len(fields) == 2
    assert None not in fields.values()


@pytest.mark.parametrize(
    ("message", "name", "text"),
    [
        (Capture(), "event", "Capture.event: invalid field value: None; must be non-empty text"),
        (Capture(event="e"), "distinct_id", "Capture.distinct_id: invalid field value: None; must be non-empty text"),
        (Capture(event="e", distinct_id=""), "distinct_id", "Capture.distinct_id: invalid field value: ''"),
        (GroupIdentify(), "type", "GroupIdentify.type: invalid field value: None; must be non-empty text"),
        (GroupIdentify(type="t"), "key", "GroupIdentify.key: invalid field value: None; must be non-empty text"),
        (GroupIdentify(type="t", key=True), "key", "GroupIdentify.key: invalid field value: True"),
        (
            Capture(event="e", distinct_id="u", uuid="7"),
            "uuid",
            "Capture.uuid: invalid field value: '7'; must be a UUID",
        ),
        (Capture(event="e", distinct_id="u", uuid=7), "uuid", "Capture.uuid: invalid field value: 7; must be a UUID"),
        (
            Capture(event="e", distinct_id="u", set="x"),
            "set",
            "Capture.set: invalid field value: 'x'; must be a mapping",
        ),
        (Capture(event="e", distinct_id="u", set_once=[1]), "set_once", "Capture.set_once: invalid field value: [1]"),
        (Capture(event="e", distinct_id="u", groups="g"), "groups", "Capture.groups: invalid field value: 'g'"),
        (Capture(event="e", distinct_id="u", timestamp="now"), "timestamp", "Capture.timestamp: invalid field value"),
        (
            Capture(event="e", distinct_id="u", disable_geoip=1),
            "disable_geoip",
            "Capture.disable_geoip: invalid field value: 1; must be True, False or None",
        ),
        *[
            (
                Capture(event="e", distinct_id="u", keep=keep),  # type: ignore[arg-type]
                "keep",
                f"Capture.keep: invalid field value: {keep!r}; must be a collection of names, or None",
            )
            for keep in ("$lib", b"$lib", 5, [["$lib"]], [1])
        ],
    ],
)
def test_what_posthogs_messages_refuse(message: Any, name: str, text: str) -> None:
    """Each complaint names the message, the field, the value and what is allowed."""
    with pytest.raises(FieldError) as caught:
        message.fields()
    assert str(caught.value).startswith(text)
    assert (caught.value.kind, caught.value.field) == (type(message).__name__, name)


@pytest.mark.parametrize("text", [ID.upper(), ID.replace("-", ""), "{" + ID + "}", f"urn:uuid:{ID}"])
def test_a_uuid_is_written_in_its_canonical_form(text: str) -> None:
    """PostHog's server answers under that form, whatever it was sent."""
    assert Capture(distinct_id="u", event="e", uuid=text).fields()["messageId"] == ID


def test_posthogs_words_for_their_kinds() -> None:
    """Dialects tell messages apart by them."""
    assert (Capture.kind, GroupIdentify.kind) == ("capture", "group_identify")
