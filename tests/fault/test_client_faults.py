"""Each way in which a server fails, and what becomes of an event: how often it is sent, and how it is counted."""

from __future__ import annotations

import time
from typing import NamedTuple

import pytest

from tests.support.faulty_server import (
    CONTINUE,
    Chunked,
    Close,
    Drip,
    Endless,
    Exchange,
    FaultyServer,
    Hang,
    ReadBytes,
    ReadHead,
    ReadRequest,
    Reply,
    Reset,
    Send,
    answer,
    huge_headers,
)
from tests.support.outcomes import deliver

DIALECTS = ["segment", "rudderstack"]
SECRET = "s3cr3t-write-key"

SOON = 0.3
"""The timeout of attempts that are known to hang, seconds."""
LATE = 5.0
"""Generous: what is not over by then is not bounded at all, seconds."""


@pytest.fixture(autouse=True)
def no_proxy_in_the_environment(monkeypatch):
    """What the machine is set to must not matter."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n"
LARGE = 500_000
"""Bytes: more than the kernel takes on a narrow connection that nobody reads, by far."""


class NoAnswer(NamedTuple):
    """A fault that leaves the client without a response; it is always tried again."""

    exchange: Exchange
    is_ambiguous: bool | None
    """
    Whether the server may have the whole request, which decides how the event is counted in the end.

    None where it depends on which is faster: the server that closes, or the client that writes its last byte.
    """
    words: str
    """Part of the report's detail."""
    timeout: float = 5.0
    body: int = 0
    """Length of the event, at least."""


NO_ANSWER = {
    "closed_before_the_request_is_read": NoAnswer((Close(),), None, ""),
    "reset_before_the_request_is_read": NoAnswer((Reset(),), None, ""),
    "closed_in_the_middle_of_a_large_body": NoAnswer((ReadBytes(9_000), Close()), False, "sending", body=LARGE),
    "reset_in_the_middle_of_a_large_body": NoAnswer((ReadBytes(9_000), Reset()), False, "sending", body=LARGE),
    "a_large_body_that_nobody_reads": NoAnswer((ReadHead(), Hang()), False, "timed out while sending", SOON, LARGE),
    "closed_in_the_middle_of_a_small_body": NoAnswer((ReadHead(), Close()), None, ""),
    "reset_after_the_request_is_read": NoAnswer((ReadRequest(), Reset()), True, "reset"),
    "closed_after_the_request_is_read": NoAnswer((ReadRequest(), Close()), True, "connection closed"),
    "garbage_instead_of_http": NoAnswer((ReadRequest(), Send(b"\x00\xff\r\n\r\n"), Close()), True, "not HTTP"),
    "another_protocol": NoAnswer((ReadRequest(), Send(b"220 mail ESMTP\r\n"), Close()), True, "not HTTP"),
    "a_truncated_status_line": NoAnswer((ReadRequest(), Send(b"HTT"), Close()), True, "not HTTP"),
    "a_header_without_end": NoAnswer((ReadRequest(), Send(HEAD[:17]), Endless(b"X: " + b"h" * 99)), True, "line"),
    "headers_without_end": NoAnswer((ReadRequest(), Send(HEAD[:17]), Endless(b"X-Many: 1\r\n")), True, "headers"),
    "an_informational_answer_and_no_other": NoAnswer((ReadRequest(), Reply(103), Close()), True, "HTTP 103"),
    "never_answered": NoAnswer((ReadRequest(), Hang()), True, "timed out while waiting", SOON),
    "headers_that_drip": NoAnswer(
        (ReadRequest(), Send(HEAD[:17]), Drip(b"X-Slow: " + b"z" * 999, 0.05)), True, "timed out while reading", SOON
    ),
}

CAUSES = {
    True: {"possibly_delivered"},
    False: {"retries_exhausted"},
    None: {"possibly_delivered", "retries_exhausted"},
}


def play(server: FaultyServer, fault: NoAnswer, times: int) -> None:
    if fault.body:
        server.narrow()
    server.then(*[fault.exchange] * times)


