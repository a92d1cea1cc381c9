"""Messages, rows, and how the format of a file is told."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import pytest

from fastbatch.cli.formats import READERS, Lines, Mapping, detect
from fastbatch.cli.formats.record import NAMESPACE


def read(name: str, text: str | bytes, **mapping: Any) -> list[Any]:
    """Return the records of a file."""
    data = text.encode() if isinstance(text, str) else text
    return list(READERS[name](Lines(data.splitlines(keepends=True)), Mapping(**mapping)))


def fields(record: Any) -> dict[str, Any]:
    """Return the fields of a record's message, without the id that was made up for it."""
    assert record.problem == ""
    found = record.message.fields()
    assert uuid.UUID(found.pop("messageId")).version == 5
    return {"type": record.message.kind, **found}


def test_every_kind_of_message_is_read() -> None:
    """A line is the message as it is on the wire."""
    records = read(
        "messages",
        """\
{"type":"track","userId":"u","event":"E","properties":{"a":1},"timestamp":"2026-11-21T10:00:00Z"}
{"type":"identify","anonymousId":"a","traits":{"b":2},"context":{"ip":"::1"}}

{"type":"page","userId":"u","name":"N","category":"C"}
{"type":"screen","userId":"u","name":"N"}
{"type":"group","userId":"u","groupId":"g","integrations":{"All":false}}
{"type":"alias","userId":"u","previousId":"p","sentAt":"now","_metadata":{}}
""",
    )
    assert [record.line for record in records] == [1, 2, 4, 5, 6, 7]
    assert fields(records[0]) == {
        "type": "track", "userId": "u", "event": "E", "properties": {"a": 1},
        "timestamp": "2026-11-21T10:00:00.000000Z",
    }  # fmt: skip
    assert fields(records[4]) == {"type": "group", "userId": "u", "groupId": "g", "integrations": {"All": False}}
    assert fields(records[5]) == {"type": "alias", "userId": "u", "previousId": "p"}


def test_a_messages_own_id_stays() -> None:
    """Only a message without id gets one."""
    (record,) = read("messages", '{"type":"track","userId":"u","event":"E","messageId":"mine"}')
    assert record.message.fields()["messageId"] == "mine"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "Expecting property name"),
        ("[]", "a message must be a JSON object"),
        ("{}", '"type" is None; must be one of track, identify, page, screen, group, alias'),
        ('{"type":"trakc"}', "\"type\" is 'trakc'; must be one of track"),
        ('{"type":["track"]}', "must be one of"),
        ('{"type":"track","userID":"u"}', "a track has no 'userID'; its fields are userId"),
        ("\x00", "Expecting value"),
        ("[" * 100_000, ""),
    ],
)
def test_a_line_that_is_no_message_is_a_problem(line: str, said: str) -> None:
    """The problem says what would have been one, and the next line is read."""
    bad, good = read("messages", f'{line}\n{{"type":"track","userId":"u","event":"E"}}')
    assert bad.message is None
    assert said in bad.problem
    assert good.problem == ""


def test_rows_are_tracks_with_the_other_columns_as_properties() -> None:
    """The usual column names are found; values keep their types."""
    (record,) = read("ndjson", '{"event":"E","userId":7,"timestamp":"2026-11-21T10:00:00Z","price":1.5,"tags":["a"]}')
    assert fields(record) == {
        "type": "track", "event": "E", "userId": "7", "timestamp": "2026-11-21T10:00:00.000000Z",
        "properties": {"price": 1.5, "tags": ["a"]},
    }  # fmt: skip


def test_columns_can_be_named_and_chosen() -> None:
    """Every option of the mapping does what it says."""
    (record,) = read(
        "csv",
        "what,who,visitor,when,key,a,b\nPaid,u1,v1,2026-11-21T10:00:00Z,id-1,1,2\n",
        event_column="what",
        user_column="who",
        anonymous_column="visitor",
        timestamp_column="when",
        message_id_column="key",
        properties=("b",),
    )
    assert record.message.fields() == {
        "event": "Paid", "userId": "u1", "anonymousId": "v1", "timestamp": "2026-11-21T10:00:00.000000Z",
        "messageId": "id-1", "properties": {"b": "2"},
    }  # fmt: skip


