"""Capture V1 from end to end: a server that judges each event, and an account of what became of each."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from fastbatch import Capture, Client
from fastbatch.errors import TransportError
from fastbatch.pipeline.encode import encode
from fastbatch.typing import Response
from tests.support.capture_v1 import JudgingServer, Seen, results
from tests.support.faulty_server import answer
from tests.support.outcomes import at_once
from tests.support.transports import Recorder

DEADLINE = 10.0


@pytest.fixture
def judged(make_client: Callable[..., Client]) -> Iterator[Callable[..., tuple[Client, JudgingServer]]]:
    """Makes a server that judges, and a client of it whose batches wait for a flush and whose retries do not wait."""
    with ExitStack() as servers:

        def make(
            judge: Any = lambda event, times: "ok", headers: dict[str, str] | None = None, **settings: Any
        ) -> tuple[Client, JudgingServer]:
            server = servers.enter_context(JudgingServer(judge, headers))
            chosen = {"interval": 3600.0, "senders": 1, "batch_size": 1000, "retry_after": at_once, **settings}
            return make_client("phc_x", dialect="posthog", capture_mode="v1", endpoint=server.url(), **chosen), server

        yield make


def enqueue(client: Client, *names: str) -> None:
    for name in names:
        assert client.enqueue(Capture(distinct_id="u", event=name, properties={"name": name}))


def told(event: dict[str, Any], times: int) -> str | tuple[str, str]:
    """Judge an event by its name: its words in order, of which the last stays."""
    words = event["event"].split()
    word: str = words[min(times, len(words)) - 1]
    return (word, f"{word}_details") if word in ("drop", "warning", "retry") else word


def assert_one_request(seen: list[Seen]) -> None:
    """All attempts have one name and one time of creation, and count from 1; each has a time of its own."""
    assert len({each.request_id for each in seen}) == 1
    assert len({each.created_at for each in seen}) == 1
    assert [each.attempt for each in seen] == list(range(1, len(seen) + 1))
    assert all(each.created_at <= each.sent_at for each in seen)


def test_only_what_the_server_wants_again_goes_again_byte_for_byte(judged):
    """Each event has the outcome that the server gave it; what is sent again is the same bytes in the same order."""
    heard = Recorder()
    client, server = judged(told, callback=heard, on_delivery=heard.report)
    enqueue(client, "ok", "drop", "retry ok", "warning", "retry retry drop", "retry retry retry warning", "limited")
    assert client.flush(DEADLINE) == (4, 3, 0)
    seen = server.seen
    assert [each.names for each in seen] == [
        ["ok", "drop", "retry ok", "warning", "retry retry drop", "retry retry retry warning", "limited"],
        ["retry ok", "retry retry drop", "retry retry retry warning"],
        ["retry retry drop", "retry retry retry warning"],
        ["retry retry retry warning"],
    ]
    assert_one_request(seen)
    texts = {event["uuid"]: text for event, text in zip(seen[0].events, seen[0].texts, strict=True)}
    assert all(texts[e["uuid"]] == text for each in seen for e, text in zip(each.events, each.texts, strict=True))
    stats = client.stats()
    assert (stats.accepted, stats.delivered, stats.dropped) == (7, 4, {"rejected": 3})
    assert (stats.attempts, stats.retries) == (4, 3)
    assert sorted(message["event"] for message in heard.successes) == [
        "ok", "retry ok", "retry retry retry warning", "warning",
    ]  # fmt: skip
    causes = {message["event"]: str(error) for message, error in heard.failures}
    assert causes == {
        "drop": "not delivered (rejected, HTTP 200): HTTP 200: drop_details",
        "retry retry drop": "not delivered (rejected, HTTP 200): HTTP 200: drop_details",
        "limited": "not delivered (rejected, HTTP 200): HTTP 200: limited",
    }
    assert sum(report.messages for report in heard.reports) == 7
    assert {(report.delivered, report.detail, report.attempts) for report in heard.reports} == {
        (True, "", 1), (True, "warning_details", 1),
        (False, "HTTP 200: drop_details", 1), (False, "HTTP 200: limited", 1),
        (True, "", 2), (False, "HTTP 200: drop_details", 3), (True, "warning_details", 4),
    }  # fmt: skip


def test_an_answer_that_is_the_same_for_all_events_leaves_the_batch_whole(judged):
    """One report; there is nothing to divide."""
    heard = Recorder()
    client, server = judged(lambda event, times: ("retry", "ok")[times - 1], on_delivery=heard.report)
    enqueue(client, "a", "b")
    assert client.flush(DEADLINE) == (2, 0, 0)
    assert [each.names for each in server.seen] == [["a", "b"], ["a", "b"]]
    [report] = heard.reports
    assert (report.messages, report.attempts) == (2, 2)


def test_events_that_the_server_never_takes_are_given_up_one_by_one(judged):
    """The count of attempts is the batch's, and its rest is what runs out of them."""
    client, server = judged(told, max_attempts=3)
    enqueue(client, "ok", "retry", "retry retry ok", "retry ok")
    assert client.flush(DEADLINE) == (3, 1, 0)
    assert client.stats().dropped == {"retries_exhausted": 1}
    assert [len(each.events) for each in server.seen] == [4, 3, 2]
    assert "HTTP 200: retry_details" in str(client.stats().last_error)


