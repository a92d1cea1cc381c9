"""PostHog's paths for flags, asked over real HTTP; and the file that the flags come from."""

from __future__ import annotations

import json
import logging
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastbatch.collector import Collector, FlagFileError
from fastbatch.flags.service import Flags
from fastbatch.transports.http import HttpTransport
from tests.support.asking import Reply, ask


def flag(number: int, key: str, *groups: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a flag with some conditions; without any it is on for everybody."""
    filters = {"groups": list(groups) or [{"rollout_percentage": 100}], **more.pop("filters", {})}
    return {"id": number, "key": key, "version": 2, "active": True, "filters": filters, **more}


def person(key: str, value: Any, operator: str = "exact") -> dict[str, Any]:
    """Return a condition on one property of a person."""
    return {"properties": [{"key": key, "value": value, "operator": operator, "type": "person"}]}


VARIANTS = {"multivariate": {"variants": [{"key": "red", "rollout_percentage": 100}]}, "payloads": {"red": '"#f00"'}}
FILE = {
    "flags": [
        flag(1, "on", filters={"payloads": {"true": '{"a": 1}'}}, has_experiment=True),
        flag(2, "red", filters=VARIANTS),
        flag(3, "pro", person("plan", "free"), person("plan", "pro")),
        flag(4, "off", active=False),
        flag(5, "nobody", {"rollout_percentage": 0}, filters={"payloads": {"true": "1", "false": "0"}}),
        flag(6, "gone", deleted=True),
        flag(7, "browser", evaluation_runtime="client"),
        flag(8, "server", evaluation_runtime="server"),
    ],
    "group_type_mapping": {"0": "company"},
    "cohorts": {},
}
EVERYWHERE = ["on", "red", "pro", "off", "nobody"]
ASKED = {"api_key": "phc_x", "distinct_id": "u1", "person_properties": {"plan": "pro"}}
SECRET = {"Authorization": "Bearer phx_y"}
DEFINITIONS = "/flags/definitions?token=phc_x&send_cohorts"
REMOTE_CONFIG = "/api/projects/@current/feature_flags/{}/remote_config?token=phc_x"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of flags."""
    file = tmp_path / "flags.json"
    file.write_text(json.dumps(FILE))
    return file


@pytest.fixture
def collector(path: Path) -> Iterator[Collector]:
    """A collector that evaluates them."""
    with Collector(flags=path) as started:
        yield started


def post(
    collector: Collector, path: str = "/flags/?v=2", headers: dict[str, str] | None = None, **change: Any
) -> Reply:
    """Ask for flags, with some of the body changed; a member that is ... is left out."""
    body = {name: value for name, value in {**ASKED, **change}.items() if value is not ...}
    return ask(collector.url, "POST", path, body, headers)


# Evaluation


def test_a_flag_has_its_value_reason_and_metadata(collector: Collector) -> None:
    """In the shape of version 2."""
    reply = post(collector)
    assert reply.status == 200
    assert list(reply.json["flags"]) == EVERYWHERE
    assert reply.json["flags"]["on"] == {
        "key": "on",
        "enabled": True,
        "variant": None,
        "reason": {"code": "condition_match", "condition_index": 0, "description": "Matched condition set 1"},
        "metadata": {"id": 1, "version": 2, "description": None, "payload": '{"a": 1}', "has_experiment": True},
    }
    assert (reply.json["flags"]["red"]["enabled"], reply.json["flags"]["red"]["variant"]) == (True, "red")
    assert reply.json["flags"]["red"]["metadata"]["payload"] == '"#f00"'
    reasons = {key: (one["enabled"], one["reason"]["code"]) for key, one in reply.json["flags"].items()}
    assert reasons["pro"] == (True, "condition_match")
    assert reply.json["flags"]["pro"]["reason"]["description"] == "Matched condition set 2"
    assert reasons["off"] == (False, "flag_disabled")
    assert reasons["nobody"] == (False, "out_of_rollout_bound")
    assert reply.json["flags"]["nobody"]["metadata"]["payload"] is None
    assert reply.json["errorsWhileComputingFlags"] is False
    assert str(uuid.UUID(reply.json["requestId"])) == reply.json["requestId"]
    assert reply.json["evaluatedAt"] > 1_700_000_000_000
    assert "minimalFlagCalledEvents" not in reply.json


def test_a_flag_that_cannot_be_decided_has_failed(collector: Collector) -> None:
    """It is off, says why, and the answer as a whole says that there were errors."""
    reply = post(collector, person_properties=...)
    assert reply.json["errorsWhileComputingFlags"] is True
    failed = reply.json["flags"]["pro"]
    assert (failed["failed"], failed["enabled"], failed["variant"]) == (True, False, None)
    assert failed["reason"]["code"] == "missing_context"
    assert "failed" not in reply.json["flags"]["on"]


@pytest.mark.parametrize("version", ["3", "4"])
def test_later_versions_have_a_typed_value(collector: Collector, version: str) -> None:
    """A boolean, a variant's key, or null for one that has failed."""
    flags = post(collector, f"/flags/?v={version}", person_properties={}).json["flags"]
    assert {key: one["value"] for key, one in flags.items()} == {
        "on": True,
        "red": "red",
        "pro": None,
        "off": False,
        "nobody": False,
    }
    assert flags["red"]["metadata"]["config_version"] == 1
    assert flags["red"]["metadata"]["variant_key"] == "red"


@pytest.mark.parametrize("where", ["/flags/?v=1", "/flags/?v=x", "/decide/?v=3"])
def test_the_legacy_shape_has_values_and_payloads(collector: Collector, where: str) -> None:
    """Two maps, in which a flag that is off is false."""
    reply = post(collector, where)
    assert reply.json["featureFlags"] == {"on": True, "red": "red", "pro": True, "off": False, "nobody": False}
    assert reply.json["featureFlagPayloads"] == {"on": '{"a": 1}', "red": '"#f00"'}
    assert reply.json["errorsWhileComputingFlags"] is False
    assert "flags" not in reply.json


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", ["on", "red", "pro"]), ("?v=1", ["on", "red", "pro"]), ("?v=2", {"on": True, "red": "red", "pro": True})],
)
def test_the_oldest_shapes_of_decide_have_only_what_is_on(collector: Collector, query: str, expected: Any) -> None:
    """A list, and later a map."""
    assert post(collector, "/decide/" + query).json["featureFlags"] == expected


