"""The paths of Segment and RudderStack, and those for whoever looks after the collector."""

from __future__ import annotations

import functools
from collections.abc import Callable

from fastbatch.collector.bodies import WireError
from fastbatch.collector.request import Answer, Request, Route
from fastbatch.collector.wire import KINDS, Received, basic_user, read_batch, read_single

__all__ = ["ROUTES", "refuse"]

_ENCODINGS = ("identity", "gzip", "zstd")


def refuse(error: WireError) -> Answer:
    """Return the answer to a bad request."""
    challenge = (("WWW-Authenticate", 'Basic realm="write key"'),) if error.status == 401 else ()
    return Answer(error.status, {"success": False, "error": str(error)}, challenge)


def _write_key(request: Request) -> str:
    key = basic_user(request.headers["Authorization"])
    if not key:
        raise WireError(401, "a write key is needed: Authorization: Basic base64(write_key + ':')")
    if not request.service.rules.admits(key):
        raise WireError(401, "this is not the write key of this collector")
    return key


def _store(request: Request, read: Callable[[bytes], list[Received]]) -> Answer:
    key = _write_key(request)
    request.service.store.add(read(request.body(_ENCODINGS)), key)
    return Answer(200, {"success": True})


def _is_healthy(_request: Request) -> Answer:
    return Answer(200, {"status": "ok"})


def _cluster_info(_request: Request) -> Answer:
    return Answer(200, {"nodeCount": 1})


def _single(kind: str) -> Callable[[Request], Answer]:
    return functools.partial(_store, read=functools.partial(read_single, kind=kind))


ROUTES: dict[str, dict[str, Route]] = {
    "/health": {"GET": Route(_is_healthy, refuse)},
    "/cluster-info": {"GET": Route(_cluster_info, refuse)},
    "/v1/batch": {"POST": Route(functools.partial(_store, read=read_batch), refuse)},
    **{f"/v1/{kind}": {"POST": Route(_single(kind), refuse)} for kind in sorted(KINDS)},
}
