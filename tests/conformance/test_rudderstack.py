"""RudderStack's wire: our bytes against RudderStack's own SDKs, documents and gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastbatch.dialects import RudderStack
from fastbatch.dialects.rudderstack import CLUSTER_INFO_TRIES, MOST_NODES, node_hash
from fastbatch.errors import TransportError
from fastbatch.typing import Attempt, Constants, Response
from fastbatch.version import VERSION

LIBRARY = {"name": "fastbatch", "version": VERSION}
SENT_AT = "2026-11-21T10:09:53.445Z"
ALWAYS = {"type", "messageId", "originalTimestamp", "sentAt", "context", "channel"}

# Root keys of rudderlabs/analytics-go 4.2.3 besides ALWAYS; anonymousId is generated for some kinds only (R4).
SHAPES = [
    ("track", {"userId": "u1", "event": "Order", "properties": {"revenue": 1.5}}, True),
    ("page", {"userId": "u1", "name": "Home", "properties": {}}, True),
    ("screen", {"userId": "u1", "name": "Home", "properties": {}}, True),
    ("group", {"userId": "u1", "groupId": "g1", "traits": {"plan": "x"}}, True),
    ("identify", {"userId": "u1", "traits": {"plan": "x"}}, False),
    ("alias", {"previousId": "old", "userId": "u1"}, False),
]


def attempt(route: int) -> Attempt:
    """Return a first attempt of a group."""
    return Attempt(1, "01a1fd95-9b9b-431e-bc15-a940cc2e804b", SENT_AT, SENT_AT, route)


@pytest.mark.parametrize(("kind", "fields", "has_anonymous_id"), SHAPES, ids=[shape[0] for shape in SHAPES])
def test_each_kind_has_the_root_keys_of_the_official_go_sdk(message_of, kind, fields, has_anonymous_id):
    """Only Track, Page, Screen and Group get a random anonymous id."""
    message = message_of(RudderStack(), kind, fields)
    assert set(message) == ALWAYS | set(fields) | ({"anonymousId"} if has_anonymous_id else set())
    assert message["channel"] == "server"
    assert message["context"] == {"library": LIBRARY}


def test_body_has_the_shape_of_the_captured_node_sdk(captured, body_of):
    """`originalTimestamp` and a `sentAt` per message, as the Node SDK sends them."""
    body = captured("analytics-node/3.0.13")["body"]
    ours = body_of(RudderStack(), ("track", {"userId": "u1", "event": "Order", "properties": {"revenue": 1.5}}))
    assert set(ours) == set(body) - {"timestamp"}
    assert set(ours["batch"][0]) == (set(body["batch"][0]) - {"_metadata"}) | {"anonymousId"}


def test_body_has_the_shape_of_the_captured_python_sdk(captured, body_of):
    """The Python SDK differs by the timestamp's name, by `{"All": true}` and by the place of `sentAt`."""
    body = captured("analytics-python/2.1.9")["body"]
    ours = body_of(RudderStack(), ("track", {"userId": "u1", "event": "Order", "properties": {"revenue": 1.5}}))
    assert set(ours) == set(body)
    theirs = set(body["batch"][0]) - {"timestamp", "integrations"} | {"originalTimestamp", "sentAt"}
    assert set(ours["batch"][0]) == theirs


def test_request_has_the_path_and_headers_of_the_captured_python_sdk(captured):
    """Basic authorization is the write key and a colon."""
    capture = captured("analytics-python/2.1.9")
    headers = RudderStack().headers("WK")
    assert RudderStack().url("http://sink").removeprefix("http://sink") == capture["path"]
    for name in ("Authorization", "Content-Type"):
        assert headers[name] == capture["h"][name]


def test_sent_at_is_written_into_each_message_at_every_attempt(body_of):
    """The gateway reads it there; one from the first attempt would shift the times of a batch that had to wait."""
    body = body_of(RudderStack(), ("track", {"userId": "a"}), ("alias", {"userId": "b", "previousId": "c"}))
    assert [message["sentAt"] for message in body["batch"]] == [SENT_AT, SENT_AT]
    assert body["sentAt"] == SENT_AT
    assert "writeKey" not in body