@pytest.mark.parametrize("where", ["/decide/?v=4", "/flags/", "/flags/?v=2", "/flags?version=2"])
def test_these_have_the_shape_of_version_2(collector: Collector, where: str) -> None:
    """The last version of decide is the second of flags, which is also what no version means."""
    assert post(collector, where).json["flags"]["red"]["variant"] == "red"


def test_only_flags_that_are_asked_for_are_evaluated(collector: Collector) -> None:
    """Those that there are not are left out."""
    assert list(post(collector, flag_keys_to_evaluate=["red", "nothing"]).json["flags"]) == ["red"]
    assert post(collector, flag_keys_to_evaluate=[]).json["flags"] == {}
    assert post(collector, disable_flags=True).json["flags"] == {}


@pytest.mark.parametrize(
    ("agent", "more"),
    [
        ("posthog-python/7.91.1", ["server"]),
        ("curl/8.5", ["server"]),
        ("posthog-js/1.0", ["browser"]),
        ("Mozilla/5.0", ["browser"]),
        ("posthog-nothing/1", []),
        ("fastbatch/0.1", []),
    ],
)
def test_a_flag_may_be_for_servers_or_for_browsers_alone(collector: Collector, agent: str, more: list[str]) -> None:
    """The user agent tells, as it tells PostHog's server; where it does not, the request is given neither."""
    assert list(post(collector, headers={"User-Agent": agent}).json["flags"]) == EVERYWHERE + more


@pytest.mark.parametrize(
    ("said", "more"), [("server", ["server"]), ("CLIENT", ["browser"]), ("all", ["browser", "server"])]
)
def test_a_request_may_say_where_it_is_from(collector: Collector, said: str, more: list[str]) -> None:
    """Which counts more than the user agent."""
    headers = {"User-Agent": "posthog-python/7.91.1"}
    assert list(post(collector, headers=headers, evaluation_runtime=said).json["flags"]) == EVERYWHERE + more


def test_our_own_client_gets_the_flags_for_servers(collector: Collector) -> None:
    """By what it says: its user agent is none that PostHog knows."""
    transport = HttpTransport()
    flags = Flags("phc_x", collector.url, None, transport, logger=logging.getLogger("fastbatch"), on_called=print)
    assert flags.get_value("server", "u1") is True
    assert flags.get_value("browser", "u1") is None
    flags.close()
    transport.close()


def test_a_request_id_is_sent_back(collector: Collector) -> None:
    """When it is a UUID."""
    mine = str(uuid.uuid4())
    assert post(collector, headers={"X-Request-Id": mine}).json["requestId"] == mine
    assert post(collector, headers={"X-Request-Id": "mine"}).json["requestId"] != "mine"