def test_a_refused_request_keeps_its_name_and_its_rest(judged):
    """A 503 is an attempt of the same request, before and after the server judged its events."""
    client, server = judged(told)
    server.then(answer(503))
    enqueue(client, "ok", "retry retry ok")
    assert client.flush(DEADLINE) == (2, 0, 0)
    assert [each.names for each in server.seen] == [["ok", "retry retry ok"]] * 2 + [["retry retry ok"]] * 2
    assert_one_request(server.seen)
    assert client.stats().attempts == 4


def test_two_batches_are_two_requests(judged):
    """Each has its name."""
    client, server = judged(batch_size=1)
    enqueue(client, "a", "b")
    client.flush(DEADLINE)
    assert client.stats().delivered == 2
    assert len({each.request_id for each in server.seen}) == 2
    assert [each.attempt for each in server.seen] == [1, 1]


def test_a_uuid_that_stands_in_a_batch_twice_costs_neither_event(judged):
    """The server refuses the whole batch for it; the halves are requests of their own, and are taken."""
    client, server = judged()
    same = "01a1fd95-9b9b-731e-bc15-a940cc2e804b"
    for name, uuid in (("a", same), ("b", None), ("c", same)):
        client.enqueue(Capture(distinct_id="u", event=name, uuid=uuid))
    assert client.flush(DEADLINE) == (3, 0, 0)
    whole, *parts = server.seen
    assert sorted(name for part in parts for name in part.names) == ["a", "b", "c"]
    assert {part.attempt for part in parts} == {1}
    assert len({each.request_id for each in server.seen}) == len(server.seen)
    assert {each.created_at for each in server.seen} == {whole.created_at}


@pytest.mark.parametrize(
    "body", [b"", b"<html>welcome</html>", b'{"results":{"01a1'], ids=["empty", "a page", "cut off"]
)
def test_a_200_that_says_nothing_of_the_events_is_made_good_by_the_next(judged, body):
    """The events are sent again with the same ids."""
    client, server = judged()
    server.then(answer(200, body))
    enqueue(client, "a", "b")
    assert client.flush(DEADLINE) == (2, 0, 0)
    assert_one_request(server.seen)
    assert len({tuple(each.texts) for each in server.seen}) == 1


def test_a_server_that_never_says_anything_of_the_events_may_have_them(judged):
    """Neither delivered nor plainly lost; and a later word on one event is a word on that one."""
    client, server = judged(told, max_attempts=3)
    server.then(answer(200, b""))
    enqueue(client, "ok", "retry", "drop")
    assert client.flush(DEADLINE) == (1, 2, 0)
    assert client.stats().dropped == {"possibly_delivered": 1, "rejected": 1}


def test_the_server_may_ask_for_time_before_it_sees_the_rest(judged):
    """Retry-After of a 200 is the least wait of what goes again."""
    client, server = judged(told, headers={"Retry-After": "1"})
    enqueue(client, "ok", "retry ok")
    began = time.monotonic()
    assert client.flush(DEADLINE) == (2, 0, 0)
    assert time.monotonic() - began >= 1.0
    assert len(server.seen) == 2


