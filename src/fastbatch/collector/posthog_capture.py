"""PostHog's paths for events."""

from __future__ import annotations

from fastbatch.collector.bodies import WireError, inflate
from fastbatch.collector.posthog_v1 import check_headers, judge
from fastbatch.collector.posthog_wire import read_posted
from fastbatch.collector.request import Answer, Request, Route

__all__ = ["ROUTES", "admit", "plain_body", "refuse"]

_GZIP = b"\x1f\x8b\x08"
_TAGS = {
    400: "request_decoding_error", 401: "invalid_api_token", 413: "payload_too_large", 415: "unsupported_encoding",
    503: "service_unavailable",
}  # fmt: skip
_CODES = {400: "validation_error", 401: "authentication_error", 404: "not_found"}


def refuse(error: WireError) -> Answer:
    """Return the answer to a bad request, in the form that the SDKs look for: the reason is in ``detail``."""
    kind = _CODES.get(error.status, "server_error" if error.status >= 500 else "validation_error")
    return Answer(error.status, {"type": kind, "code": error.tag or kind, "detail": str(error), "attr": None})


def _refuse_v1(error: WireError) -> Answer:
    tag = error.tag or _TAGS.get(error.status, "internal_error")
    return Answer(error.status, {"error": tag, "error_description": str(error)})


def _capture(request: Request) -> Answer:
    token, received = read_posted(plain_body(request))
    admit(request, token)
    request.service.store.add(received, token)
    return Answer(200, {"status": 1})


def plain_body(request: Request) -> bytes:
    """Return the body: SDKs say that it is gzip in a header, in the query, in both, or not at all."""
    body = request.body(("identity", "gzip"))
    is_named = request.headers["Content-Encoding"] is None and request.query.get("compression") in ("gzip", "gzip-js")
    if is_named or body.startswith(_GZIP):
        body = inflate(body, "gzip", request.service.rules.max_body_bytes)
    return body


def _capture_v1(request: Request) -> Answer:
    token = check_headers(request.headers)
    admit(request, token)
    taken, results = judge(request.body(("identity", "gzip", "deflate", "zstd")))
    if taken:
        request.service.store.add(taken, token)
    return Answer(200, {"results": results})


def admit(request: Request, token: str) -> None:
    """Let a project key in, or answer with 401."""
    if not request.service.rules.admits(token):
        raise WireError(401, "this is not the project key of this collector", "invalid_api_token")


ROUTES: dict[str, dict[str, Route]] = {
    **{path: {"POST": Route(_capture, refuse)} for path in ("/batch", "/capture", "/e", "/i/v0/e", "/track")},
    "/i/v1/analytics/events": {"POST": Route(_capture_v1, _refuse_v1)},
}