def test_minimal_events_are_told_of(path: Path) -> None:
    """The file says whether the project has them."""
    path.write_text(json.dumps({**FILE, "minimal_flag_called_events": True}))
    with Collector(flags=path) as collector:
        assert post(collector).json["minimalFlagCalledEvents"] is True


def test_without_a_file_there_are_no_flags() -> None:
    """As in a project that is new."""
    with Collector() as collector:
        assert post(collector).json["flags"] == {}
        assert ask(collector.url, "GET", DEFINITIONS, None, SECRET).json["flags"] == []


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"api_key": ...}, 401, '"api_key" is needed'),
        ({"api_key": 1}, 401, '"api_key" is needed'),
        ({"api_key": ""}, 401, "it is empty"),
        ({"api_key": "phx_secret"}, 401, "personal key"),
        ({"distinct_id": ...}, 400, "distinct_id is missing"),
        ({"distinct_id": ""}, 400, "distinct_id must be"),
        ({"distinct_id": {}}, 400, "distinct_id must be"),
        ({"groups": []}, 400, "groups must be an object"),
        ({"person_properties": "x"}, 400, "person_properties must be an object"),
        ({"group_properties": {"company": 1}}, 400, "company must be an object"),
        ({"device_id": 1}, 400, "device_id must be a text"),
        ({"flag_keys_to_evaluate": "red"}, 400, "flag_keys_to_evaluate must be a list"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(
    collector: Collector, change: dict[str, Any], status: int, words: str
) -> None:
    """In the member that SDKs look for."""
    reply = post(collector, **change)
    assert reply.status == status
    assert words in reply.json["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"1"])
def test_a_body_that_is_no_object_is_refused(collector: Collector, body: bytes) -> None:
    """With 400."""
    assert ask(collector.url, "POST", "/flags/?v=2", body).status == 400


# Definitions


@pytest.mark.parametrize("where", [DEFINITIONS, "/api/feature_flag/local_evaluation/?token=phc_x&send_cohorts"])
def test_definitions_are_the_file_and_are_sent_once(collector: Collector, path: Path, where: str) -> None:
    """The ETag stands for them until they change."""
    first = ask(collector.url, "GET", where, None, SECRET)
    assert (first.status, first.json) == (200, FILE)
    assert first.headers["ETag"].startswith('W/"')
    for known in (first.headers["ETag"], first.headers["ETag"].removeprefix("W/")):
        again = ask(collector.url, "GET", where, None, {**SECRET, "If-None-Match": known})
        assert (again.status, again.json, again.headers["ETag"]) == (304, None, first.headers["ETag"])
    path.write_text(json.dumps({**FILE, "flags": FILE["flags"][:1]}))
    changed = ask(collector.url, "GET", where, None, {**SECRET, "If-None-Match": first.headers["ETag"]})
    assert (changed.status, [one["key"] for one in changed.json["flags"]]) == (200, ["on"])
    assert changed.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize(
    ("where", "headers", "status"),
    [
        ("/flags/definitions", SECRET, 400),
        ("/flags/definitions?token=", SECRET, 401),
        ("/flags/definitions?token=phx_y", SECRET, 401),
        ("/flags/definitions?token=phc_other", SECRET, 401),
        (DEFINITIONS, {}, 401),
        (DEFINITIONS, {"Authorization": "Basic cGh4X3k6"}, 401),
        (DEFINITIONS, {"Authorization": "Bearer "}, 401),
        (DEFINITIONS, {"Authorization": "Bearer phc_x"}, 401),
        (DEFINITIONS, {"Authorization": "Bearer phx_other"}, 401),
        (DEFINITIONS, {"Authorization": "bearer phx_y"}, 200),
        ("/api/feature_flag/local_evaluation/", SECRET, 200),
        ("/api/feature_flag/local_evaluation/", {}, 401),
        (REMOTE_CONFIG.format("on"), {}, 401),
        (REMOTE_CONFIG.format("on"), SECRET, 200),
    ],
)
def test_both_keys_are_looked_at(path: Path, where: str, headers: dict[str, str], status: int) -> None:
    """The project's in the query, and a secret one in the header; the project's own is no secret."""
    with Collector(flags=path, write_key="phc_x", personal_api_key="phx_y") as collector:
        reply = ask(collector.url, "GET", where, None, headers)
        assert reply.status == status
        assert ("detail" in reply.json) is (status != 200)


@pytest.mark.parametrize(("key", "payload"), [("on", '{"a": 1}'), ("1", '{"a": 1}'), ("red", None)])
def test_remote_config_is_the_payload_of_true(collector: Collector, key: str, payload: str | None) -> None:
    """By the flag's key or number; one without a payload has an empty answer."""
    reply = ask(collector.url, "GET", REMOTE_CONFIG.format(key), None, SECRET)
    assert (reply.status, reply.json) == (200, payload)


def test_remote_config_of_a_flag_that_there_is_not_is_404(path: Path) -> None:
    """And of one that is no remote config; a key is percent-encoded in the path."""
    more = [flag(20, "a/b c", filters={"payloads": {"true": "1"}}), flag(21, "no", is_remote_configuration=False)]
    path.write_text(json.dumps({**FILE, "flags": FILE["flags"] + more}))
    with Collector(flags=path) as collector:
        assert ask(collector.url, "GET", REMOTE_CONFIG.format("gone"), None, SECRET).status == 404
        assert ask(collector.url, "GET", REMOTE_CONFIG.format("no"), None, SECRET).status == 404
        assert ask(collector.url, "GET", REMOTE_CONFIG.format("a%2Fb%20c"), None, SECRET).json == "1"


# The file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"flags": [], "n": NaN}', "not JSON: NaN"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", 'an object with a list "flags"'),
        (b'{"flags": {}}', 'an object with a list "flags"'),
        (b'{"results": []}', 'an object with a list "flags"'),
        (b'{"flags": [1]}', 'flag 0 must be an object with a "key"'),
        (b'{"flags": [{"key": "a"}, {"key": ""}]}', 'flag 1 must be an object with a "key"'),
        (b'{"flags": [{"key": "a"}, {"key": "a"}]}', "flag 1 has a key that another has: 'a'"),
    ],
)
def test_a_bad_file_is_an_error_at_the_start(path: Path, text: bytes, words: str) -> None:
    """It names the file and what is wrong; nothing is started."""
    path.write_bytes(text)
    with pytest.raises(FlagFileError) as raised:
        Collector(flags=path)
    assert str(path) in str(raised.value)
    assert words in str(raised.value)


