"""PostHog's paths for feature flags: evaluated here, or handed out for evaluation in the program."""

from __future__ import annotations

import functools
import hmac
import json
import uuid
from collections.abc import Callable
from typing import Any

from fastbatch.collector.bodies import WireError
from fastbatch.collector.flag_answers import decide_answer, evaluate, flags_answer, runtime_of, subject_of
from fastbatch.collector.posthog_capture import admit, plain_body, refuse
from fastbatch.collector.posthog_wire import canonical_uuid, check_token
from fastbatch.collector.request import Answer, Request, Route
from fastbatch.collector.wire import decoded

__all__ = ["ROUTES"]

_CACHED = ("Cache-Control", "private, must-revalidate")


def _evaluated(request: Request, shape: Callable[..., dict[str, Any]], default_version: int) -> Answer:
    body = _body(request)
    token = next((body[name] for name in ("api_key", "token", "$token") if body.get(name) is not None), None)
    if not isinstance(token, str):
        raise WireError(401, 'an "api_key" is needed in the body', "invalid_api_token")
    admit(request, check_token(token))
    subject = subject_of(body)
    keys = body.get("flag_keys_to_evaluate")
    if keys is not None and not (isinstance(keys, list) and all(isinstance(key, str) for key in keys)):
        raise WireError(400, "flag_keys_to_evaluate must be a list of texts")
    published = request.service.flags.current()
    is_wanted = body.get("disable_flags") is not True
    found = evaluate(published, subject, runtime_of(request.headers, body), keys) if is_wanted else []
    request_id = canonical_uuid(request.headers["X-Request-Id"] or "") or str(uuid.uuid4())
    return Answer(200, shape(published, found, _version(request, default_version), request_id))


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(decoded(plain_body(request)))
    except (ValueError, RecursionError) as error:
        raise WireError(400, f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise WireError(400, "the body must be an object")
    return body


def _version(request: Request, default: int) -> int:
    text = request.query.get("v") or request.query.get("version")
    if not text:
        return default
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 1


def _definitions(request: Request, *, needs_token: bool) -> Answer:
    _check_keys(request, needs_token=needs_token)
    published = request.service.flags.current()
    headers = (("ETag", f'W/"{published.etag}"'), _CACHED)
    known = (request.headers["If-None-Match"] or "").strip().removeprefix("W/").strip('"')
    return Answer(304, b"", headers) if known == published.etag else Answer(200, published.body, headers)


def _remote_config(request: Request) -> Answer:
    _check_keys(request, needs_token=False)
    flags = request.service.flags.current().flags
    key = request.values["key"]
    flag = next((one for name, one in flags.items() if key in (name, str(one.get("id")))), None)
    if flag is None or flag.get("is_remote_configuration") is False:
        raise WireError(404, f"no remote config is named {key!r}", "not_found")
    filters = flag.get("filters")
    payloads = filters.get("payloads") if isinstance(filters, dict) else None
    payload = payloads.get("true") if isinstance(payloads, dict) else None
    return Answer(200, json.dumps(payload).encode() if payload else b"")


def _check_keys(request: Request, *, needs_token: bool) -> None:
    """Look at both keys of a request for definitions: the project's in the query, a secret one in the header."""
    token = request.query.get("token")
    if token is not None:
        token = check_token(token)
        admit(request, token)
    elif needs_token:
        raise WireError(400, "the project key is needed: ?token=phc_...")
    scheme, _, key = (request.headers["Authorization"] or "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise WireError(401, "a personal API key is needed: Authorization: Bearer phx_...", "not_authenticated")
    wanted = request.service.rules.personal_api_key
    is_right = wanted is None or hmac.compare_digest(key.encode(), wanted.encode())
    if key == token or key.startswith("phc_") or not is_right:
        raise WireError(401, "this is not a personal API key of this collector", "authentication_failed")


_REMOTE_CONFIG = "/api/projects/{project}/feature_flags/{key}/remote_config"

ROUTES: dict[str, dict[str, Route]] = {
    "/flags": {"POST": Route(functools.partial(_evaluated, shape=flags_answer, default_version=2), refuse)},
    "/decide": {"POST": Route(functools.partial(_evaluated, shape=decide_answer, default_version=1), refuse)},
    "/flags/definitions": {"GET": Route(functools.partial(_definitions, needs_token=True), refuse)},
    "/api/feature_flag/local_evaluation": {"GET": Route(functools.partial(_definitions, needs_token=False), refuse)},
    _REMOTE_CONFIG: {"GET": Route(_remote_config, refuse)},
}