def test_envelope_lengths_do_not_vary_between_calls():
    """The framer subtracts them from the body's limit once, the message head from each message."""
    first = RudderStack().envelope("WK", "2026-11-21T10:09:52.945Z")
    second = RudderStack().envelope("WK", "2031-01-01T00:00:00.000Z")
    assert [len(part) for part in first] == [len(part) for part in second]


def test_a_callers_timestamp_becomes_the_original_timestamp(message_of):
    """Historical imports keep their time, under the one name that the gateway corrects."""
    message = message_of(RudderStack(), "track", {"userId": "u", "timestamp": "2001-01-01T00:00:00.000Z"})
    assert message["originalTimestamp"] == "2001-01-01T00:00:00.000Z"
    assert "timestamp" not in message


def test_what_the_caller_gave_is_not_stamped_again(message_of):
    """Ids, context and destinations of the message win over stamps and defaults."""
    given = {"anonymousId": "a", "messageId": "m", "context": {"ip": "::1"}, "integrations": {"All": False}}
    message = message_of(RudderStack(), "track", given, context={"ip": "0.0.0.0"}, integrations={"All": True})
    assert {name: message[name] for name in given} == {**given, "context": {"ip": "::1", "library": LIBRARY}}


def test_a_callers_channel_and_sent_at_are_left_out(message_of):
    """Both are the dialect's to write, and no name may be in a message twice."""
    message = message_of(RudderStack(), "track", {"userId": "u", "channel": "web", "sentAt": "never"})
    assert (message["channel"], message["sentAt"]) == ("server", SENT_AT)


def test_default_context_reaches_every_message(message_of):
    """The Go SDK keeps it and never sends it (R1)."""
    message = message_of(RudderStack(), "identify", {"userId": "u"}, context={"app": {"name": "shop"}})
    assert message["context"] == {"app": {"name": "shop"}, "library": LIBRARY}


def test_limits_are_those_of_the_go_sdk():
    """And only gzip, which is all that the gateway can read."""
    assert RudderStack().limits == (250, 32_768, 512_000)
    assert RudderStack().compressions == {"gzip", "none"}
    assert RudderStack().endpoint == "https://hosted.rudderlabs.com"
    assert RudderStack().url("https://example.dataplane.rudderstack.com/") == (
        "https://example.dataplane.rudderstack.com/v1/batch"
    )


# rudder-server's gateway/response/response.go names 400, 401, 404, 413, 429, 500, 503 and 504.
OUTCOMES = [
    *((status, "delivered") for status in (200, 201, 204)),
    *((status, "retry") for status in (408, 429, 500, 502, 503, 504, 507, 520, 599)),
    *((status, "split") for status in (400, 413)),
    *((status, "drop") for status in (301, 308, 401, 403, 404, 405, 410, 422, 501, 505)),
    (451, "reroute"),
]


@pytest.mark.parametrize(("status", "outcome"), OUTCOMES)
def test_status_has_the_outcome_that_the_gateway_means(status, outcome):
    """A disabled source (404) and a wrong key (401) are final, a full gateway is not."""
    assert RudderStack().verdict(Response(status, {}, b"")).outcome == outcome


@pytest.mark.parametrize(
    ("user_id", "anonymous_id", "expected"),
    [
        ("123456", "789012", 4192350284),
        (None, None, 336475711),
        ("u", None, 3583854334),
    ],
)
def test_node_hash_is_the_crc_of_both_ids(user_id, anonymous_id, expected):
    """The first vector is the Go SDK's; the others are from the trailer of `printf u: | gzip`."""
    assert node_hash(user_id, anonymous_id) == expected


def test_route_reads_the_ids_of_the_encoded_message():
    """4192350284 is 2 modulo 3."""
    dialect = RudderStack()
    dialect.routes = 3
    assert dialect.route(b'{"type":"track","userId":"123456","properties":{"userId":"x"},"anonymousId":"789012"}') == 2
    assert dialect.route(b"damaged") == 0


def test_the_headers_of_an_attempt_name_the_node_and_the_count():
    """They are sent from the first request on, when the count is one."""
    dialect = RudderStack()
    assert dialect.attempt_headers(attempt(0)) == {
        "RS-targetNode": "0",
        "RS-nodeCount": "1",
        "RS-userAgent": "serverSDK",
    }
    dialect.routes = 3
    assert dialect.attempt_headers(attempt(2)) == {
        "RS-targetNode": "2",
        "RS-nodeCount": "3",
        "RS-userAgent": "serverSDK",
    }