def test_a_file_that_is_not_there_is_an_error_at_the_start(tmp_path: Path) -> None:
    """And so is a folder."""
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(FlagFileError, match=str(path)):
            Collector(flags=path)


def test_a_byte_order_mark_is_passed_over(path: Path) -> None:
    """Some editors write one; JSON has none, and so nobody is sent it."""
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(FILE).encode())
    with Collector(flags=path) as collector:
        assert ask(collector.url, "GET", DEFINITIONS, None, SECRET).json == FILE


def test_a_change_of_the_file_is_seen_by_the_next_request(collector: Collector, path: Path) -> None:
    """Written in place, or put in its place."""
    assert list(post(collector).json["flags"]) == EVERYWHERE
    path.write_text(json.dumps({"flags": [flag(1, "new")]}))
    assert list(post(collector).json["flags"]) == ["new"]
    other = path.with_name("other.json")
    other.write_text(json.dumps({"flags": [flag(1, "two")]}))
    os.replace(other, path)
    assert list(post(collector).json["flags"]) == ["two"]


def test_a_file_that_becomes_bad_changes_nothing_and_is_logged_once(
    collector: Collector, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Until it is good again."""
    with caplog.at_level(logging.WARNING, logger="fastbatch.collector"):
        path.write_text("{")
        for _ in range(3):
            assert list(post(collector).json["flags"]) == EVERYWHERE
        path.unlink()
        for _ in range(3):
            assert list(post(collector).json["flags"]) == EVERYWHERE
        path.write_text(json.dumps({"flags": [flag(1, "new")]}))
        assert list(post(collector).json["flags"]) == ["new"]
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3
    assert lines[0].startswith(f"the flags stay as they were: {path}: not JSON: ")
    assert lines[1].startswith(f"the flags stay as they were: {path}: ")
    assert lines[2] == f"{path} was read again: 1 flags"


def test_a_flag_that_is_not_understood_is_logged_and_fails_alone(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The others are evaluated."""
    path.write_text(json.dumps({"flags": [flag(1, "odd", person("a", "b", "resembles")), flag(2, "on")]}))
    with caplog.at_level(logging.WARNING, logger="fastbatch.collector"), Collector(flags=path) as collector:
        reply = post(collector)
    assert [(one["key"], one["enabled"], one.get("failed", False)) for one in reply.json["flags"].values()] == [
        ("odd", False, True),
        ("on", True, False),
    ]
    assert reply.json["flags"]["odd"]["reason"]["code"] == "unsupported_definition"
    assert any("odd" in record.getMessage() for record in caplog.records)
