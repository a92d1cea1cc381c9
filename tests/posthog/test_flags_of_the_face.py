"""Flags as `Posthog` has them: no call harms the program, contexts count, and reads become events."""

from __future__ import annotations

import json
import logging

import pytest

from fastbatch.errors import FieldError, FlagsError
from fastbatch.flags.call import FlagCall
from tests.support.faulty_server import FaultyServer, Reply
from tests.support.flag_server import FlagServer, flag, record

REMOTE = {
    "flags": {
        "beta": {
            "key": "beta",
            "enabled": True,
            "variant": "blue",
            "reason": {"code": "condition_match", "description": "Matched", "condition_index": 0},
            "metadata": {"id": 7, "version": 3, "payload": '{"a": 1}', "has_experiment": False},
        }
    },
    "errorsWhileComputingFlags": False,
    "requestId": "11111111-2222-4333-8444-555555555555",
}


@pytest.fixture
def flag_server():
    """A server that knows one flag; what it is to add to its answer is put into ``extra``."""
    extra: dict = {}

    def reply(request):
        return Reply(200, json.dumps({**REMOTE, **extra}).encode()) if request.path.startswith("/flags") else Reply()

    with FaultyServer(default=reply) as server:
        server.extra = extra  # type: ignore[attr-defined]
        yield server


@pytest.fixture
def make(make_posthog, flag_server):
    return lambda **settings: make_posthog(host=flag_server.url(), **settings)


def asked(server):
    return [request.json for request in server.requests if request.path.startswith("/flags")]


def captured(server, posthog):
    posthog.flush(5.0)
    return [event for request in server.requests if request.path == "/batch/" for event in request.json["batch"]]


WRONG = [
    lambda p: p.get_feature_flag(7, "u"),
    lambda p: p.feature_enabled(None, "u"),
    lambda p: p.get_feature_flag_result("beta", "u", groups="acme"),
    lambda p: p.get_feature_flag_payload(b"beta", "u"),
    lambda p: p.get_all_flags("u", person_properties=7),
    lambda p: p.get_remote_config_payload(7),
    lambda p: p.get_feature_flag("beta", "u", unknown=1),
    lambda p: p.get_feature_variants("u", groups="acme"),
    lambda p: p.get_feature_payloads("u", groups="acme"),
    lambda p: any(p.get_feature_flags_and_payloads("u", groups="acme").values()),
    lambda p: p.get_flags_decision("u", groups="acme")["flags"],
    lambda p: p.get_feature_flag_keys_by_evaluation_runtime("nowhere"),
]


@pytest.mark.parametrize("call", WRONG)
def test_wrong_arguments_are_logged_and_raise_only_with_debug(make, caplog, call):
    quiet, loud = make(), make(debug=True)
    with caplog.at_level(logging.WARNING, "fastbatch"):
        assert not call(quiet)
    assert caplog.records
    with pytest.raises((FieldError, TypeError)):
        call(loud)


def test_what_cannot_be_had_is_empty(make):
    posthog = make()
    assert posthog.get_all_flags_and_payloads("u", groups=7) == {"featureFlags": {}, "featureFlagPayloads": {}}
    assert posthog.evaluate_flags("u", groups=7).keys == []


def test_what_is_returned_is_the_callers_to_change(make):
    posthog = make()
    for _ in range(2):
        flags = posthog.get_all_flags("u", groups=7)
        assert flags == {}
        flags["beta"] = True


def test_wrong_flags_for_an_event_refuse_it(make):
    quiet, loud = make(), make(debug=True)
    assert quiet.capture("e", distinct_id="u", flags="text") is None
    assert quiet.capture("e", distinct_id="u", send_feature_flags="text") is None
    assert quiet.stats().refused == {"invalid": 2}
    with pytest.raises(FieldError):
        loud.capture("e", distinct_id="u", flags="text")


def test_the_context_says_whose_flags_and_of_which_device(make, flag_server):
    posthog = make()
    with posthog.new_context():
        posthog.identify_context("ctx")
        posthog.set_context_device_id("device")
        assert posthog.evaluate_flags().get_flag("beta") == "blue"
        assert posthog.get_feature_flag("beta", "other", device_id="own") == "blue"
    first, second = asked(flag_server)
    assert (first["distinct_id"], first["device_id"]) == ("ctx", "device")
    assert (second["distinct_id"], second["device_id"]) == ("other", "own")


def test_a_read_is_an_event_with_what_the_context_says(make, flag_server):
    posthog = make()
    with posthog.new_context():
        posthog.tag("plan", "pro")
        posthog.set_context_session("s1")
        assert posthog.get_feature_flag("beta", "u", groups={"company": "acme"}) == "blue"
        assert posthog.get_feature_flag("beta", "u", groups={"company": "acme"}) == "blue"
    (event,) = captured(flag_server, posthog)
    properties = event["properties"]
    assert (event["event"], event["distinct_id"]) == ("$feature_flag_called", "u")
    assert properties["$feature_flag_response"] == "blue"
    assert properties["$groups"] == {"company": "acme"}
    assert (properties["plan"], properties["$session_id"]) == ("pro", "s1")