def test_route_of_a_count_that_has_shrunk_is_still_a_node():
    """Another thread may change the count between the grouping and the headers."""
    assert RudderStack().attempt_headers(attempt(2))["RS-targetNode"] == "0"


class Asked:
    """Answers `reroute` from a list and remembers what was asked."""

    def __init__(self, *answers: Response | TransportError) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, str]] = []

    def __call__(self, method: str, url: str) -> Response:
        self.requests.append((method, url))
        answer = self.answers.pop(0)
        if isinstance(answer, TransportError):
            raise answer
        return answer


def nodes(count: Any) -> Response:
    return Response(200, {}, json.dumps({"nodeCount": count}).encode())


@pytest.mark.parametrize(
    "endpoint", ["https://plane.example", "https://plane.example/", "https://plane.example/v1/batch"]
)
def test_reroute_takes_the_node_count_of_cluster_info(endpoint):
    """One clear answer is enough, and its address is below the base URL."""
    dialect, ask = RudderStack(), Asked(nodes(5))
    dialect.reroute(ask, endpoint)
    assert (dialect.routes, ask.requests) == (5, [("GET", "https://plane.example/cluster-info")])


def test_reroute_asks_again_after_a_failure():
    """A proxy that is being resized may need a second question."""
    dialect = RudderStack()
    dialect.reroute(
        Asked(TransportError("reset", possibly_delivered=False), Response(503, {}, b""), nodes(4)), "http://p"
    )
    assert dialect.routes == 4


@pytest.mark.parametrize(
    "answer",
    [
        nodes(0), nodes(-1), nodes("3"), nodes(True), nodes(2.5), nodes(None), nodes(MOST_NODES + 1),
        Response(200, {}, b"not json"), Response(200, {}, b"[3]"), Response(404, {}, b'{"nodeCount":3}'),
        TransportError("refused", possibly_delivered=False),
    ],
    ids=["zero", "negative", "text", "true", "fraction", "null", "too-many", "garbage", "list", "404", "refused"],
)  # fmt: skip
def test_reroute_keeps_the_old_count_without_a_clear_answer(answer):
    """And gives up after a few tries, because the batch is retried anyhow."""
    dialect, ask = RudderStack(), Asked(*[answer] * CLUSTER_INFO_TRIES)
    dialect.routes = 2
    said = "refused" if isinstance(answer, TransportError) else f"HTTP {answer.status} without a count of nodes"
    with pytest.raises(TransportError, match=f"^/cluster-info: {said}$"):
        dialect.reroute(ask, "http://plane")
    assert (dialect.routes, len(ask.requests)) == (2, CLUSTER_INFO_TRIES)


def test_without_proxy_support_nodes_are_never_mentioned():
    """The option does what its document says (R2): no headers, no questions; a 451 is retried."""
    dialect, ask = RudderStack(no_proxy_support=True), Asked()
    dialect.reroute(ask, "http://plane")
    assert (ask.requests, dialect.routes, dialect.attempt_headers(attempt(0))) == ([], 1, {})
    assert dialect.verdict(Response(451, {}, b"")).outcome == "retry"
    assert RudderStack().verdict(Response(451, {}, b"")).outcome == "reroute"


def test_each_client_counts_its_own_nodes():
    """A count is a cluster's, and two clients may talk to two clusters."""
    first, second = RudderStack(), RudderStack()
    first.reroute(Asked(nodes(7)), "http://plane")
    assert (first.routes, second.routes) == (7, 1)


def test_answers_of_the_gateway_are_understood():
    """rudder-server answers plain text, and `OK` in words when it has stored the batch."""
    assert RudderStack().verdict(Response(200, {}, b"OK")).outcome == "delivered"
    refused = RudderStack().verdict(Response(400, {}, b"request neither has anonymousId nor userId\n"))
    assert (refused.outcome, refused.detail) == ("split", "request neither has anonymousId nor userId")


def test_constants_are_not_changed_by_the_dialect():
    """Constants are shared by every message."""
    constants = Constants({"app": {}}, {"All": True})
    RudderStack().fields("track", {"userId": "u", "context": {"ip": "::1"}}, constants)
    assert constants == Constants({"app": {}}, {"All": True})
