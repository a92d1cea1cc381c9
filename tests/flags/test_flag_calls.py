"""`FlagCalls` mixed into a class that captures by a real client: what reaches the server."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

import posthog
import pytest

from fastbatch import Client
from fastbatch.errors import FieldError, FlagsError
from fastbatch.flags.call import FlagCall
from fastbatch.flags.runtime import FeatureFlagEvaluationRuntime
from fastbatch.flags.service import Flags
from fastbatch.posthog.flag_calls import FlagCalls
from fastbatch.testing import assert_conserved
from fastbatch.transports.http import HttpTransport
from tests.support.faulty_server import Reply
from tests.support.flag_fixtures import PERSONAL, PROJECT
from tests.support.flag_server import FlagServer, flag, record, undecidable


class Program(FlagCalls):
    """What a client with flags has at least."""

    def __init__(self, endpoint: str, personal_api_key: str | None = PERSONAL, **settings: Any) -> None:
        self.client = Client(PROJECT, endpoint=endpoint, compression="none", interval=3600.0)
        self.is_quiet = False
        self.identity: str | None = None
        self.device: str | None = None
        self._transport = HttpTransport()
        self._flags = Flags(
            PROJECT,
            endpoint,
            personal_api_key,
            self._transport,
            logger=logging.getLogger("fastbatch"),
            on_called=self._capture,
            poll_interval=3600.0,
            **settings,
        )

    def _capture(self, call: FlagCall) -> bool:
        groups = {"$groups": dict(call.groups)} if call.groups else {}
        return self.client.track(call.distinct_id, call.event, {**call.properties, **groups})

    def _resolve_distinct_id(self, distinct_id: Any) -> str | None:
        return self.identity if distinct_id is None else str(distinct_id)

    def _resolve_device_id(self, device_id: str | None) -> str | None:
        return self.device if device_id is None else device_id

    def _is_quiet(self) -> bool:
        return self.is_quiet

    def close(self) -> None:
        self._flags.close()
        self._transport.close()
        self.client.close(5.0)
        assert_conserved(self.client)


@pytest.fixture
def make_program(backend: str, flag_server: FlagServer) -> Iterator[Callable[..., Program]]:
    """Makes programs of `flag_server`, on each backend; in the end each is closed, and its account must add up."""
    made = []

    def make(*arguments: Any, **settings: Any) -> Program:
        made.append(Program(flag_server.url(), *arguments, **settings))
        return made[-1]

    yield make
    for program in made:
        program.close()


def test_the_event_of_a_read_reaches_the_server(flag_server, make_program):
    """With all that is known of the flag, once."""
    flag_server.publish(flag("beta", filters={"payloads": {"true": '{"a": 1}'}}))
    program = make_program()
    for _ in range(3):
        assert program.get_feature_flag("beta", "u", groups={"company": "c"}) is True
    program.client.flush(5.0)
    [event] = flag_server.events
    assert (event["event"], event["userId"]) == ("$feature_flag_called", "u")
    assert event["properties"] == {
        "$feature_flag": "beta",
        "$feature_flag_response": True,
        "locally_evaluated": True,
        "$feature/beta": True,
        "$feature_flag_payload": {"a": 1},
        "$feature_flag_id": 7,
        "$feature_flag_version": 3,
        "$groups": {"company": "c"},
    }


def test_calls_about_one_flag(flag_server, make_program):
    """Four ways to ask for it."""
    flag_server.publish(flag("beta", filters={"payloads": {"true": "[1]", "blue": "[2]"}}))
    program = make_program()
    assert program.get_feature_flag("beta", 7) is True
    assert program.feature_enabled("beta", 7) is True
    result = program.get_feature_flag_result("beta", 7)
    assert result is not None
    assert (result.key, result.enabled, result.variant, result.payload) == ("beta", True, None, [1])
    assert program.get_feature_flag_payload("beta", 7) == [1]
    assert program.get_feature_flag_payload("beta", 7, match_value="blue") == [2]
    assert program.get_feature_flag_payload("beta", 7, match_value="red") is None
    assert program.feature_enabled("gone", 7) is None


def test_who_is_meant_may_come_from_the_context(flag_server, make_program):
    """A distinct id, and a device; nobody at all has no flags."""
    program = make_program(None)
    flag_server.decided["beta"] = record("beta")
    assert program.get_feature_flag("beta", None) is None
    assert program.get_all_flags(None) == {}
    assert program.evaluate_flags().keys == []
    assert program.evaluate_flags().get_flag("beta") is None
    assert program.get_feature_variants(None) == {}
    assert flag_server.questions == []
    program.identity, program.device = "context", "phone"
    assert program.get_feature_flag("beta", None) is True
    assert program.evaluate_flags().keys == ["beta"]
    assert program.get_feature_flag("beta", "argument", device_id="tablet") is True
    asked = [(each.json["distinct_id"], each.json["device_id"]) for each in flag_server.questions]
    assert asked == [("context", "phone"), ("context", "phone"), ("argument", "tablet")]


def test_a_disabled_client_asks_nobody(flag_server, make_program):
    """And returns what says so."""
    program = make_program()
    program.is_quiet = True
    assert program.get_feature_flag("beta", "u") is None
    assert program.feature_enabled("beta", "u") is None
    assert program.get_feature_flag_result("beta", "u") is None
    assert program.get_feature_flag_payload("beta", "u") is None
    assert program.get_all_flags("u") is None
    assert program.get_all_flags_and_payloads("u") == {"featureFlags": None, "featureFlagPayloads": None}
    assert program.evaluate_flags("u").keys == []
    assert program.get_flags_decision("u")["flags"] == {}
    assert program.get_remote_config_payload("beta") is None
    assert program._flag_properties(True, "u") == {}
    program.load_feature_flags()
    assert flag_server.connections == 0


def test_definitions_can_be_looked_at(flag_server, make_program):
    """As they came; and which programs they are for."""
    flags = [
        flag("a"),
        flag("b", evaluation_runtime="server"),
        flag("c", evaluation_runtime="CLIENT "),
        flag("d", evaluation_runtime="moon"),
    ]
    flag_server.publish(*flags)
    program = make_program()
    assert program.feature_flag_definitions() is None
    assert program.get_feature_flag_keys_by_evaluation_runtime("server") == []
    program.load_feature_flags()
    assert program.feature_flag_definitions() == program.feature_flags == flags
    assert program.get_feature_flag_evaluation_runtime("b") is FeatureFlagEvaluationRuntime.SERVER
    assert program.get_feature_flag_evaluation_runtime("d") == "all"
    assert program.get_feature_flag_evaluation_runtime("gone") is None
    assert program.get_feature_flag_keys_by_evaluation_runtime("server") == ["a", "b", "d"]
    assert program.get_feature_flag_keys_by_evaluation_runtime("client") == ["a", "c", "d"]
    assert program.get_feature_flag_keys_by_evaluation_runtime("all") == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="moon"):
        program.get_feature_flag_keys_by_evaluation_runtime("moon")


def test_loading_raises_with_debug_alone(flag_server, make_program):
    """Whoever sets a program up wants to know."""
    flag_server.on_definitions((Reply(401),), (Reply(401),))
    make_program().load_feature_flags()
    program = make_program("phx_other", debug=True)
    with pytest.raises(FlagsError, match="401"):
        program.load_feature_flags()


# What events say.


def test_an_event_says_which_flags_a_snapshot_has(flag_server, make_program):
    """Those that were read, where that is asked for."""
    flag_server.publish(flag("a"), flag("b", active=False), undecidable("c"))
    program = make_program()
    snapshot = program.evaluate_flags("u", only_evaluate_locally=True)
    everything = {"$feature/a": True, "$feature/b": False, "$active_feature_flags": ["a"]}
    assert program._flag_properties(True, "other", flags=snapshot) == everything
    assert (snapshot.distinct_id, snapshot.groups) == ("u", {})
    assert snapshot.is_enabled("b") is False
    assert snapshot.only_accessed().event_properties() == {"$feature/b": False}
    assert snapshot.only(["a"]).event_properties() == {"$feature/a": True, "$active_feature_flags": ["a"]}


def test_send_feature_flags_asks_as_little_as_possible(flag_server, make_program):
    """What is known here when definitions are there, the server when not; or what the options say."""
    flag_server.publish(flag("here"), undecidable("pro"))
    flag_server.decided.update(there=record("there", variant="v"), off=record("off", enabled=False))
    remote = {"$feature/there": "v", "$feature/off": False, "$active_feature_flags": ["there"]}
    program = make_program(None)
    assert program._flag_properties(False, "u") == {}
    assert program._flag_properties({"should_send": False}, "u") == {}
    assert program._flag_properties(True, "u") == remote
    program = make_program()
    program.load_feature_flags()
    asked = len(flag_server.questions)
    assert program._flag_properties(True, "u") == {"$feature/here": True, "$active_feature_flags": ["here"]}
    options: dict[str, Any] = {"only_evaluate_locally": True, "person_properties": {"plan": "pro"}}
    assert program._flag_properties(options, "u")["$active_feature_flags"] == ["here", "pro"]
    options["flag_keys_filter"] = ["pro"]
    assert program._flag_properties(options, "u") == {"$feature/pro": True, "$active_feature_flags": ["pro"]}
    assert len(flag_server.questions) == asked
    options = {"only_evaluate_locally": False, "flag_keys_filter": ["there", "off"]}
    assert program._flag_properties(options, "u", {"company": "c"}, False) == remote
    question = flag_server.questions[-1].json
    assert (question["groups"], question["geoip_disable"]) == ({"company": "c"}, False)
    assert question["flag_keys_to_evaluate"] == ["there", "off"]


@pytest.mark.parametrize("options", [1, "yes", ["beta"], {"only_locally": True}])
def test_other_options_of_send_feature_flags_are_refused(make_program, options):
    """By name."""
    with pytest.raises(FieldError, match="send_feature_flags"):
        make_program(None)._flag_properties(options, "u")


def test_only_a_snapshot_is_one(make_program):
    """A dict of flags is not."""
    with pytest.raises(FieldError, match="flags"):
        make_program(None)._flag_properties(False, "u", flags={"beta": True})


# Signatures.

CALLS = ["feature_enabled", "get_feature_flag", "get_feature_flag_result", "get_feature_flag_payload", "get_all_flags"]
CALLS += ["get_all_flags_and_payloads", "evaluate_flags", "get_remote_config_payload", "load_feature_flags"]
CALLS += ["feature_flag_definitions", "get_feature_variants", "get_feature_payloads", "get_flags_decision"]
CALLS += ["get_feature_flags_and_payloads", "get_feature_flag_evaluation_runtime"]
CALLS += ["get_feature_flag_keys_by_evaluation_runtime"]


@pytest.mark.parametrize("name", CALLS)
def test_calls_take_what_those_of_the_package_take(name):
    """Names, order, defaults, and which of them may be given by position."""
    ours, theirs = (inspect.signature(getattr(kind, name)) for kind in (FlagCalls, posthog.Client))
    assert [(each.name, each.kind, each.default) for each in ours.parameters.values()] == [
        (each.name, each.kind, each.default) for each in theirs.parameters.values()
    ]
