"""
Feature flags when something fails: a program gets an answer in time, and the event says what happened.

Each row of the table in ``docs/guide/flags_failures.md`` has its test here.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Any

import pytest

from fastbatch.flags.exchange import FLAGS_LIMIT
from fastbatch.flags.fallback import FallbackCache
from fastbatch.typing import Request, Response
from tests.support.faulty_server import Close, Delay, Drip, Endless, Hang, Reply, Reset, Send
from tests.support.flag_server import FlagServer, flag, record, undecidable

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
SOON = 0.6
"""The limit of a call, in tests where it passes, seconds."""


def error_of(calls: list[Any]) -> str | None:
    """Return what the one event says of the failure."""
    [call] = calls
    assert call.event == "$feature_flag_called"
    assert call.properties["$feature_flag_response"] is None
    assert call.properties["locally_evaluated"] is False
    error: str | None = call.properties.get("$feature_flag_error")
    return error


FAILURES: dict[str, tuple[Any, str, int]] = {
    # how the server answers: (exchange, the word in the event, requests)
    "reset": ((Reset(),), "connection_error", 2),
    "closed without an answer": ((Close(),), "connection_error", 2),
    "no HTTP": ((Send(b"garbage\r\n\r\n"), Close()), "connection_error", 2),
    "reset in the body": ((Send(HEAD + b"{"), Reset()), "connection_error", 2),
    "not JSON": ((Reply(200, b"<html>busy</html>"),), "unknown_error", 1),
    "an empty body": ((Reply(200, b""),), "unknown_error", 1),
    "no object": ((Reply(200, b"[1, 2]"),), "unknown_error", 1),
    "flags that are no object": ((Reply(200, b'{"flags": [1]}'),), "unknown_error", 1),
    "half an answer": ((Reply(200, b'{"flags": {"beta"', content_length=99), Close()), "unknown_error", 1),
    "an endless answer": ((Reply(200, b"", content_length=None), Endless(b" " * 1_000_000)), "unknown_error", 1),
    "deeper than any parser goes": ((Reply(200, b"[" * 1_000_000),), "unknown_error", 1),
    "a used up quota": ((Reply(200, b'{"flags": {}, "quotaLimited": ["feature_flags"]}'),), "quota_limited", 1),
    "a quota as posthog-go reads it": (
        (Reply(200, b'{"featureFlags": {}, "quota_limited": ["feature_flags"]}'),),
        "quota_limited",
        1,
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_server_that_fails_costs_the_flag_and_nothing_else(flag_server, make_flags, calls, caplog, case):
    """None, an event that says why, one line in the log that holds nothing of the person."""
    exchange, word, requests = FAILURES[case]
    flag_server.on_flags(*[exchange] * 5)
    flags = make_flags(None, request_timeout=5.0)
    assert flags.get_value("beta", "person", person_properties={"mail": "secret"}) is None
    assert error_of(calls) == word
    assert len(flag_server.questions) == requests
    assert flags.get_value("beta", "other") is None
    assert len([line for line in caplog.messages if "cannot be asked" in line]) == 1
    assert "secret" not in caplog.text
    assert "person" not in caplog.text


def test_nobody_listening_is_found_out_at_once(make_flags, calls):
    """A refused connection will be refused again: there is no second try, and no wait."""
    with FlagServer() as gone:
        endpoint = gone.url()
    flags = make_flags(None, endpoint=endpoint)
    began = time.monotonic()
    assert flags.get_value("beta", "u") is None
    assert time.monotonic() - began < 0.25
    assert error_of(calls) == "connection_error"


SLOW: dict[str, Any] = {
    "never answers": (Hang(),),
    "answers too late": (Delay(60), Reply()),
    "a head that drips": (Drip(HEAD, 0.1),),
    "a body that drips": (Send(HEAD), Drip(b"{" * 100, 0.1)),
}


@pytest.mark.parametrize("case", SLOW)
def test_a_slow_server_costs_the_limit_and_no_more(flag_server, make_flags, calls, case):
    """The whole call is bounded, retries included: not each read, and not each try."""
    flag_server.on_flags(*[SLOW[case]] * 5)
    flags = make_flags(None, request_timeout=SOON)
    began = time.monotonic()
    assert flags.get_value("beta", "u") is None
    assert SOON * 0.9 < time.monotonic() - began < SOON + 1.0
    assert error_of(calls) == "timeout"


def test_the_first_read_of_a_server_that_hangs_costs_twice_the_limit(flag_server, make_flags, calls):
    """Once for the definitions, and once for the flag; those that follow cost it once."""
    flag_server.on_definitions((Hang(),))
    flag_server.on_flags((Hang(),), (Hang(),))
    flags = make_flags(request_timeout=SOON, max_retries=0)
    began = time.monotonic()
    assert flags.get_value("beta", "u") is None
    first = time.monotonic() - began
    assert flags.get_value("beta", "u") is None
    second = time.monotonic() - began - first
    assert SOON * 1.9 < first < SOON * 2 + 1.0
    assert SOON * 0.9 < second < SOON + 1.0
    assert error_of(calls) == "timeout"


STATUSES = [201, 202, 204, 301, 302, 304, 307, 400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 418, 422, 429]
STATUSES += [431, 451, 500, 501, 502, 503, 504, 505, 507, 520, 524, 599]


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_but_200_is_an_error_by_its_number(flag_server, make_flags, calls, status):
    """A gateway that lost the server behind it is asked once more; nobody else is."""
    reply = Reply(status, b"" if status in (204, 304) else b'{"flags": {"beta": {"enabled": true}}}')
    flag_server.on_flags(*[(reply,)] * 3)
    flags = make_flags(None)
    assert flags.get_value("beta", "u") is None
    assert error_of(calls) == f"api_error_{status}"
    assert len(flag_server.questions) == (2 if status in (502, 504) else 1)


@pytest.mark.parametrize("first", [Reset(), Reply(502), Reply(504)], ids=["reset", "502", "504"])
def test_a_failure_that_passes_costs_nothing(flag_server, make_flags, calls, first):
    """The second try is the answer, and the event knows of no error."""
    flag_server.decided["beta"] = record("beta")
    flag_server.on_flags((first,))
    assert make_flags(None).get_value("beta", "u") is True
    assert "$feature_flag_error" not in calls[0].properties
    assert len(flag_server.questions) == 2


@pytest.mark.parametrize("retries", [0, 1, 2, 3])
def test_there_are_as_many_retries_as_were_asked_for(flag_server, make_flags, retries):
    """Each after twice the wait of the one before."""
    flag_server.on_flags(*[(Reply(502),)] * 5)
    began = time.monotonic()
    make_flags(None, max_retries=retries, request_timeout=30.0).get_value("beta", "u")
    assert len(flag_server.questions) == retries + 1
    planned = sum(0.3 * 2**number for number in range(retries))
    assert 0.9 * planned <= time.monotonic() - began < 1.1 * planned + 1.0


def test_what_the_server_says_of_an_error_is_told_without_the_key(flag_server, make_flags, caplog):
    """The text may repeat it."""
    flag_server.on_flags((Reply(401, b'{"detail": "no project phc_project\\n here"}'),))
    make_flags(None).get_value("beta", "u")
    [line] = [line for line in caplog.messages if "401" in line]
    assert "no project <hidden>" in line
    assert "\n" not in line


def test_a_long_answer_is_read(flag_server, make_flags):
    """A project may have many flags with large payloads."""
    flag_server.decided = {f"f{number}": record(f"f{number}", payload='"' + "x" * 1000 + '"') for number in range(5000)}
    assert 5_000_000 < len(json.dumps(flag_server.decided)) < FLAGS_LIMIT
    assert len(make_flags(None).get_all("u").values) == 5000


# Answers that come, and say that something is wrong.


def test_errors_while_computing_leave_the_values_that_there_are(flag_server, make_flags, calls):
    """The answer is partial; a flag that is in it counts, one that is not is missing."""
    flag_server.decided["beta"] = record("beta", variant="blue")
    flag_server.answer["errorsWhileComputingFlags"] = True
    flags = make_flags(None)
    assert flags.get_value("beta", "u") == "blue"
    assert flags.get_value("gone", "u") is None
    errors = [call.properties["$feature_flag_error"] for call in calls]
    assert errors == ["errors_while_computing_flags", "errors_while_computing_flags,flag_missing"]


def test_a_flag_that_nobody_knows_is_none(flag_server, make_flags, calls):
    """A typing error in a key, or a flag that was deleted."""
    assert make_flags(None).get_value("gone", "u") is None
    assert error_of(calls) == "flag_missing"


def test_a_flag_that_the_server_could_not_decide_is_none(flag_server, make_flags, calls):
    """False would be an answer."""
    flag_server.decided["beta"] = {**record("beta"), "failed": True}
    assert make_flags(None).get_value("beta", "u") is None
    assert error_of(calls) == "evaluation_failed"


def test_a_record_that_cannot_be_read_is_off(flag_server, make_flags, calls):
    """As in the newest SDK of the vendor."""
    flag_server.decided["beta"] = {**record("beta"), "enabled": "perhaps"}
    assert make_flags(None).get_value("beta", "u") is False
    assert calls[0].properties["$feature_flag_error"] == "unknown_error"
    assert "$feature_flag_request_id" not in calls[0].properties


# Definitions.


def test_without_definitions_the_server_decides(flag_server, make_flags, calls):
    """They cannot be had, whatever the reason; the program does not notice."""
    flag_server.decided["beta"] = record("beta")
    flag_server.on_definitions((Reply(500),))
    assert make_flags().get_value("beta", "u") is True
    assert calls[0].properties["locally_evaluated"] is False


BAD: dict[str, Any] = {
    "an unknown operator": [{"key": "a", "operator": "resembles", "value": "b", "type": "person"}],
    "a bad regular expression": [{"key": "a", "operator": "regex", "value": "(", "type": "person"}],
    "a cohort that contains itself": [{"key": "id", "type": "cohort", "value": 1}],
    "a static cohort": [{"key": "id", "type": "cohort", "value": 2}],
    "a flag that depends on itself": [
        {"key": "bad", "type": "flag", "operator": "flag_evaluates_to", "value": True, "dependency_chain": []}
    ],
    "filters that are no list": 7,
    "a filter that is no object": ["plan"],
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_definition_harms_its_own_flag_alone(flag_server, make_flags, calls, case):
    """The server decides that one, or nobody does; the flag beside it is decided here."""
    cyclic = {"type": "AND", "values": [{"key": "id", "type": "cohort", "value": 1}]}
    bad = flag("bad", filters={"groups": [{"properties": BAD[case], "rollout_percentage": 100}]})
    flag_server.publish(bad, flag("good"), cohorts={"1": cyclic})
    flag_server.decided["bad"] = record("bad", variant="from the server")
    flags = make_flags()
    known = {"a": "b"}
    local = flags.get_value("bad", "u", person_properties=known, only_evaluate_locally=True)
    assert local in (None, False)
    if local is None:
        assert flags.get_value("bad", "u", person_properties=known) == "from the server"
    assert flags.get_value("good", "u", only_evaluate_locally=True) is True


def test_without_the_server_a_flag_that_cannot_be_decided_here_is_none(flag_server, make_flags, calls):
    """The program asked for that; the event says that there is no value, and of no error."""
    flag_server.publish(undecidable("beta"))
    assert make_flags().get_value("beta", "u", only_evaluate_locally=True) is None
    assert error_of(calls) is None
    assert flag_server.questions == []


# Many flags at once.


@pytest.mark.parametrize("case", ["reset", "not JSON", "a used up quota"])
def test_all_flags_are_those_that_could_be_decided_here(flag_server, make_flags, case):
    """When the server cannot be asked for the rest."""
    flag_server.publish(flag("here"), undecidable("there"))
    flag_server.on_flags(*[FAILURES[case][0]] * 8)
    flags = make_flags()
    assert flags.get_all("u") == ({"here": True}, {})
    assert make_flags(None).get_all("u") == ({}, {})
    assert flags.decide("u").flags == {}


def test_a_snapshot_knows_why_a_flag_has_no_value(flag_server, make_flags, calls):
    """One failed request, and each flag that is read says what is known about it."""
    flag_server.publish(flag("here"), undecidable("there"))
    flag_server.on_flags((Reply(500),))
    snapshot = make_flags().evaluate("u", flag_keys=["here", "there", "gone"])
    assert [snapshot.get_flag(key) for key in ("here", "there", "gone")] == [True, None, None]
    assert snapshot.unresolved_flags == {"there": "missing_context"}
    errors = [call.properties.get("$feature_flag_error") for call in calls]
    assert errors == [None, "api_error_500,local_evaluation_inconclusive", "api_error_500,flag_missing"]


# What else may fail.


class Raises:
    """A transport of the program's own, with a bug."""

    def send(self, request: Request, timeout: float) -> Response:
        raise ZeroDivisionError("secret")

    def close(self) -> None:
        """Nothing to let go of."""


