"""The PostHog package itself, pointed at a collector: its events arrive, and it gets the flags that the file has."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import posthog
import pytest

from fastbatch.collector import Collector, Counts
from tests.support.asking import ask

# The package warns of its own older calls, which are what older programs make.
pytestmark = pytest.mark.filterwarnings("ignore:`[a-z_]+` is deprecated:DeprecationWarning")

FLAGS = {
    "flags": [
        {
            "id": 1,
            "key": "beta",
            "name": "Beta",
            "version": 3,
            "active": True,
            "has_experiment": False,
            "filters": {
                "groups": [
                    {"properties": [{"key": "plan", "value": ["pro"], "operator": "exact", "type": "person"}]},
                    {"properties": [{"key": "staff", "value": "true", "operator": "exact", "type": "person"}]},
                ],
                "payloads": {"true": '{"limit": 5}'},
            },
        },
        {
            "id": 2,
            "key": "colour",
            "version": 1,
            "active": True,
            "has_experiment": True,
            "filters": {
                "groups": [{"properties": [], "rollout_percentage": 100, "variant": None}],
                "multivariate": {
                    "variants": [{"key": "red", "rollout_percentage": 0}, {"key": "blue", "rollout_percentage": 100}]
                },
                "payloads": {"blue": '"#00f"'},
            },
        },
        {"id": 3, "key": "off", "version": 1, "active": False, "filters": {"groups": [{"rollout_percentage": 100}]}},
        {
            "id": 4,
            "key": "company-beta",
            "version": 1,
            "active": True,
            "filters": {
                "aggregation_group_type_index": 0,
                "groups": [
                    {"properties": [{"key": "size", "value": "10", "operator": "gt", "type": "group"}]},
                ],
            },
        },
        {
            "id": 5,
            "key": "remembered",
            "version": 1,
            "active": True,
            "ensure_experience_continuity": True,
            "filters": {"groups": [{"rollout_percentage": 100}]},
        },
        {
            "id": 6,
            "key": "config",
            "version": 1,
            "active": True,
            "is_remote_configuration": True,
            "filters": {"groups": [{"rollout_percentage": 100}], "payloads": {"true": '{"colour": "green"}'}},
        },
        {
            "id": 7,
            "key": "in-the-browser",
            "version": 1,
            "active": True,
            "evaluation_runtime": "client",
            "filters": {"groups": [{"rollout_percentage": 100}]},
        },
    ],
    "group_type_mapping": {"0": "company"},
    "cohorts": {},
}
PRO = {"plan": "pro", "staff": "false"}


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A collector with a file of flags."""
    path = tmp_path / "flags.json"
    path.write_text(json.dumps(FLAGS))
    with Collector(tmp_path / "collector.db", write_key="phc_x", flags=path, personal_api_key="phx_y") as running:
        yield running


@pytest.fixture
def make_sdk(collector: Collector) -> Iterator[Callable[..., Any]]:
    """Makes clients of the PostHog package that talk to the collector."""
    made: list[Any] = []

    def make(**settings: Any) -> Any:
        sdk = posthog.Posthog("phc_x", host=collector.url, **settings)
        made.append(sdk)
        return sdk

    yield make
    for sdk in made:
        sdk.shutdown()


# Events


