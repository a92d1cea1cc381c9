"""Forked processes: the child begins empty and works, the parent keeps what it had."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from textwrap import indent
from typing import Any

import pytest

from fastbatch.core.interface import Code
from fastbatch.testing import CapturingTransport
from tests.support.in_child import in_child
from tests.support.quiet_process import FORKS, WHEN_QUIET, run_program

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

QUIET = 3600.0
DEADLINE = 5.0

PROGRAM = """
import ctypes, json, os, threading
from fastbatch import Client
client = Client("WK", endpoint={endpoint!r}, **{settings!r})
{before}
{when_quiet}
pid = {fork}
if pid == 0:
    def work():
{work}
    print(json.dumps(work()), flush=True)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
print(json.dumps([client.stats().accepted, *client.flush(5)]))
"""


@pytest.fixture(params=FORKS)
def in_program(request, backend, server) -> Callable[..., tuple[Any, list[int]]]:
    """
    Runs a program that forks, in each way: code ``before`` the fork, and the ``work`` of the child, which returns.

    It gives what the child returned, and what the parent has: the events accepted, and the result of a flush.
    """

    def run(before: str, work: str, **settings: Any) -> tuple[Any, list[int]]:
        code = PROGRAM.format(
            endpoint=server.url(),
            settings={"interval": QUIET, **settings},
            before=before,
            when_quiet=WHEN_QUIET,
            fork=request.param,
            work=indent(work, " " * 8),
        )
        done = run_program(code, backend=backend)
        assert done.returncode == 0, done.stderr
        child, parent = map(json.loads, done.stdout.splitlines())
        return child, parent

    return run


def events_at(server) -> list[str]:
    return sorted(message["event"] for request in server.requests for message in request.json["batch"])


REPORT_THREE = 'for number in range(3): client.track("u", f"parent-{number}", {})'


def test_a_child_starts_empty_and_delivers_its_own_and_the_parent_keeps_its_own(in_program, server):
    """Every event reaches the server exactly once."""
    child, parent = in_program(
        REPORT_THREE,
        """
before = client.stats()
client.track("u", "child", {})
result = client.flush(5)
after = client.stats()
return [before.accepted, before.queued, before.delivered, *result, after.accepted, after.delivered]
""",
    )
    assert child == [0, 0, 0, 1, 0, 0, 1, 1]
    assert parent == [3, 3, 0, 0]
    assert events_at(server) == ["child", "parent-0", "parent-1", "parent-2"]


@pytest.mark.parametrize("call", ["stats().accepted", "flush(5)", "close(5)"])
def test_a_child_that_reports_nothing_waits_for_nothing(in_program, server, call):
    """What the parent queued is not the child's, whatever the child asks first."""
    child, parent = in_program('client.track("u", "parent", {})', f"return client.{call}")
    assert child in (0, [0, 0, 0])
    assert parent == [1, 1, 0, 0]
    assert events_at(server) == ["parent"]


def test_a_child_of_a_busy_parent_works(make_client, server):
    """Whatever locks were held by other threads at the moment of the fork."""
    # A short queue: a busy machine would not deliver in time what two threads report without a pause.
    client = make_client(batch_size=5, interval=0.01, max_queue_bytes=1 << 16, max_message_bytes=1000)
    stop = threading.Event()

    def produce():
        while not stop.is_set():
            client.track("u", "parent", {})
            client.stats()

    producers = [threading.Thread(target=produce) for _ in range(2)]
    for producer in producers:
        producer.start()

    def work():
        client.track("u", "child", {})
        client.flush(5)
        return client.stats().delivered

    try:
        answers = [in_child(work) for _ in range(5)]
    finally:
        stop.set()
        for producer in producers:
            producer.join()
    assert answers == [1] * 5
    assert client.flush(8).pending == 0
    assert events_at(server).count("child") == 5
    assert events_at(server).count("parent") == client.stats().delivered


@pytest.mark.parametrize(
    "settings", [{}, {"compression": "none"}, {"dialect": "posthog", "compression": "none"}], ids=str
)
def test_sending_imports_nothing(backend, server, settings):
    """A fork during a sender's import would leave the import's lock taken in the child."""
    done = run_program(
        f"""
import sys
from fastbatch import Client
client = Client("WK", endpoint={server.url()!r}, **{settings!r})
before = set(sys.modules)
client.track("u", "e", {{}})
client.close(5)
print(client.stats().delivered, sorted(set(sys.modules) - before))
""",
        backend=backend,
    )
    assert (done.stdout, done.stderr) == ("1 []\n", "")