def settings_of(fault: NoAnswer) -> dict[str, object]:
    settings: dict[str, object] = {"request_timeout": fault.timeout}
    if fault.body:
        limits = {"max_message_bytes": fault.body + 9_000, "max_batch_bytes": fault.body + 90_000}
        settings |= {"compression": "none", "default_context": {"filling": "x" * fault.body}, **limits}
    return settings


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", NO_ANSWER)
def test_an_attempt_without_answer_is_made_again(make_client, server, dialect, name):
    """Once the fault is over the event is delivered, by the second attempt, with the same id as by the first."""
    fault = NO_ANSWER[name]
    play(server, fault, times=1)
    outcome = deliver(make_client, dialect=dialect, **settings_of(fault))
    report = outcome.report
    assert (report.delivered, report.attempts, report.status, report.detail) == (True, 2, 200, "")
    assert (outcome.stats.attempts, outcome.stats.retries, outcome.stats.batches) == (2, 1, 1)
    assert fault.words in outcome.stats.last_error
    assert outcome.stats.healthy
    ids = {message["messageId"] for request in server.requests for message in request.json["batch"]}
    assert len(ids) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", NO_ANSWER)
def test_attempts_without_answer_end_and_say_whether_the_server_may_have_the_event(make_client, server, dialect, name):
    """``possibly_delivered`` only where it is possible: it is what tells duplicates from losses."""
    fault = NO_ANSWER[name]
    play(server, fault, times=2)
    begin = time.monotonic()
    outcome = deliver(make_client, write_key=SECRET, dialect=dialect, max_attempts=2, **settings_of(fault))
    assert time.monotonic() - begin < LATE
    report = outcome.report
    assert (report.delivered, report.attempts, report.status) == (False, 2, None)
    assert report.cause in CAUSES[fault.is_ambiguous]
    assert outcome.stats.dropped == {report.cause: 1}
    assert report.detail.startswith("no response: ")
    assert fault.words in report.detail
    assert SECRET not in report.detail
    assert not outcome.stats.healthy


@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_attempt_without_answer_is_remembered_through_later_answers(make_client, server, dialect):
    """The server may have had it the first time, whatever it says about the later ones being too early."""
    server.then((ReadRequest(), Close()), answer(503), answer(503))
    report = deliver(make_client, dialect=dialect, max_attempts=3).report
    assert (report.cause, report.attempts, report.status) == ("possibly_delivered", 3, 503)


class Answered(NamedTuple):
    """A response, however badly made, whose status counts."""

    exchange: Exchange
    cause: str = ""
    """The drop cause, empty for a delivery."""
    words: str = ""
    timeout: float = 5.0


HUNDRED_MB = 100_000_000

ANSWERED = {
    "200": Answered(answer(200)),
    "200_with_an_empty_body": Answered(answer(200, b"")),
    "200_with_a_page": Answered(answer(200, b"<html>welcome to the hotel's network</html>")),
    "200_with_an_error_that_is_only_a_remark": Answered(answer(200, b'{"error":"deprecated"}')),
    "200_that_says_it_did_not_succeed": Answered(
        answer(200, b'{"success":false,"message":"quota used up"}'), "rejected", "HTTP 200: quota used up"
    ),
    "202": Answered(answer(202, b"")),
    "204": Answered((ReadRequest(), Send(b"HTTP/1.1 204 No Content\r\n\r\n"))),
    "a_truncated_body": Answered((ReadRequest(), Reply(content_length=99), Close())),
    "a_content_length_that_is_too_short": Answered((ReadRequest(), Reply(content_length=3), Close())),
    "a_content_length_that_is_no_number": Answered(
        (ReadRequest(), Reply(headers={"Content-Length": "many"}, content_length=None), Close())
    ),
    "a_body_that_is_reset": Answered((ReadRequest(), Send(HEAD), Reset())),
    "a_body_that_never_comes": Answered((ReadRequest(), Send(HEAD), Hang()), timeout=SOON),
    "a_body_that_drips": Answered((ReadRequest(), Send(HEAD), Drip(b"z" * 16, 0.1)), timeout=SOON),
    "100_megabytes_advertised": Answered((ReadRequest(), Reply(content_length=HUNDRED_MB), Endless())),
    "a_body_without_end": Answered((ReadRequest(), Reply(content_length=None), Endless())),
    "large_headers": Answered((ReadRequest(), huge_headers(count=20))),
    "chunks": Answered((ReadRequest(), Chunked((b'{"success"', b":true}")))),
    "chunks_that_break_off": Answered((ReadRequest(), Chunked((b"a",), is_complete=False), Close())),
    "100_continue": Answered((ReadHead(), CONTINUE, Reply(), Close())),
    "301": Answered(answer(301, b"", {"Location": "/elsewhere"}), "rejected", "redirects are not followed"),
    "302": Answered(answer(302, b"", {"Location": "/elsewhere"}), "rejected", "redirects are not followed"),
    "307": Answered(answer(307, b"", {"Location": "/elsewhere"}), "rejected", "redirects are not followed"),
    "308": Answered(answer(308, b"", {"Location": "http://nonexistent.invalid/"}), "rejected", "redirects"),
    "400_to_a_batch_of_one": Answered(answer(400, b'{"message":"malformed"}'), "rejected", "HTTP 400: malformed"),
    "401": Answered(answer(401, b"Invalid write key"), "rejected", "HTTP 401: Invalid write key"),
    "403": Answered(answer(403, b""), "rejected", "HTTP 403: Forbidden"),
    "404": Answered(answer(404, b"<html><title>Not here</title></html>"), "rejected", "HTTP 404: Not here"),
    "413_to_a_batch_of_one": Answered(answer(413, b"too large"), "rejected", "HTTP 413: too large"),
    "501": Answered(answer(501, b""), "rejected", "HTTP 501: Not Implemented"),
    "505": Answered(answer(505, b""), "rejected", "HTTP 505: "),
    "a_long_explanation": Answered(answer(418, b"x" * 70_000), "rejected", "HTTP 418: xxx"),
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ANSWERED)
def test_a_final_answer_is_acted_on_at_once(make_client, server, dialect, name):
    """One attempt, one report; a status that came counts whatever became of the body after it."""
    fault = ANSWERED[name]
    server.then(fault.exchange)
    begin = time.monotonic()
    outcome = deliver(make_client, dialect=dialect, request_timeout=fault.timeout)
    assert time.monotonic() - begin < LATE
    report = outcome.report
    assert (report.delivered, report.cause, report.attempts) == (not fault.cause, fault.cause, 1)
    assert fault.words in report.detail
    assert len(report.detail) < 300
    assert outcome.stats.dropped == ({fault.cause: 1} if fault.cause else {})
    assert outcome.stats.healthy == (not fault.cause)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ["a_body_that_never_comes", "a_truncated_body", "two_answers", "100_megabytes"])