def test_a_minimal_event_has_nothing_else(make, flag_server):
    flag_server.extra["minimalFlagCalledEvents"] = True
    posthog = make(super_properties={"super": 1})
    with posthog.new_context():
        posthog.tag("plan", "pro")
        posthog.get_feature_flag("beta", "u")
    (event,) = captured(flag_server, posthog)
    assert {"super", "plan", "$context_tags", "$feature/beta"}.isdisjoint(event["properties"])
    assert event["properties"]["$feature_flag"] == "beta"
    assert event["properties"]["$lib"] == "fastbatch"


def test_tags_do_not_touch_what_is_reserved(make, flag_server):
    posthog = make()
    call = FlagCall(
        event="$experiment_exposure",
        distinct_id="u",
        properties={"$feature_flag": "beta"},
        groups={},
        disable_geoip=None,
        reserved=frozenset({"$feature_flag", "$feature_flag_rule_id"}),
    )
    with posthog.new_context():
        posthog.tag("$feature_flag", "forged")
        posthog.tag("$feature_flag_rule_id", "forged")
        posthog.tag("mine", 1)
        assert posthog._capture_read(call) is True
    (event,) = captured(flag_server, posthog)
    assert event["properties"]["$feature_flag"] == "beta"
    assert "$feature_flag_rule_id" not in event["properties"]
    assert event["properties"]["mine"] == 1


def test_a_read_that_was_not_taken_is_told_later(make, flag_server):
    posthog = make()
    posthog.before_send = lambda _: None
    posthog.get_feature_flag("beta", "u")
    posthog.before_send = None
    posthog.get_feature_flag("beta", "u")
    assert [event["event"] for event in captured(flag_server, posthog)] == ["$feature_flag_called"]


def test_flags_become_properties_of_an_event(make, flag_server):
    posthog = make()
    snapshot = posthog.evaluate_flags("u")
    posthog.capture("with snapshot", distinct_id="u", flags=snapshot)
    posthog.capture("with flags", distinct_id=12, send_feature_flags=True)
    posthog.capture("anonymous", send_feature_flags={"flag_keys_filter": ["beta"]})
    events = captured(flag_server, posthog)
    for event in events:
        assert event["properties"]["$feature/beta"] == "blue"
        assert event["properties"]["$active_feature_flags"] == ["beta"]
    assert asked(flag_server)[1]["distinct_id"] == "12"
    assert asked(flag_server)[2]["distinct_id"] == events[2]["distinct_id"]


def test_disabled_asks_nothing(make, flag_server):
    posthog = make(disabled=True, secret_key="phs")
    assert posthog.get_feature_flag("beta", "u") is None
    assert posthog.get_all_flags("u") is None
    assert posthog.evaluate_flags("u").keys == []
    posthog.load_feature_flags()
    assert flag_server.requests == []


def test_one_that_is_enabled_later_decides_here(make_posthog):
    with FlagServer() as server:
        server.publish(flag("beta"))
        posthog = make_posthog(host=server.url(), disabled=True, secret_key="phs")
        posthog.disabled = False
        assert posthog.get_feature_flag("beta", "u", only_evaluate_locally=True) is True


def test_debug_may_be_switched_on_later(make_posthog):
    with FlagServer() as server:
        server.on_definitions((Reply(500),), (Reply(500),), (Reply(500),))
        posthog = make_posthog(host=server.url(), secret_key="phs", enable_local_evaluation=False)
        posthog.load_feature_flags()
        posthog.debug = True
        with pytest.raises(FlagsError, match="500"):
            posthog.load_feature_flags()
        posthog.debug = False
        posthog.load_feature_flags()


def test_shutdown_closes_the_connections_of_flags(make_posthog):
    with FlagServer() as server:
        server.decided["beta"] = record("beta")
        posthog = make_posthog(host=server.url())
        assert posthog.get_feature_flag("beta", "u", send_feature_flag_events=False) is True
        posthog.shutdown()
        server.wait_until_all_closed()
        assert posthog.get_feature_flag("beta", "u") is True, "flags can still be read"


def test_send_false_still_asks_for_flags(make, flag_server):
    """What is not sent is events."""
    posthog = make(send=False)
    assert posthog.get_feature_flag("beta", "u") == "blue"
    assert [request.path for request in flag_server.requests if "batch" in request.path] == []


def test_the_module_takes_arguments_by_position(run_program, flag_server):
    text = (
        "import sys\nimport fastbatch.posthog as posthog\n"
        "posthog.api_key, posthog.host = 'phc', sys.argv[1]\n"
        "assert posthog.feature_enabled('beta', 'u', {'company': 'acme'}, {'email': 'a@b.c'}) is True\n"
        "assert posthog.get_feature_flag('beta', 'u', None, None, None, True) is None, 'locally there is nothing'\n"
        "assert posthog.get_feature_flag_payload('beta', 'u', 'blue') == {'a': 1}\n"
        "assert posthog.get_all_flags('u', {}) == {'beta': 'blue'}\n"
        "assert posthog.evaluate_flags('u', {'company': 'acme'}).keys == ['beta']\n"
        "assert posthog.feature_flag_definitions() is None\n"
    )
    done = run_program(text, flag_server.url())
    assert done.returncode == 0, done.stderr
    assert asked(flag_server)[0]["groups"] == {"company": "acme"}
    assert asked(flag_server)[0]["person_properties"]["email"] == "a@b.c"