def test_forks_of_forks_work(make_client, server):
    """Each generation begins anew."""
    client = make_client(interval=QUIET)
    client.track("u", "0", {})

    def generation(depth):
        def work():
            client.track("u", str(depth), {})
            below = in_child(generation(depth + 1)) if depth < 4 else 0
            return below + client.flush(5).delivered

        return work

    assert in_child(generation(1)) == 4
    client.flush(5)
    assert events_at(server) == ["0", "1", "2", "3", "4"]


def test_a_closed_client_is_closed_in_the_child_too(in_program):
    """A fork opens nothing."""
    child, _ = in_program(
        "client.close()",
        """
try:
    client.track("u", "e", {})
except Exception as error:
    return type(error).__name__
""",
    )
    assert child == "ClosedError"


def test_children_have_other_message_ids(make_client, server):
    """Two processes that count from the same seed would make each other's events duplicates."""
    client = make_client(interval=QUIET)
    client.track("u", "parent", {})
    for _ in range(2):
        in_child(lambda: [client.track("u", "child", {}), client.flush(5)])
    client.track("u", "parent", {})
    client.flush(5)
    ids = [message["messageId"] for request in server.requests for message in request.json["batch"]]
    assert len(ids) == len(set(ids)) == 4


def test_a_child_with_lanes_works(in_program, server):
    """Ordering has a core for each sender."""
    report = 'for number in range(6): client.track(f"u{{number}}", {event!r}, {{}})'
    child, parent = in_program(
        report.format(event="parent"),
        report.format(event="child") + "\nreturn client.flush(5)[0]",
        ordering="user",
        senders=3,
    )
    assert child == 6
    assert parent == [6, 6, 0, 0]
    assert events_at(server) == ["child"] * 6 + ["parent"] * 6


def test_threads_of_a_child_that_notice_the_fork_together_share_one_engine(make_client):
    """Each has heard from the parent's core that this is a fork; what the first then reports stays in the account."""
    client = make_client(transport=CapturingTransport())
    core = client._first_lane.core

    def append(*_):
        core.append = lambda *_: Code.FORKED
        client.track("u", "of the faster thread", {}, {})
        return Code.FORKED

    core.append = append
    client.track("u", "of the slower thread", {}, {})
    assert client.stats().accepted == 2


def test_many_threads_of_a_child_notice_the_fork_at_once(in_program):
    """Whatever comes first in each of them, no event goes to an engine that the client then forgets."""
    child, _ = in_program(
        "",
        """
start = threading.Barrier(8)
def report(number):
    start.wait(5)
    for n in range(50):
        client.track(f"u{number}", "e", {"n": n}, {"thread": number} if number % 2 else None)
workers = [threading.Thread(target=report, args=(number,)) for number in range(8)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join(5)
client.close(timeout=5)
return [client.stats().accepted, client.stats().delivered]
""",
    )
    assert child == [400, 400]


@pytest.mark.parametrize("event", ["kept", "unwanted"])
def test_before_send_sees_an_event_of_a_child_once(in_program, server, event):
    """Also the first one, from which the client learns that this is a fork; what the caller hears is what is sent."""
    child, parent = in_program(
        """
from fastbatch import Capture
shown = []
def hook(event):
    shown.append(event["uuid"])
    return None if event["event"] == "unwanted" else event
client._set_before_send(hook)
""",
        f"""
_, message = client._enqueue_revised(Capture(distinct_id="u", event={event!r}))
return [shown, message and message["uuid"], *client.flush(5), client.stats().accepted]
""",
        dialect="posthog",
    )
    shown, returned, *account = child
    sent = [message["uuid"] for request in server.requests for message in request.json["batch"]]
    assert len(shown) == 1
    assert (returned, sent) == ((shown[0], shown) if event == "kept" else (None, []))
    assert account == [len(sent), 0, 0, 1]
    assert parent == [0, 0, 0, 0]


def test_before_send_sees_an_event_once_when_a_thread_is_late_to_notice_a_fork(make_client):
    """The parent's core told it, after the hook had been asked."""
    shown = []

    def hook(event):
        shown.append(event["messageId"])
        return event

    transport = CapturingTransport()
    client = make_client(transport=transport, before_send=hook)
    core = client._first_lane.core
    core.append = lambda *_: Code.FORKED
    client.track("u", "e", {})
    client.flush(5)
    assert [message["messageId"] for message in transport.messages] == shown
    assert client.stats().accepted == 1