def test_what_is_left_of_one_answer_is_not_taken_for_the_next_one(make_client, server, dialect, name):
    """A second status in the first answer's wake must not touch the batch that follows."""
    faults = {
        "two_answers": (ReadRequest(), Send(Reply().encode() + Reply(400).encode())),
        "100_megabytes": ANSWERED["100_megabytes_advertised"].exchange,
    }
    server.then(faults.get(name) or ANSWERED[name].exchange)
    outcome = deliver(make_client, dialect=dialect, request_timeout=SOON)
    outcome.client.track("user-1", "Next")
    assert outcome.client.flush(LATE).delivered == 1
    assert outcome.client.stats().attempts == 2


RETRIED = {
    "segment": [408, 410, 429, 460, 500, 502, 503, 504, 507, 520, 599],
    "rudderstack": [408, 429, 500, 502, 503, 504, 507, 520, 599],
}
FINAL = {
    "segment": [402, 405, 409, 411, 412, 414, 415, 422, 426, 428, 431, 451, 499, 501, 505],
    "rudderstack": [402, 405, 409, 410, 411, 412, 414, 415, 422, 426, 428, 431, 460, 499, 501, 505],
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_status_that_may_pass_is_tried_again(make_client, server, dialect):
    """Twice in vain and then delivered: one report, which counts all three attempts."""
    for status in RETRIED[dialect]:
        server.then(answer(status, b"not now"), answer(status, b"not now"))
        outcome = deliver(make_client, dialect=dialect)
        report = outcome.report
        assert (report.delivered, report.attempts, report.status) == (True, 3, 200), status
        assert outcome.stats.last_error == f"HTTP {status}: not now"
        assert outcome.stats.healthy


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_status_that_stays_is_given_up_after_max_attempts(make_client, server, dialect):
    """For ever is not an option: the count ends it, and the server's words are in the report."""
    for status in RETRIED[dialect]:
        server.then(*[answer(status, b"not now")] * 3)
        outcome = deliver(make_client, dialect=dialect, max_attempts=3)
        report = outcome.report
        assert (report.cause, report.attempts, report.status) == ("retries_exhausted", 3, status)
        assert report.detail == f"HTTP {status}: not now"
    assert len(server.requests) == 3 * len(RETRIED[dialect])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_status_that_will_not_pass_is_final(make_client, server, dialect):
    """Trying again would only load the server with what it will never take."""
    for status in FINAL[dialect]:
        server.then(answer(status, b"no"))
        report = deliver(make_client, dialect=dialect).report
        assert (report.cause, report.attempts, report.status) == ("rejected", 1, status)
        assert report.detail == f"HTTP {status}: no"
    assert len(server.requests) == len(FINAL[dialect])