def test_a_batch_of_five_thousand_has_five_thousand_verdicts(judged):
    """An answer of half a megabyte is read whole."""
    client, server = judged(
        lambda event, times: (("ok", "drop", "retry")[event["properties"]["n"] % 3], "d" * 60) if times == 1 else "ok",
        batch_size=6000,
    )
    for number in range(5000):
        client.enqueue(Capture(distinct_id="u", event="e", properties={"n": number}))
    assert client.flush(30.0) == (3333, 1667, 0)
    assert [len(each.events) for each in server.seen] == [5000, 1666]


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_each_compression_arrives(judged, compression):
    """The header names it."""
    client, server = judged(compression=compression)
    enqueue(client, "a")
    assert client.flush(DEADLINE) == (1, 0, 0)
    assert server.requests[0].headers.get("content-encoding", "none") == compression


def test_four_senders_and_a_server_of_moods_lose_and_double_nothing(judged):
    """Each event is taken once, or dropped once, as the server said."""

    def moody(event: dict[str, Any], times: int) -> str:
        number: int = event["properties"]["n"]
        return ("ok", "drop", "retry", "warning", "retry")[(number * 7 + times * 3) % 5]

    client, server = judged(moody, senders=4, batch_size=20, interval=0.01, max_attempts=50)
    for number in range(2000):
        assert client.enqueue(Capture(distinct_id=f"u{number}", event="e", properties={"n": number}))
    result = client.flush(30.0)
    stats = client.stats()
    assert result.pending == 0
    assert set(server.accepted.values()) == {1}
    assert len(server.accepted) == stats.delivered
    assert stats.dropped == {"rejected": 2000 - stats.delivered}


def test_historical_migration_ends_with_an_exact_account(judged):
    """What before_send and the server dropped is in it, and nothing is in it twice."""
    client, server = judged(
        told,
        historical_migration=True,
        batch_size=10,
        before_send=lambda event: None if event["event"] == "unwanted" else event,
    )
    names = ["ok"] * 40 + ["drop"] * 7 + ["retry ok"] * 5 + ["unwanted"] * 3
    enqueue(client, *names)
    client.close(DEADLINE)
    stats = client.stats()
    assert (stats.accepted, stats.delivered, stats.dropped) == (55, 45, {"rejected": 7, "before_send": 3})
    assert all(request.json["historical_migration"] is True for request in server.requests)


def test_a_warning_is_a_delivery_that_the_log_mentions_once(judged, caplog):
    """Not once for each event; and no word of the events."""
    caplog.set_level(logging.WARNING)
    client, _ = judged(told, batch_size=2)
    enqueue(client, "ok", "warning", "warning", "ok", "warning", "warning")
    client.flush(DEADLINE)
    assert (client.stats().delivered, client.stats().healthy) == (6, True)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["1 event delivered with a warning (warning_details)"]


def test_what_waits_for_its_retry_when_the_client_is_closed_is_counted_as_such(judged):
    """The others have the server's word."""
    client, server = judged(told, retry_after=lambda attempt: 300.0)
    enqueue(client, "ok", "drop", "retry")
    client.flush(0.0)
    server.wait_for(1)
    client.close(0.3)
    assert client.stats().delivered == 1
    assert client.stats().dropped == {"rejected": 1, "shutdown": 1}


def test_an_answer_that_comes_while_the_client_gives_up_is_still_acted_on_exactly(scripted):
    """Whichever of the two comes first: each event has one outcome, and a delivered one is not counted as lost."""
    for _ in range(30):
        client, transport = scripted(
            dialect="posthog", capture_mode="v1", batch_size=3, senders=1, retry_after=lambda attempt: 300.0,
            default=lambda sent: Response(200, {}, results(sent.messages, lambda event: event["event"])),
        )  # fmt: skip
        transport.hold()
        enqueue(client, "ok", "drop", "retry")
        transport.wait_for(1)
        closer = threading.Thread(target=client.close, args=(0.0,))
        closer.start()
        transport.release()
        closer.join(DEADLINE)
        stats = client.stats()
        assert (stats.accepted, stats.in_flight) == (3, 0)
        whole = {"possibly_delivered": 3}
        divided = {"rejected": 1, "shutdown": 1}
        assert (stats.delivered, dict(stats.dropped)) in [(0, whole), (1, divided)], stats


