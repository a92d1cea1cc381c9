"""
The answers of PostHog's ``/flags`` and ``/decide``, in the shape of each version.

Here what a request says of a person is all that is known of them: there is no database of persons behind the
collector. A flag that hangs on more is answered as one that failed, as PostHog's server answers when its own is down.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from email.message import Message
from typing import Any

from fastbatch.collector.bodies import WireError
from fastbatch.collector.flag_file import Published
from fastbatch.flags.local.evaluation import Evaluation
from fastbatch.flags.local.subject import Subject

__all__ = ["decide_answer", "evaluate", "flags_answer", "runtime_of", "subject_of"]

_SERVER_SDKS = frozenset({"python", "ruby", "php", "java", "go", "node", "dotnet", "elixir", "rs", "server"})
_CLIENT_SDKS = frozenset({"js", "android", "ios", "react-native", "flutter"})
_BROWSERS = ("Mozilla/", "Chrome/", "Safari/", "Firefox/", "Edge/")
_TOOLS = ("python-requests/", "curl/")
_CODES = {"disabled": "flag_disabled"}
_DESCRIPTIONS = {
    "no_condition_match": "No matching condition set",
    "out_of_rollout_bound": "Out of rollout bound",
    "no_group_type": "No group type",
    "super_condition_value": "Super condition value",
    "holdout_condition_value": "Holdout condition value",
    "flag_disabled": "Feature flag is disabled",
    "experience_continuity": "What this person was given before is not known here",
    "unsupported_definition": "The flag has something in it that is not understood here",
    "unresolved_dependency": "A flag that it depends on could not be evaluated",
    "missing_context": "The request does not say enough to evaluate it",
}


def subject_of(body: Mapping[str, Any]) -> Subject:
    """
    Return whom a request asks about.

    Raises:
        WireError: 400 for what is missing or of the wrong type.
    """
    distinct_id = body.get("distinct_id", body.get("$distinct_id"))
    if distinct_id is None:
        raise WireError(400, "distinct_id is missing", "missing_distinct_id")
    if isinstance(distinct_id, (bool, dict, list)) or distinct_id == "":
        raise WireError(400, "distinct_id must be a text that is not empty", "empty_distinct_id")
    device_id = body.get("device_id", body.get("$device_id"))
    if device_id is not None and not isinstance(device_id, str):
        raise WireError(400, "device_id must be a text")
    groups = {kind: str(key) for kind, key in _object(body, "groups").items() if key is not None}
    given = _object(body, "group_properties")
    return Subject(
        distinct_id=str(distinct_id),
        device_id=device_id,
        groups=groups,
        person_properties=_object(body, "person_properties"),
        group_properties={
            **{kind: _object(given, kind) for kind in given},
            **{kind: {"$group_key": key, **_object(given, kind)} for kind, key in groups.items()},
        },
    )


def runtime_of(headers: Message, body: Mapping[str, Any]) -> str:
    """Return ``client``, ``server``, ``all``, or nothing when a request does not tell: a flag may be for one alone."""
    said = body.get("evaluation_runtime")
    if isinstance(said, str):
        return said.lower() if said.lower() in ("client", "server") else "all"
    agent = headers["User-Agent"] or ""
    if agent.startswith("posthog-"):
        sdk = agent[len("posthog-") :].partition("/")[0]
        return "server" if sdk in _SERVER_SDKS else "client" if sdk in _CLIENT_SDKS else ""
    if any(name in agent for name in _BROWSERS):
        return "client"
    if any(name in agent for name in _TOOLS):
        return "server"
    return "client" if any(headers[name] for name in ("Origin", "Referer", "Sec-Fetch-Mode", "Sec-Fetch-Site")) else ""


def evaluate(published: Published, subject: Subject, runtime: str, keys: Iterable[str] | None) -> list[Evaluation]:
    """Return the flags of that runtime, or those of ``keys`` among them, evaluated."""
    wanted = None if keys is None else frozenset(keys)
    chosen = [
        key
        for key, flag in published.flags.items()
        if key in published.definitions and (wanted is None or key in wanted) and _is_for(flag, runtime)
    ]
    return list(published.definitions.evaluate_all(subject, chosen).values()) if chosen else []


def flags_answer(published: Published, found: list[Evaluation], version: int, request_id: str) -> dict[str, Any]:
    """Return the answer of ``/flags``."""
    if version < 2:
        return _legacy(found, request_id)
    answer = _frame(found, request_id)
    answer["flags"] = {one.key: _detail(published, one, is_typed=version > 2) for one in found}
    if published.definitions.minimal_flag_called_events:
        answer["minimalFlagCalledEvents"] = True
    return answer


def decide_answer(published: Published, found: list[Evaluation], version: int, request_id: str) -> dict[str, Any]:
    """Return the answer of ``/decide``, which has had four shapes."""
    if version >= 4:
        return flags_answer(published, found, 2, request_id)
    if version == 3:
        return _legacy(found, request_id)
    answer = _frame(found, request_id)
    del answer["errorsWhileComputingFlags"]
    values = {one.key: one.value for one in found if one.value}
    return {**answer, "featureFlags": values if version == 2 else list(values)}


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise WireError(400, f"{name} must be an object")
    return value


def _is_for(flag: Mapping[str, Any], runtime: str) -> bool:
    wanted = flag.get("evaluation_runtime")
    if runtime == "all" or wanted not in ("client", "server"):
        return True
    return bool(wanted == runtime)


def _frame(found: list[Evaluation], request_id: str) -> dict[str, Any]:
    return {
        "errorsWhileComputingFlags": any(one.value is None for one in found),
        "requestId": request_id,
        "evaluatedAt": int(time.time() * 1000),
    }


def _legacy(found: list[Evaluation], request_id: str) -> dict[str, Any]:
    return {
        **_frame(found, request_id),
        "featureFlags": {one.key: one.value or False for one in found},
        "featureFlagPayloads": {one.key: one.payload for one in found if one.value and one.payload is not None},
    }


def _detail(published: Published, one: Evaluation, *, is_typed: bool) -> dict[str, Any]:
    flag = published.flags[one.key]
    variant = one.value if isinstance(one.value, str) else None
    metadata = {
        "id": flag.get("id", 0),
        "version": flag.get("version") or 0,
        "description": None,
        "payload": one.payload if one.value else None,
        "has_experiment": bool(flag.get("has_experiment")),
    }
    detail: dict[str, Any] = {"key": one.key, "enabled": bool(one.value), "variant": variant}
    if is_typed:
        detail["value"] = one.value
        metadata.update(config_version=1, variant_key=variant)
    if one.value is None:
        detail["failed"] = True
    return {**detail, "reason": _reason(one), "metadata": metadata}


def _reason(one: Evaluation) -> dict[str, Any]:
    code = one.unresolved or _CODES.get(one.reason, one.reason)
    description = _DESCRIPTIONS.get(code)
    if code == "condition_match":
        description = f"Matched condition set {(one.condition_index or 0) + 1}"
    return {"code": code, "condition_index": one.condition_index, "description": description}