@pytest.mark.parametrize(
    "settings",
    [
        {"capture_mode": "v0"},
        {"capture_mode": "v0", "gzip": True},
        {"capture_mode": "v1"},
        {"capture_mode": "v1", "capture_compression": "gzip"},
        {"capture_mode": "v1", "capture_compression": "deflate"},
        {"capture_mode": "v1", "capture_compression": "zstd"},
    ],
    ids=lambda settings: "-".join(str(value) for value in settings.values()),
)
def test_every_event_of_the_package_arrives_once(
    collector: Collector, make_sdk: Callable[..., Any], settings: dict[str, Any]
) -> None:
    """On both wires and in each encoding, under the uuids that the package says."""
    failures: list[Exception] = []
    sdk = make_sdk(on_error=lambda error, _batch: failures.append(error), **settings)
    ids = [sdk.capture("Order", distinct_id=f"u{n}", properties={"n": n, "text": "ä" * n}) for n in range(250)]
    ids.append(sdk.set(distinct_id="u1", properties={"plan": "pro"}))
    ids.append(sdk.alias("old", "new"))
    ids.append(sdk.group_identify("company", "acme", {"size": 11}, distinct_id="u1"))
    sdk.shutdown()
    assert failures == []
    assert set(collector.store.ids()) == set(ids)
    assert collector.store.counts() == Counts(253, 253, 0)
    assert collector.store.kinds() == {"capture": 250, "$set": 1, "$create_alias": 1, "$groupidentify": 1}
    sent = [message for message in collector.store.messages() if message["event"] == "Order"]
    assert [message["properties"]["n"] for message in sent] == list(range(250))


def test_the_package_hears_which_event_was_dropped(collector: Collector, make_sdk: Callable[..., Any]) -> None:
    """Capture V1: one event has a name that is too long, and the other is taken."""
    failures: list[Any] = []
    sdk = make_sdk(on_error=lambda error, _batch: failures.append(error), capture_mode="v1", flush_interval=0.1)
    bad = sdk.capture("x" * 300, distinct_id="u")
    good = sdk.capture("Order", distinct_id="u")
    sdk.shutdown()
    assert [failure.drops for failure in failures] == [[(bad, "event_name_too_long")]]
    assert list(collector.store.ids()) == [good]


@pytest.mark.parametrize("agent", ["posthog-python/7.91.1", "posthog-node/5.70.0"])
def test_the_recorded_requests_of_posthogs_sdks_are_taken(
    collector: Collector, captures: list[dict[str, Any]], agent: str
) -> None:
    """Replayed as they were recorded: path, headers, encoding; a second time they are duplicates."""
    mine = [capture for capture in captures if capture["h"].get("User-Agent") == agent]
    assert mine
    for capture in mine * 2:
        packers: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress, "": bytes}
        headers = {name: value for name, value in capture["h"].items() if name.lower() != "content-length"}
        body = packers[capture["ce"]](json.dumps(capture["body"]).encode())
        reply = ask(collector.url, "POST", capture["path"], body, headers)
        ids = [event["uuid"] for event in capture["body"]["batch"]]
        is_v1 = capture["path"].startswith("/i/v1/")
        assert reply.json == ({"results": {id_: {"result": "ok"} for id_ in ids}} if is_v1 else {"status": 1})
    sent = [event for capture in mine for event in capture["body"]["batch"]]
    assert list(collector.store.messages()) == sent
    assert collector.store.counts() == Counts(2 * len(sent), len(sent), len(sent))


# Flags, evaluated by the collector


def test_the_package_gets_what_the_collector_evaluates(make_sdk: Callable[..., Any]) -> None:
    """Values, payloads and reasons of single flags."""
    sdk = make_sdk()
    result = sdk.get_feature_flag_result("beta", "u1", person_properties=PRO)
    assert (result.enabled, result.variant, result.payload) == (True, None, {"limit": 5})
    assert result.reason == "Matched condition set 1"
    assert sdk.get_feature_flag_result("beta", "u1", person_properties={**PRO, "plan": "free"}).reason == (
        "No matching condition set"
    )
    assert sdk.get_feature_flag("colour", "u1") == "blue"
    assert sdk.get_feature_flag_payload("colour", "u1") == "#00f"
    assert sdk.feature_enabled("off", "u1") is False
    assert sdk.feature_enabled("remembered", "u1") is True
    assert sdk.feature_enabled("nowhere", "u1") is None
    groups = {"company": "acme"}
    assert sdk.feature_enabled("company-beta", "u1", groups=groups, group_properties={"company": {"size": 11}}) is True
    assert sdk.feature_enabled("company-beta", "u1", groups=groups, group_properties={"company": {"size": 9}}) is False


