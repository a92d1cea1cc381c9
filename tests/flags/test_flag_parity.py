"""
The same calls on `FlagCalls` and on the ``posthog`` package, against one server that answers both alike.

What the calls return and what the events about flags say must be the same. Listed differences: the path (``v=2`` here,
``v=4`` there); who evaluated (library, version, platform); no deprecation warnings here; an event of a snapshot whose
request failed says why (``FAILED``).
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import posthog
import pytest

from fastbatch.flags.call import FlagCall
from fastbatch.flags.service import Flags
from fastbatch.posthog.flag_calls import FlagCalls
from fastbatch.transports.http import HttpTransport
from tests.support.faulty_server import Reply
from tests.support.flag_fixtures import PERSONAL, PROJECT
from tests.support.flag_server import FlagServer, flag, record, undecidable

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FAILED = "api_error_500,"
"""What the events of snapshots say here in addition, where the server answered 500."""

OF_THE_LIBRARY = {
    "$lib",
    "$lib_version",
    "$is_server",
    "$geoip_disable",
    "$os",
    "$os_version",
    "$os_distro",
    "$python_runtime",
    "$python_version",
}


class Ours(FlagCalls):
    """The least that has calls about flags."""

    def __init__(self, endpoint: str, personal_api_key: str | None) -> None:
        self.events: list[dict[str, Any]] = []
        self._flags = Flags(
            PROJECT,
            endpoint,
            personal_api_key,
            HttpTransport(),
            logger=logging.getLogger("fastbatch"),
            on_called=self._capture,
            poll_interval=3600.0,
        )

    def _capture(self, call: FlagCall) -> None:
        properties = dict(call.properties)
        if call.groups:
            properties["$groups"] = dict(call.groups)
        self.events.append({"event": call.event, "distinct_id": call.distinct_id, "properties": properties})

    def _resolve_distinct_id(self, distinct_id: Any) -> str | None:
        return None if distinct_id is None else str(distinct_id)

    def _is_quiet(self) -> bool:
        return False

    def close(self) -> None:
        self._flags.close()


class Theirs:
    """The package, sending each event at once."""

    def __init__(self, server: FlagServer, personal_api_key: str | None) -> None:
        self._server = server
        self.client = posthog.Client(
            PROJECT, host=server.url(), personal_api_key=personal_api_key, sync_mode=True, poll_interval=3600
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    @property
    def events(self) -> list[dict[str, Any]]:
        return self._server.events

    def close(self) -> None:
        self.client.shutdown()


def plain(value: Any) -> Any:
    """Return a result as plain values."""
    if hasattr(value, "get_value"):
        return [getattr(value, name) for name in ("key", "enabled", "variant", "payload", "reason")]
    return value


def said(events: list[dict[str, Any]]) -> list[Any]:
    """Return what events say of flags."""
    return [
        [
            event["event"],
            event["distinct_id"],
            {name: value for name, value in event["properties"].items() if name not in OF_THE_LIBRARY},
        ]
        for event in events
    ]


RULE = "0190a3f0-1c1f-7c34-9f4b-7f3f7a6d5b11"


def typed(value: Any, code: str, **metadata: Any) -> dict[str, Any]:
    """Return a record of the second configuration version."""
    return {
        "key": "k",
        "value": value,
        "reason": {"code": code, "condition_index": None, "description": "why"},
        "metadata": {"id": 3, "version": 2, "config_version": 2, **metadata},
    }


def populate(server: FlagServer) -> None:
    """Give the server one flag of each kind."""
    server.publish(
        flag("on"),
        flag("off", active=False),
        flag("red", filters={"multivariate": {"variants": [{"key": "r", "rollout_percentage": 100}]}}),
        flag("paid", filters={"payloads": {"true": '{"a": 1}', "other": "[2]"}}),
        flag("garbled", filters={"payloads": {"true": "no JSON"}}),
        flag("plain-payload", filters={"payloads": {"true": '"text"'}}),
        flag("with-experiment", has_experiment=True),
        flag("without-experiment", has_experiment=False),
        flag("of-company", filters={"aggregation_group_type_index": 0}),
        flag("continued", ensure_experience_continuity=True),
        undecidable("pro"),
        undecidable("unknown-to-server"),
        group_type_mapping={"0": "company"},
    )
    for key in ("pro", "continued", "remote"):
        server.decided[key] = record(key, variant="v", payload='{"b": [2]}')
    server.decided["remote-off"] = record("remote-off", enabled=False)
    server.decided["remote-failed"] = {**record("remote-failed"), "failed": True}
    server.decided["remote-malformed"] = {**record("remote-malformed"), "enabled": 7}
    server.decided["remote-bare"] = {"key": "remote-bare", "enabled": True}
    experiment = {"rule_type": "experiment", "rule_id": RULE}
    server.decided["split"] = typed("a", "experiment_split", **experiment, variant_key="arm-1")
    server.decided["split-without-variant"] = typed("a", "experiment_split", **experiment)
    server.decided["missed"] = typed(False, "rollout_miss", rule_type="percentage_rollout", rule_id=RULE)
    server.decided["wrong-rule"] = typed(True, "targeting_match", **experiment)
    server.decided["no-uuid"] = typed(True, "holdout", rule_type="experiment", rule_id="7")
    server.decided["v2-failed"] = {**typed(True, "evaluation_error"), "failed": True}
    server.decided["number"] = typed(1.5, "targeting_match", rule_type="targeted_release", rule_id=RULE)


def populate_minimal(server: FlagServer) -> None:
    """The same, and the server asks for short events."""
    populate(server)
    server.definitions["minimal_flag_called_events"] = True
    server.answer["minimalFlagCalledEvents"] = True
    for key in list(server.decided):
        if isinstance(server.decided[key].get("metadata"), dict):
            server.decided[key]["metadata"]["has_experiment"] = False


def partial(server: FlagServer) -> None:
    """The server says that it could not compute all flags."""
    populate(server)
    server.answer["errorsWhileComputingFlags"] = True


def over_quota(server: FlagServer) -> None:
    """The server decides nothing any more."""
    populate(server)
    server.answer["quotaLimited"] = ["feature_flags"]


def older(server: FlagServer) -> None:
    """A server of an older generation."""
    populate(server)
    values = {"featureFlags": {"pro": "v", "remote": True, "remote-off": False}, "featureFlagPayloads": {"pro": "[1]"}}
    server.on_flags(*[(Reply(200, json.dumps({**values, "requestId": "r-9"}).encode()),)] * 100)


def failing(server: FlagServer) -> None:
    """A server that decides nothing, and has no definitions."""
    server.on_flags(*[(Reply(500, b'{"detail": "sorry"}'),)] * 100)
    server.on_definitions(*[(Reply(500),)] * 100)


SERVERS: dict[str, Callable[[FlagServer], None]] = {
    "usual": populate,
    "minimal": populate_minimal,
    "partial": partial,
    "over quota": over_quota,
    "older": older,
    "failing": failing,
}

HERE = ["on", "off", "red", "paid", "garbled", "plain-payload", "with-experiment", "without-experiment", "of-company"]
THERE = ["continued", "pro", "unknown-to-server", "remote", "remote-off", "remote-failed", "remote-malformed"]
THERE += ["remote-bare", "split", "split-without-variant", "missed", "wrong-rule", "no-uuid", "v2-failed", "number"]
KEYS = [*HERE, *THERE, "nowhere"]


def each_flag(client: Any) -> Iterator[Any]:
    for key in KEYS:
        yield client.get_feature_flag(key, "u1")
        yield client.get_feature_flag(key, "u1")
        yield client.feature_enabled(key, "u2")


def results(client: Any) -> Iterator[Any]:
    for key in KEYS:
        yield client.get_feature_flag_result(key, "u1")
        yield client.get_feature_flag_result(key, "u1", send_feature_flag_events=False)


def payloads(client: Any) -> Iterator[Any]:
    for key in KEYS:
        yield client.get_feature_flag_payload(key, "u1")
        yield client.get_feature_flag_payload(key, "u1", match_value="other", send_feature_flag_events=True)
        yield client.get_feature_flag_payload(key, "u2", match_value=True, send_feature_flag_events=True)
        yield client.get_feature_flag_payload(key, "u3", match_value=False, send_feature_flag_events=True)


def only_here(client: Any) -> Iterator[Any]:
    for key in KEYS:
        yield client.get_feature_flag(key, "u1", only_evaluate_locally=True)
    yield client.get_all_flags("u1", only_evaluate_locally=True)
    yield client.get_all_flags("u1", only_evaluate_locally=True, flag_keys_to_evaluate=["on", "pro", "nowhere"])


def in_groups(client: Any) -> Iterator[Any]:
    for groups in ({"company": "c1"}, {"company": "c2"}, {"company": "c1"}, {"team": "t"}, {}, None):
        yield client.get_feature_flag("of-company", "u", groups=groups, group_properties={"company": {"size": 7}})
        yield client.get_feature_flag("remote", "u", groups=groups)
        yield client.get_all_flags("u", groups=groups)


def with_properties(client: Any) -> Iterator[Any]:
    for plan in ("pro", "free", None, 7):
        yield client.get_feature_flag("pro", "u", person_properties={"plan": plan})
        yield client.get_feature_flag("pro", f"u-{plan}", person_properties={"plan": plan}, device_id="d")


def all_flags(client: Any) -> Iterator[Any]:
    yield client.get_all_flags("u")
    yield client.get_all_flags_and_payloads("u")
    yield client.get_all_flags("u", flag_keys_to_evaluate=["on", "paid"])
    yield client.get_all_flags("u", flag_keys_to_evaluate=["on", "pro", "nowhere"])
    yield client.get_all_flags_and_payloads("u", person_properties={"plan": "pro"})


def from_the_server(client: Any) -> Iterator[Any]:
    yield client.get_feature_variants("u", {"company": "c"}, {"a": 1}, {"company": {"b": 2}}, True)
    yield client.get_feature_payloads("u", flag_keys_to_evaluate=["pro", "on"])
    yield client.get_feature_flags_and_payloads("u")
    yield sorted(client.get_flags_decision("u").get("flags", {}))


def snapshots(client: Any) -> Iterator[Any]:
    for user, more in (
        ("u1", {}),
        ("u2", {"flag_keys": KEYS}),
        ("u3", {"flag_keys": ["on", "red"]}),
        ("u4", {"flag_keys": []}),
        ("u5", {"only_evaluate_locally": True}),
        ("u6", {"groups": {"company": "c"}, "person_properties": {"plan": "pro"}}),
    ):
        snapshot = client.evaluate_flags(user, **more)
        yield sorted(snapshot.keys)
        yield dict(snapshot.unresolved_flags)
        for key in KEYS:
            yield snapshot.is_enabled(key)
            yield snapshot.is_enabled(key, True, send_feature_flag_events=False)
            yield snapshot.get_flag(key)
            yield snapshot.get_flag_payload(key)
        narrow = snapshot.only(["on", "nowhere", "remote"])
        yield narrow.keys
        yield [narrow.get_flag(key) for key in ("on", "nowhere", "remote", "red")]
        yield sorted(snapshot.only_accessed().keys)


def definitions(client: Any) -> Iterator[Any]:
    yield client.feature_flag_definitions()
    client.load_feature_flags()
    yield client.feature_flag_definitions() or None
    yield client.get_feature_flag_keys_by_evaluation_runtime("server")
    yield client.get_feature_flag_evaluation_runtime("on")


PROGRAMS = [each_flag, results, payloads, only_here, in_groups, with_properties, all_flags, from_the_server, snapshots]
PROGRAMS += [definitions]


def run(program: Callable[[Any], Iterator[Any]], client: Any) -> list[Any]:
    try:
        return [copy.deepcopy(plain(result)) for result in program(client)]
    finally:
        client.close()


@pytest.mark.parametrize("key", [PERSONAL, None], ids=["decided here", "decided there"])
@pytest.mark.parametrize("state", SERVERS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_calls_return_and_report_what_those_of_the_package_do(program, state, key):
    """Every call, against servers in every mood."""
    with FlagServer() as server:
        SERVERS[state](server)
        client = Theirs(server, key)
        expected, expected_events = run(program, client), said(client.events)
    with FlagServer() as server:
        SERVERS[state](server)
        ours = Ours(server.url(), key)
        got = run(program, ours)
    assert got == expected
    events = said(ours.events)
    if program is snapshots and state == "failing":
        assert any(properties["$feature_flag_error"].startswith(FAILED) for _, _, properties in events)
        for _, _, properties in events:
            properties["$feature_flag_error"] = properties["$feature_flag_error"].removeprefix(FAILED)
    assert events == expected_events