def test_an_event_name_for_all_rows_leaves_the_column_a_property() -> None:
    """With --event, a column of that name is one like any other."""
    (record,) = read("csv", "event,user_id\nconcert,u1\n", event="Seen")
    assert fields(record) == {"type": "track", "event": "Seen", "userId": "u1", "properties": {"event": "concert"}}


def test_csv_has_quotes_line_breaks_and_empty_cells() -> None:
    """A cell may span lines, which count; an empty cell is left out; blank lines are nothing."""
    records = read("csv", b'\xef\xbb\xbfevent;user_id;note\r\nA;u1;"a;b\r\n""c"""\r\n\r\nB;u2;\r\n')
    assert [record.line for record in records] == [3, 5]
    assert fields(records[0])["properties"] == {"note": 'a;b\r\n"c"'}
    assert fields(records[1])["properties"] == {}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (b"A", "1 cells; the header has 2"),
        (b"A,u1,x", "3 cells; the header has 2"),
        (b"A,\xff", "not UTF-8"),
        (b",u1", "no event name"),
        (b'A,"u"1', "expected after"),
    ],
)
def test_a_bad_row_is_a_problem_and_the_next_is_read(row: bytes, said: str) -> None:
    """One bad row does not hide the others."""
    bad, good = read("csv", b"event,user_id\n" + row + b"\nB,u2\n")
    assert bad.message is None
    assert said in bad.problem
    assert (good.line, fields(good)["event"]) == (3, "B")


@pytest.mark.parametrize(
    ("header", "mapping", "said"),
    [
        ("a,a", {}, "the header has the column 'a' twice"),
        ("a,b", {"user_column": "c"}, "there is no column 'c'; there are a, b"),
        ("a,b", {"properties": ("c",)}, "there is no column 'c'; there are a, b"),
    ],
)
def test_a_header_that_does_not_fit_ends_the_file(header: str, mapping: dict[str, Any], said: str) -> None:
    """Without it every row would be a problem; one is enough."""
    (record,) = read("csv", f"{header}\n1,2\n1,2\n", **mapping)
    assert (record.line, record.problem) == (1, said)


def test_ids_come_from_the_content_up_to_the_line() -> None:
    """A file that has grown gives its first lines the ids that they had; a seed makes others."""
    lines = Lines([b"one\n", b"two\n"], "seed")
    ids = [lines.record_id() for _ in lines]
    digest = hashlib.sha1(uuid.uuid5(NAMESPACE, "seed").bytes + b"one\ntwo\n", usedforsecurity=False).digest()
    assert ids[1] == str(uuid.UUID(bytes=digest[:16], version=5))
    longer = Lines([b"one\n", b"two\n", b"three\n"], "seed")
    assert [longer.record_id() for _ in longer][:2] == ids
    other = Lines([b"one\n"], "other")
    assert [other.record_id() for _ in other] != ids[:1]


def test_equal_lines_have_different_ids() -> None:
    """Two hits in the same second are two events."""
    lines = Lines([b"same\n"] * 3)
    assert len({lines.record_id() for _ in lines}) == 3


COMBINED = b'1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1\n'


@pytest.mark.parametrize(
    ("name", "first", "is_mapped", "expected"),
    [
        ("-", b'{"type":"track"}', False, "messages"),
        ("x.csv", b'{"type":"track"}', True, "ndjson"),
        ("-", b'{"type":"kettle"}', False, "ndjson"),
        ("-", b'{"user":1}', False, "ndjson"),
        ("-", b'{"type":', False, "ndjson"),
        ("-", COMBINED, False, "combined"),
        ("x.CSV.gz", COMBINED, False, "csv"),
        ("x.log", b"nonsense", False, "combined"),
        ("x.jsonl.zst", b"nonsense", False, "ndjson"),
        ("-", b"a,b", False, "csv"),
        ("-", b"\xef\xbb\xbfa\tb", False, "csv"),
        ("-", b"nonsense", False, None),
    ],
)
def test_the_format_is_told_from_content_and_name(
    name: str, first: bytes, is_mapped: bool, expected: str | None
) -> None:
    """JSON speaks for itself, then the name counts, then the looks of the line."""
    assert detect(name, first, is_mapped=is_mapped) == expected