def test_a_client_that_gives_up_between_the_verdicts_and_their_outcome_counts_them(scripted):
    """Each share has its word, and whoever comes first acts on it; what should go again is lost, and certainly so."""
    client, transport = scripted(
        dialect="posthog", capture_mode="v1", batch_size=3, senders=1, retry_after=lambda attempt: 300.0,
        default=lambda sent: Response(200, {}, results(sent.messages, lambda event: event["event"])),
    )  # fmt: skip
    is_divided, may_conclude = threading.Event(), threading.Event()
    sender = client._engine._sender
    conclude = sender._conclude

    def conclude_later(*arguments: Any) -> None:
        is_divided.set()
        assert may_conclude.wait(DEADLINE)
        conclude(*arguments)

    sender._conclude = conclude_later
    enqueue(client, "ok", "drop", "retry")
    assert is_divided.wait(DEADLINE)
    threads = list(client._engine._threads)
    closer = threading.Thread(target=client.close, args=(0.0,))
    closer.start()
    while client.stats().in_flight:
        time.sleep(0.001)
    may_conclude.set()
    closer.join(DEADLINE)
    for thread in threads:
        thread.join(DEADLINE)
    stats = client.stats()
    assert (stats.accepted, stats.delivered, stats.dropped) == (3, 1, {"rejected": 1, "shutdown": 1})
    assert len(transport.sent) == 1


def test_a_share_that_waits_for_its_retry_makes_room_for_newer_events(scripted):
    """`drop_oldest` gives it up like any batch that waits."""
    client, transport = scripted(
        dialect="posthog", capture_mode="v1", batch_size=2, senders=1, retry_after=lambda attempt: 300.0,
        max_message_bytes=4000, max_queue_bytes=40_000, on_full="drop_oldest",
        default=lambda sent: Response(200, {}, results(sent.messages, lambda event: event["event"])),
    )  # fmt: skip
    enqueue(client, "ok", "retry")
    transport.wait_for(1)
    while client.stats().delivered < 1:
        time.sleep(0.001)
    transport.hold()
    for number in range(200):
        assert client.enqueue(Capture(distinct_id="u", event="ok", properties={"n": number, "pad": "x" * 500}))
    assert client.stats().dropped["evicted"] >= 1
    transport.release()
    client.close(DEADLINE)
    assert client.stats().delivered + sum(client.stats().dropped.values()) == 202


class Interrupting(Recorder):
    """A callback that is interrupted at the first message it hears of."""

    def __init__(self) -> None:
        super().__init__()
        self._is_armed = True

    def success(self, message: dict[str, Any]) -> None:
        super().success(message)
        if self._is_armed:
            self._is_armed = False
            raise KeyboardInterrupt


def test_ctrl_c_in_a_callback_leaves_no_event_without_its_outcome(scripted):
    """With `sync_mode` callbacks run on the calling thread, between the shares of a batch."""
    heard = Interrupting()
    client, _ = scripted(
        TransportError("gone", possibly_delivered=False),
        dialect="posthog", capture_mode="v1", callback=heard, sync_mode=True,
        default=lambda sent: Response(200, {}, results(sent.messages, lambda event: told(event, sent.number + 1))),
    )  # fmt: skip
    engine = client._engine
    for name in ("ok", "drop", "retry retry ok"):  # queued and not yet sent, which no call does with `sync_mode`
        fields = client._dialect.fields("capture", {"event": name, "userId": "u"}, client._constants)
        number, _ = client._templates.find("capture", frozenset())
        assert client._first_lane.core.append(number, encode(fields, "capture"), time.time_ns()) >= 0
    with pytest.raises(KeyboardInterrupt):
        engine.send_now()
    engine.send_now()
    stats = client.stats()
    assert (stats.delivered, stats.dropped, stats.in_flight) == (2, {"rejected": 1}, 0)


def test_what_goes_again_on_its_own_goes_before_the_next_batch(judged):
    """Later events of its own batch the server has taken already."""
    client, server = judged(told, ordering="user", senders=2, batch_size=2)
    enqueue(client, "retry retry ok", "ok", "ok", "retry ok", "ok")
    client.flush(DEADLINE)
    assert client.stats().delivered == 5
    batches = [each.names for each in server.seen]
    assert batches == [["retry retry ok", "ok"], *[["retry retry ok"]] * 2, ["ok", "retry ok"], ["retry ok"], ["ok"]]


def test_batches_of_one_keep_the_order_of_a_user_whatever_the_server_wants_again(judged):
    """The only way on a wire where each event has a verdict of its own."""
    client, server = judged(told, ordering="user", senders=2, batch_size=1)
    names = ["retry retry ok", "ok", "retry ok", "ok"]
    enqueue(client, *names)
    client.flush(DEADLINE)
    accepted = {event["uuid"]: event["event"] for each in server.seen for event in each.events}
    assert [accepted[uuid] for uuid in server.accepted] == names