def test_the_package_gets_all_flags_and_payloads(make_sdk: Callable[..., Any]) -> None:
    """Those for the browser are not a server SDK's."""
    found = make_sdk().get_all_flags_and_payloads("u1", person_properties=PRO)
    assert found["featureFlags"] == {
        "beta": True,
        "colour": "blue",
        "off": False,
        "company-beta": False,
        "remembered": True,
        "config": True,
    }
    assert found["featureFlagPayloads"] == {
        "beta": '{"limit": 5}',
        "colour": '"#00f"',
        "config": '{"colour": "green"}',
    }


def test_a_flag_that_cannot_be_decided_here_is_none_and_says_so(
    collector: Collector, make_sdk: Callable[..., Any]
) -> None:
    """The request does not say the person's plan; the event of the call has the error."""
    sdk = make_sdk()
    assert sdk.get_feature_flag("beta", "u1") is None
    sdk.shutdown()
    (event,) = collector.store.messages()
    assert event["event"] == "$feature_flag_called"
    assert "evaluation_failed" in event["properties"]["$feature_flag_error"]


def test_remote_config_is_the_payload(make_sdk: Callable[..., Any]) -> None:
    """As text, which is what the server answers; a flag that there is not is None."""
    sdk = make_sdk(secret_key="phx_y", enable_local_evaluation=False)
    assert sdk.get_remote_config_payload("config") == '{"colour": "green"}'
    assert sdk.get_remote_config_payload("nothing") is None


# Flags, evaluated by the package


def test_the_package_evaluates_what_the_collector_hands_out(make_sdk: Callable[..., Any]) -> None:
    """Nothing is asked of the collector again: only_evaluate_locally."""
    sdk = make_sdk(secret_key="phx_y")
    sdk.load_feature_flags()
    assert [flag["key"] for flag in sdk.feature_flag_definitions()] == [flag["key"] for flag in FLAGS["flags"]]
    found = sdk.get_all_flags("u1", person_properties=PRO, only_evaluate_locally=True)
    assert found["beta"] is True
    assert found["colour"] == "blue"
    assert "remembered" not in found


def test_both_evaluations_agree(make_sdk: Callable[..., Any]) -> None:
    """For flags that both can decide, and many people."""
    local, remote = make_sdk(secret_key="phx_y"), make_sdk()
    local.load_feature_flags()
    for n in range(20):
        person = {"plan": ("pro", "free")[n % 2], "staff": ("true", "false")[n % 3 % 2]}
        asked = {"person_properties": person, "groups": {"company": "acme"}}
        asked["group_properties"] = {"company": {"size": n}}
        here = local.get_all_flags(f"u{n}", only_evaluate_locally=True, **asked)
        there = remote.get_all_flags(f"u{n}", **asked)
        assert {key: value for key, value in here.items() if key != "in-the-browser"} == {
            key: value for key, value in there.items() if key != "remembered"
        }


def test_the_package_sees_a_change_and_else_gets_304(
    collector: Collector, make_sdk: Callable[..., Any], tmp_path: Path
) -> None:
    """The package sends the ETag back by itself."""
    sdk = make_sdk(secret_key="phx_y")
    sdk.load_feature_flags()
    before = sdk.feature_flag_definitions()
    sdk.load_feature_flags()
    assert sdk.feature_flag_definitions() == before
    (tmp_path / "flags.json").write_text(json.dumps({**FLAGS, "flags": FLAGS["flags"][:1]}))
    sdk.load_feature_flags()
    assert [flag["key"] for flag in sdk.feature_flag_definitions()] == ["beta"]
    assert len(collector.flags.current().flags) == 1


def test_a_wrong_personal_key_gets_no_flags(make_sdk: Callable[..., Any]) -> None:
    """The package clears its flags on 401, as it does with the real server."""
    sdk = make_sdk(secret_key="phx_wrong")
    sdk.load_feature_flags()
    assert not sdk.feature_flag_definitions()
