"""The machinery that turns a response into a verdict."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbatch.dialects.status import (
    DETAIL_LIMIT,
    LONGEST_RETRY_AFTER,
    SERVER_ERRORS,
    StatusTable,
    detail_of,
    retry_after_of,
)
from fastbatch.typing import Response

TABLE = StatusTable(retry=SERVER_ERRORS | {429}, split=frozenset({400, 413}), reroute=frozenset({451}))
NOW = 1_792_000_000.0  # Wed, 14 Oct 2026 17:46:40 GMT


def answer(status: int, body: bytes = b"", **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "delivered"), (299, "delivered"), (429, "retry"), (503, "retry"), (501, "drop"), (413, "split"),
     (451, "reroute"), (302, "drop"), (404, "drop"), (100, "drop"), (600, "drop")],
)  # fmt: skip
def test_status_is_looked_up_in_the_sets(status, outcome):
    """What no set names is final."""
    verdict = TABLE.verdict(answer(status))
    assert (verdict.outcome, verdict.cause) == (outcome, "rejected")


@pytest.mark.parametrize("body", [b'{"success": false}', b'{"success":false,"message":"quota"}'])
def test_2xx_that_says_it_did_not_succeed_is_dropped(body):
    """The server has read the batch and refused it: counting it as delivered would be a lie."""
    assert TABLE.verdict(answer(200, body)).outcome == "drop"


@pytest.mark.parametrize(
    "body",
    [b"", b"OK", b'{"success":true}', b'{"success":null}', b'{"success":"false"}', b'{"success":0,"partial":false}',
     b'{"success":null,"x":false}',
     b'{"error":"something","partial":false}', b'{"result":{"success":false}}', b'[{"success":false}]',
     b'"success: false"', b'{"success":false', b"[" * 60_000 + b"false"],
)  # fmt: skip
def test_2xx_is_a_delivery_unless_the_root_says_success_false(body):
    """A status of 2xx is the servers' word for accepted; only their own plain contradiction outweighs it."""
    assert TABLE.verdict(answer(200, body)).outcome == "delivered"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 12 ", 12.0),
        ("1.5", 1.5),
        ("300", 300.0),
        ("301", LONGEST_RETRY_AFTER),
        ("9" * 400, LONGEST_RETRY_AFTER),
        ("Wed, 14 Oct 2026 17:47:00 GMT", 20.0),
        ("Wednesday, 14-Oct-26 17:47:00 GMT", 20.0),
        ("Wed, 14 Oct 2026 17:47:00 -0000", 20.0),
        ("Wed, 14 Oct 2026 19:47:00 +0200", 20.0),
        ("Wed, 14 Oct 2026 17:00:00 GMT", 0.0),
        ("Wed, 14 Oct 2099 17:00:00 GMT", LONGEST_RETRY_AFTER),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_bounds(text, seconds):
    """RFC 9110 allows both forms; a date in the past means now."""
    assert retry_after_of(answer(429, retry_after=text), NOW) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "soon", "-1", "nan", "inf", "1e9", "0x10", "٣", "12 seconds", "2026-10-14", "Wed, 99 Xyz 2026 99:99:99 GMT"],
)
def test_retry_after_that_makes_no_sense_is_ignored(text):
    """The client's own backoff then decides."""
    assert retry_after_of(answer(429, retry_after=text), NOW) is None


@given(st.text() | st.text(alphabet="0123456789 ,:GMTOct-+.", max_size=40))
def test_retry_after_never_raises_nor_leaves_its_bounds(text):
    """The header is a stranger's text."""
    seconds = retry_after_of(answer(503, retry_after=text), NOW)
    assert seconds is None or 0.0 <= seconds <= LONGEST_RETRY_AFTER


def test_only_outcomes_with_a_next_attempt_carry_retry_after():
    """A batch that is split or dropped waits for nothing."""
    carried = {
        status: TABLE.verdict(answer(status, retry_after="9")).retry_after for status in (200, 400, 404, 429, 451)
    }
    assert carried == {200: None, 400: None, 404: None, 429: 9.0, 451: 9.0}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"message":"too big"}', "too big"),
        (b'{"code":"invalid_request","message":"bad json"}', "invalid_request: bad json"),
        (b'{"error":"no key"}', "no key"),
        (b'{"error":{"code":17,"message":"no key"}}', "17: no key"),
        (b'{"msg":"source is disabled"}', "source is disabled"),
        (b'{"code":"only_code"}', "only_code"),
        (b'{"code":true,"message":7}', "Bad Request"),
        (b'{"batch":[{"userId":"secret person"}]}', "Bad Request"),
        (b'[{"userId":"secret person"}]', "Bad Request"),
        (b'{"userId":"secret person', "Bad Request"),
        (b"invalid json\n", "invalid json"),
        (b"a\r\nforged: line\x1b[31m\x00 \xe2\x80\xae\xff", "a forged: line [31m \ufffd"),
        (b"<html><head><TITLE>400 Bad\nRequest</TITLE></head></html>", "400 Bad Request"),
        (b"<html>nothing to say</html>", "Bad Request"),
        (b"", "Bad Request"),
        (b"\x00\x01", "Bad Request"),
    ],
)
def test_detail_is_what_the_server_said_about_itself(body, detail):
    """Members that may be the payload sent back are not repeated, nor is what could forge a line of a log."""
    assert detail_of(answer(400, body)) == detail


def test_detail_without_a_body_names_the_status():
    """A redirect says why it failed; a number that nobody defined does not raise."""
    assert [detail_of(answer(status)) for status in (301, 503, 799)] == [
        "redirects are not followed",
        "Service Unavailable",
        "unknown status",
    ]


def test_detail_hides_the_secret_before_it_is_cut():
    """No part of a key is left at the end of the line."""
    text = "x" * (DETAIL_LIMIT - 5) + "SECRETKEY"
    assert "S" not in detail_of(answer(401, text.encode()), secret="SECRETKEY").replace("<hid", "")


@given(
    st.integers(100, 999),
    st.binary(max_size=2000)
    | st.recursive(
        st.text(), lambda inner: st.dictionaries(st.sampled_from(["error", "message", "code", "msg", "success"]), inner)
    ).map(lambda value: json.dumps(value).encode()),
)
def test_detail_is_always_one_short_printable_line(status, body):
    """The body is a stranger's bytes."""
    verdict = TABLE.verdict(answer(status, body))
    assert len(verdict.detail) <= DETAIL_LIMIT
    assert verdict.detail.isprintable()
    assert verdict.outcome == "delivered" or verdict.detail
