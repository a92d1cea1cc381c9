"""A batch that is refused for one of its messages, or for its size, and a cluster that has changed."""

from __future__ import annotations

import pytest

from fastbatch.dialects.rudderstack import RudderStack, node_hash
from tests.support.faulty_server import SUCCESS, FaultyServer, Reply, answer
from tests.support.outcomes import at_once, deliver, numbers_of

DIALECTS = ["segment", "rudderstack"]


def refusing(*poison: int, status: int = 400):
    """Return a server's answer: ``status`` to batches that hold one of these events, else success."""

    def reply(request):
        numbers = {message["properties"]["number"] for message in request.json["batch"]}
        return Reply(status, b"no") if numbers & set(poison) else Reply()

    return reply


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize("poison", [(0,), (6,), (3, 4), (0, 1, 2, 3, 4, 5, 6)], ids=["first", "last", "two", "all"])
def test_a_refused_batch_is_halved_until_only_the_messages_to_blame_are_dropped(make_client, dialect, status, poison):
    """One bad message costs one message, whatever it was sent with."""
    with FaultyServer(default=refusing(*poison, status=status)) as server:
        outcome = deliver(make_client, count=7, dialect=dialect, endpoint=server.url())
        requests = server.requests
    assert outcome.stats.delivered == 7 - len(poison)
    assert outcome.stats.dropped == {"rejected": len(poison)}
    rejected = [report for report in outcome.reports if not report.delivered]
    assert [(report.messages, report.cause, report.status, report.detail) for report in rejected] == [
        (1, "rejected", status, f"HTTP {status}: no")
    ] * len(poison)
    # No message that the server took is sent again.
    taken = [
        number for request in requests if not set(numbers_of(request)) & set(poison) for number in numbers_of(request)
    ]
    assert sorted(taken) == sorted(set(range(7)) - set(poison))
    assert len(requests) <= 13


@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_refusal_costs_a_batch_of_many_nothing(make_client, server, dialect):
    """A server that only had a bad moment gets everything in two halves."""
    server.then(answer(400, b"hiccup"))
    outcome = deliver(make_client, count=8, dialect=dialect)
    assert sorted(report.messages for report in outcome.reports) == [4, 4]
    assert outcome.stats.delivered == 8
    assert [sorted(numbers_of(request)) for request in server.requests] == [[*range(8)], [*range(4)], [*range(4, 8)]]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_halving_does_not_use_up_the_attempts(make_client, dialect):
    """A message at the bottom of sixteen was in five requests, and is entitled to its own attempts."""
    with FaultyServer(default=refusing(5)) as server:
        outcome = deliver(make_client, count=16, dialect=dialect, endpoint=server.url(), max_attempts=1)
    assert (outcome.stats.delivered, outcome.stats.dropped) == (15, {"rejected": 1})
    assert {report.attempts for report in outcome.reports} == {1}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_halves_are_tried_again_each_for_itself(make_client, server, dialect):
    """A 413, then a bad moment for the first half: it alone is repeated."""
    server.then(answer(413), answer(503), answer(200))
    outcome = deliver(make_client, count=4, dialect=dialect)
    assert outcome.stats.delivered == 4
    assert sorted((report.messages, report.attempts) for report in outcome.reports) == [(2, 1), (2, 2)]


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_refusal_of_the_key_drops_the_whole_batch_with_one_request(make_client, server, dialect, status):
    """No part of it would fare better."""
    server.then(answer(status))
    outcome = deliver(make_client, count=8, dialect=dialect)
    assert (outcome.report.messages, outcome.report.cause, outcome.report.attempts) == (8, "rejected", 1)
    assert len(server.requests) == 1


def nodes(count: int):
    return answer(200, b'{"nodeCount":%d}' % count)