def test_a_transport_that_raises_anything_is_a_failure_like_any_other(make_flags, calls, caplog):
    """Of one flag, of many, of definitions and of remote config."""
    flags = make_flags(transport=Raises())
    assert flags.get_value("beta", "u") is None
    assert error_of(calls) == "unknown_error"
    assert flags.get_all("u") == ({}, {})
    assert flags.evaluate("u").keys == []
    assert flags.remote_config("beta") is None
    flags.load()
    assert "ZeroDivisionError" in caplog.text
    assert "secret" not in caplog.text


def test_events_that_are_not_taken_cost_no_flag_and_are_tried_again(flag_server, make_flags, caplog):
    """The queue may be full, or the client be closed."""
    flag_server.publish(flag("beta"))
    offered: list[Any] = []

    def capture(call):
        offered.append(call)
        if len(offered) == 1:
            raise RuntimeError("secret")
        return len(offered) != 2

    flags = make_flags(on_called=capture)
    assert [flags.get_value("beta", "u") for _ in range(5)] == [True] * 5
    assert len(offered) == 3
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


class Broken(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise OSError("the disk is full")


def test_a_log_that_raises_costs_no_flag(flag_server, make_flags):
    """Neither in a call nor on the poller's thread, which goes on."""
    logger = logging.Logger("broken")
    logger.addHandler(Broken())
    flag_server.publish(flag("beta"))
    flag_server.on_definitions((Reply(500),))
    flag_server.on_flags((Reply(500),))
    flags = make_flags(logger=logger, poll_interval=0.05)
    assert flags.get_value("beta", "u") is None
    flag_server.wait_for_polls(3)
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is True


def test_remote_config_that_cannot_be_had_is_none(flag_server, make_flags, caplog):
    """The same for every failure."""
    flags = make_flags(request_timeout=SOON)
    for step in (Reply(404), Reply(200, b"no JSON"), Reset(), Hang()):
        flag_server.on_other((step,))
        assert flags.remote_config("beta") is None
    assert "phx_personal" not in caplog.text


def test_the_last_known_value_stands_in_for_the_server(flag_server, make_flags, calls):
    """With a fallback cache; the event still says what went wrong."""
    flag_server.decided["beta"] = record("beta", variant="blue", payload="[1]")
    flags = make_flags(None, fallback_cache=FallbackCache.from_url("memory://local/?ttl=300&size=10"))
    assert flags.get_value("beta", "u") == "blue"
    flag_server.on_flags(*[(Reply(500),)] * 2)
    result = flags.get_result("beta", "u")
    assert result is not None
    assert (result.variant, result.payload) == ("blue", [1])
    assert flags.get_value("beta", "somebody else") is None


def test_eight_threads_and_a_server_that_fails_now_and_then(flag_server, make_flags, calls):
    """Every answer is the value or None, each in time."""
    flag_server.decided["beta"] = record("beta")
    flag_server.on_flags(*[(Reset(),), (Reply(500),), (Reply(200, b"{"),), (Reply(),)] * 40)
    flags = make_flags(None, request_timeout=5.0)
    got: list[Any] = []

    def ask(thread: int) -> None:
        got.extend([flags.get_value("beta", f"{thread}-{number}") for number in range(20)])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(got) == 160
    assert set(got) <= {True, None}
    assert len(calls) == 160
