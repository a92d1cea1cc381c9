"""RudderStack's HTTP API, as its gateway and the proxy in front of a cluster of gateways understand it."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Mapping

from fastbatch.dialects.base import BaseDialect
from fastbatch.dialects.status import SERVER_ERRORS, StatusTable
from fastbatch.errors import TransportError
from fastbatch.fastjson import loads
from fastbatch.typing import Attempt, Constants, Envelope, Response, Stamp

__all__ = ["RudderStack", "node_hash"]

KINDS_WITH_ANONYMOUS_ID = frozenset({"track", "page", "screen", "group"})

CLUSTER_INFO_TRIES = 3
"""Back to back: the batch that asks waits before its next attempt anyhow."""

MOST_NODES = 65_536
"""A count beyond it is taken for a mistake."""


class RudderStack(BaseDialect):
    """
    ``{"batch":[{"sentAt":"...",...}],"sentAt":"..."}``.

    The gateway reads ``sentAt`` and ``originalTimestamp`` of each message and corrects their difference by its own
    clock, so ``sentAt`` is written into every message at every attempt.

    Args:
        no_proxy_support:
            True for a server without RudderStack's cluster proxy: no RS headers, one route, and no question about
            the cluster's size.

    Thread safety:
        Any thread. ``routes`` changes by one assignment; a batch that was grouped by the old count is answered 451
        again and rerouted.
    """

    name = "rudderstack"
    endpoint = "https://hosted.rudderlabs.com"
    statuses = StatusTable(retry=SERVER_ERRORS | {408, 429}, split=frozenset({400, 413}), reroute=frozenset({451}))
    renames: Mapping[str, str] = {"timestamp": "originalTimestamp"}
    reserved = frozenset({"type", "channel", "sentAt"})

    def __init__(self, *, no_proxy_support: bool = False) -> None:
        self.no_proxy_support = no_proxy_support
        self.routes = 1
        if no_proxy_support:
            # There is no one to ask; a cluster that is being resized may still accept a later attempt.
            table = type(self).statuses
            self.statuses = dataclasses.replace(table, retry=table.retry | table.reroute, reroute=frozenset())

    def members(self, kind: str, constants: Constants) -> dict[str, object]:
        """Return the common members, a random anonymous id for the kinds that have one, and the channel."""
        members = super().members(kind, constants)
        if kind in KINDS_WITH_ANONYMOUS_ID:
            members["anonymousId"] = Stamp.ANONYMOUS_ID
        members["channel"] = "server"
        return members

    def envelope(self, write_key: str, sent_at: str) -> Envelope:
        """Return the common envelope, and ``sentAt`` as the first member of each message."""
        head = f'{{"sentAt":"{sent_at}",'.encode("ascii")
        return super().envelope(write_key, sent_at)._replace(message_head=head)

    def route(self, message: bytes) -> int:
        """Return the node that keeps this message's user."""
        try:
            fields = loads(message)
        except ValueError:
            return 0
        return node_hash(fields.get("userId"), fields.get("anonymousId")) % self.routes

    def attempt_headers(self, attempt: Attempt) -> Mapping[str, str]:
        """Return the proxy's headers, unless there is no proxy."""
        if self.no_proxy_support:
            return {}
        nodes = self.routes
        return {"RS-targetNode": str(attempt.route % nodes), "RS-nodeCount": str(nodes), "RS-userAgent": "serverSDK"}

    def reroute(self, ask: Callable[[str, str], Response], endpoint: str) -> None:
        """
        Ask the proxy for the number of nodes.

        Raises:
            TransportError: There was no clear answer; the old number stays.
        """
        if self.no_proxy_support:
            return
        url = self.base_url(endpoint) + "/cluster-info"
        problem = ""
        for _ in range(CLUSTER_INFO_TRIES):
            try:
                response = ask("GET", url)
            except TransportError as error:
                problem = str(error)
                continue
            nodes = _node_count(response)
            if nodes is not None:
                self.routes = nodes
                return
            problem = f"HTTP {response.status} without a count of nodes"
        raise TransportError(f"/cluster-info: {problem}", possibly_delivered=False)


def node_hash(user_id: object, anonymous_id: object) -> int:
    """Return the CRC-32 of ``userId:anonymousId``, by which messages are shared out; a missing id is empty."""
    key = ":".join("" if id_ is None else str(id_) for id_ in (user_id, anonymous_id))
    return zlib.crc32(key.encode("utf-8", "surrogatepass"))


def _node_count(response: Response) -> int | None:
    if response.status != 200:
        return None
    try:
        answer = loads(response.body)
    except (ValueError, RecursionError):
        return None
    nodes = answer.get("nodeCount") if isinstance(answer, dict) else None
    if not isinstance(nodes, int) or isinstance(nodes, bool):
        return None
    return nodes if 1 <= nodes <= MOST_NODES else None