def test_451_on_rudderstack_learns_the_nodes_and_sends_each_its_users(make_client, server):
    """One question, then one request a node; every event arrives once."""
    server.then(answer(451), nodes(3))
    outcome = deliver(make_client, count=20, dialect="rudderstack")
    assert outcome.stats.delivered == 20
    first, question, *rest = server.requests
    assert (first.headers["rs-nodecount"], question.method, question.path) == ("1", "GET", "/cluster-info")
    assert sorted(number for request in rest for number in numbers_of(request)) == [*range(20)]
    for request in rest:
        node = request.headers["rs-targetnode"]
        assert request.headers["rs-nodecount"] == "3"
        assert {str(node_hash(message["userId"], message["anonymousId"]) % 3) for message in request.json["batch"]} == {
            node
        }
    assert sum(report.messages for report in outcome.reports) == 20
    assert {report.attempts for report in outcome.reports} == {2}


@pytest.mark.parametrize("failure", [answer(500), answer(200, b"<html>"), answer(200, b'{"nodeCount":0}')])
def test_451_without_an_answer_about_the_nodes_is_tried_again_as_before(make_client, server, failure, caplog):
    """Three questions, then the old count once more, and a line that says so."""
    server.then(answer(451), failure, failure, failure)
    report = deliver(make_client, dialect="rudderstack").report
    assert (report.delivered, report.attempts) == (True, 2)
    assert [request.method for request in server.requests] == ["POST", "GET", "GET", "GET", "POST"]
    [line] = [record.getMessage() for record in caplog.records if "rerouted" in record.getMessage()]
    assert line.startswith("1 event not rerouted (the old routes stay): /cluster-info: HTTP ")


class Lost(RudderStack):
    """A dialect whose search for routes fails."""

    def reroute(self, ask, endpoint):
        raise LookupError("swordfish")


def test_a_dialect_that_fails_to_find_routes_is_named_in_the_log_and_no_more_of_it(make_client, server, caplog):
    """What a third party's exception says may be a payload."""
    server.then(answer(451))
    report = deliver(make_client, dialect=Lost()).report
    assert (report.delivered, report.attempts) == (True, 2)
    assert "1 event not rerouted (the old routes stay): the dialect raised LookupError" in caplog.text
    assert "swordfish" not in caplog.text


def test_451_for_ever_is_given_up_after_max_attempts(make_client, server):
    """A cluster that never agrees with its own count is a failure like any other."""
    server.then(*[answer(451, b"resizing"), nodes(2)] * 3)
    report = deliver(make_client, dialect="rudderstack", max_attempts=3).report
    assert (report.cause, report.attempts, report.status) == ("retries_exhausted", 3, 451)
    assert report.detail == "HTTP 451: resizing"


def test_451_without_proxy_support_is_tried_again_and_nobody_is_asked(make_client, server):
    """There is nobody to ask."""
    server.then(answer(451))
    report = deliver(make_client, dialect=RudderStack(no_proxy_support=True)).report
    assert (report.delivered, report.attempts) == (True, 2)
    assert [request.method for request in server.requests] == ["POST", "POST"]


def test_451_on_segment_is_final(make_client, server):
    """There it has its ordinary meaning: unavailable for legal reasons."""
    server.then(answer(451, b""))
    report = deliver(make_client, dialect="segment").report
    assert (report.cause, report.attempts, report.detail) == (
        "rejected",
        1,
        "HTTP 451: Unavailable For Legal Reasons",
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_order_of_a_user_survives_retries_and_splits(make_client, dialect):
    """With ``ordering="user"`` nothing of a user's passes what is still being tried."""
    failures = {"left": 6}

    def reply(request):
        if request.method == "GET":
            return Reply(404)
        if failures["left"]:
            failures["left"] -= 1
            return Reply((503, 400, 429)[failures["left"] % 3], b"not now")
        arrived.append(numbers_of(request))
        return Reply(200, SUCCESS)

    arrived: list[list[int]] = []
    with FaultyServer(default=reply) as server:
        client = make_client(
            dialect=dialect, endpoint=server.url(), ordering="user", senders=2, batch_size=8, retry_after=at_once
        )
        for number in range(40):
            client.track("user-1", "Event", {"number": number})
        assert client.flush(20.0) == (40, 0, 0)
    assert [number for batch in arrived for number in batch] == [*range(40)]
