"""Access logs: what becomes of each field."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from fastbatch.cli.formats import READERS, Lines, Mapping

TIME = "[17/May/2015:10:05:03 +0200]"


def read(*lines: str | bytes) -> list[Any]:
    """Return the records of lines."""
    encoded = [(line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines]
    return list(READERS["combined"](Lines(encoded), Mapping()))


def fields(line: str | bytes) -> dict[str, Any]:
    """Return the fields of the page event of one line."""
    (record,) = read(line)
    assert record.problem == ""
    return dict(record.message.fields())


def test_each_field_has_its_place() -> None:
    """A whole line in the combined format becomes a whole page event."""
    found = fields(
        f'83.1.2.3 - frank {TIME} "GET /a/b?c=d#e HTTP/1.1" 404 17 "http://x.example/?q=1" "Mozilla/5.0 (X)"'
    )
    assert uuid.UUID(found.pop("messageId")).version == 5
    assert uuid.UUID(found.pop("anonymousId")).version == 5
    assert found == {
        "userId": "frank",
        "name": "/a/b",
        "timestamp": "2015-05-17T08:05:03.000000Z",
        "properties": {
            "method": "GET", "path": "/a/b", "search": "?c=d", "status": 404, "bytes": 17,
            "referrer": "http://x.example/?q=1",
        },
        "context": {
            "ip": "83.1.2.3", "userAgent": "Mozilla/5.0 (X)",
            "page": {"path": "/a/b", "search": "?c=d", "referrer": "http://x.example/?q=1"},
        },
    }  # fmt: skip


def test_the_common_format_has_no_referrer_and_no_agent() -> None:
    """The shorter format is read by the same rules."""
    found = fields(f'1.2.3.4 - - {TIME} "HEAD /x HTTP/1.0" 200 -')
    assert found["properties"] == {"method": "HEAD", "path": "/x", "status": 200, "bytes": 0}
    assert found["context"] == {"ip": "1.2.3.4", "page": {"path": "/x"}}
    assert "userId" not in found


@pytest.mark.parametrize(
    ("request_", "name", "expected"),
    [
        ("GET / HTTP/1.1", "/", {"method": "GET", "path": "/"}),
        ("GET /old", "/old", {"method": "GET", "path": "/old"}),
        ("GET /a b HTTP/1.1", "/a b", {"method": "GET", "path": "/a b"}),
        ("GET //x HTTP/2.0", "//x", {"method": "GET", "path": "//x"}),
        ("GET /? HTTP/1.1", "/", {"method": "GET", "path": "/", "search": "?"}),
        ("OPTIONS * HTTP/1.0", "*", {"method": "OPTIONS", "path": "*"}),
        ("CONNECT x.example:443 HTTP/1.1", "x.example:443", {"method": "CONNECT", "path": "x.example:443"}),
        (
            "GET http://x.example/p?q HTTP/1.1",
            "/p",
            {"method": "GET", "path": "/p", "search": "?q", "url": "http://x.example/p?q"},
        ),
        ("GET http://x.example HTTP/1.1", "/", {"method": "GET", "path": "/", "url": "http://x.example"}),
        (r"GET /\"q\"\\ HTTP/1.1", '/"q"\\', {"method": "GET", "path": '/"q"\\'}),
        (r"GET /\xc3\xa9 HTTP/1.1", "/é", {"method": "GET", "path": "/é"}),
        ("-", "no request", {}),
        ("", "no request", {}),
        (r"\x16\x03\x01", "malformed request", {"request": "\x16\x03\x01"}),
        (r"\xff\xfe", "malformed request", {"request": "\ufffd\ufffd"}),
        ("quit", "malformed request", {"request": "quit"}),
        ("t3 12.1.2", "malformed request", {"request": "t3 12.1.2"}),
    ],
)
def test_no_request_line_is_lost(request_: str, name: str, expected: dict[str, Any]) -> None:
    """A request that is none is kept as it came."""
    found = fields(f'1.2.3.4 - - {TIME} "{request_}" 400 226 "-" "-"')
    assert found["name"] == name
    assert found["properties"] == {**expected, "status": 400, "bytes": 226}


@pytest.mark.parametrize("host", ["::1", "2001:db8::7", "::ffff:1.2.3.4", "10.0.0.1"])
def test_an_address_is_the_contexts_ip(host: str) -> None:
    """IPv4 and IPv6 alike."""
    assert fields(f'{host} - - {TIME} "GET / HTTP/1.1" 200 1')["context"]["ip"] == host


def test_a_host_name_is_a_property() -> None:
    """A server that looks names up logs no address, and a name in context.ip would be refused downstream."""
    found = fields(f'crawl.example.org - - {TIME} "GET / HTTP/1.1" 200 1')
    assert "ip" not in found["context"]
    assert found["properties"]["host"] == "crawl.example.org"


def test_quotes_in_an_agent_are_read_escaped_or_not() -> None:
    """Apache escapes them; other servers do not."""
    for agent in (r"A \"quoted\" agent", 'A "quoted" agent'):
        found = fields(f'1.2.3.4 - - {TIME} "GET / HTTP/1.1" 200 1 "-" "{agent}"')
        assert found["context"]["userAgent"] == 'A "quoted" agent'
        assert "referrer" not in found["properties"]


def test_a_line_that_was_cut_gives_what_it_has() -> None:
    """The real log of the trials has such a line: its agent has no end."""
    start = f'1.2.3.4 - - {TIME} "GET / HTTP/1.1" 200 1'
    assert fields(f'{start} "http://r" "Mozilla/5.0 (c')["context"]["userAgent"] == "Mozilla/5.0 (c"
    assert fields(f'{start} "http://r')["properties"]["referrer"] == "http://r"
    assert fields(f'{start} "-" "A" 0.004 extra')["context"]["userAgent"] == "A"


def test_bytes_that_are_not_utf8_do_not_lose_a_line() -> None:
    """They become U+FFFD; the line ends of Windows are no part of it."""
    assert fields(f'1.2.3.4 - - {TIME} "GET /'.encode() + b'\xff HTTP/1.1" 200 1\r')["name"] == "/\ufffd"


def test_the_same_visitor_has_the_same_id() -> None:
    """Host and agent make the visitor; another agent makes another."""
    first, second, other = (
        fields(f'1.2.3.4 - - {TIME} "GET /{n} HTTP/1.1" 200 1 "-" "{agent}"')["anonymousId"]
        for n, agent in enumerate("AAB")
    )
    assert first == second != other


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        '1.2.3.4 - - [yesterday] "GET / HTTP/1.1" 200 1',
        '1.2.3.4 - - [32/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1',
        '1.2.3.4 - - [17/Mai/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1',
        f'1.2.3.4 - - {TIME} "GET / HTTP/1.1" twohundred 1',
        f'1.2.3.4 - - {TIME} "GET / HTTP/1.1"',
    ],
)
def test_a_line_without_time_or_numbers_is_a_problem_and_the_next_is_read(line: str) -> None:
    """One bad line does not hide the others."""
    bad, good = read(line, f'1.2.3.4 - - {TIME} "GET / HTTP/1.1" 200 1')
    assert bad.message is None
    assert bad.problem
    assert (good.line, good.problem) == (2, "")
