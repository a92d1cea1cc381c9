"""Forked processes: the child begins empty and works, the parent keeps what it had."""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import threading
import time
from collections.abc import Callable

import pytest

from fastbatch.core.interface import Code
from fastbatch.testing import CapturingTransport

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

QUIET = 3600.0
DEADLINE = 5.0


def in_child(fork: Callable[[], int], work: Callable[[], object]) -> object:
    """
    Return what ``work`` returns in a forked child, which ends without running anything else of the parent's.

    After a fork that Python did not see the interpreter's own lock may be unusable in the child, whatever libraries
    do; such a child says nothing, and another one is made.
    """
    for _ in range(1 if fork is os.fork else 2):
        text, status = said_by_child(fork, work)
        if text:
            return json.loads(text)
    if fork is not os.fork:
        pytest.skip("the interpreter's own lock did not survive a fork that Python did not see")
    pytest.fail(f"the child ended with status {status} and said nothing")


def said_by_child(fork: Callable[[], int], work: Callable[[], object]) -> tuple[str, int]:
    reading, writing = os.pipe()
    pid = fork()
    if pid == 0:
        try:
            answer = json.dumps(work())
        except BaseException as error:  # noqa: BLE001 - the parent gets to see it
            answer = json.dumps(f"{type(error).__name__}: {error}")
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    if not select.select([reading], [], [], DEADLINE if fork is os.fork else DEADLINE / 2)[0]:
        os.kill(pid, signal.SIGKILL)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    return text, os.waitpid(pid, 0)[1]


def libc_fork() -> int:
    """Fork as uWSGI does: Python hears nothing of it."""
    # A thread that waits for the GIL at this moment would leave it unusable in the child; nothing tells when all rest.
    time.sleep(0.1)
    return int(ctypes.PyDLL(None).fork())


FORKS = [os.fork, libc_fork]


@pytest.fixture(params=FORKS, ids=["os.fork", "libc.fork"])
def fork(request):
    return request.param


def events_at(server) -> list[str]:
    return sorted(message["event"] for request in server.requests for message in request.json["batch"])


def test_a_child_starts_empty_and_delivers_its_own_and_the_parent_keeps_its_own(make_client, server, fork):
    """Every event reaches the server exactly once."""
    client = make_client(interval=QUIET)
    for number in range(3):
        client.track("u", f"parent-{number}", {})

    def work():
        before = client.stats()
        client.track("u", "child", {})
        result = client.flush(5)
        after = client.stats()
        return [before.accepted, before.queued, before.delivered, *result, after.accepted, after.delivered]

    assert in_child(fork, work) == [0, 0, 0, 1, 0, 0, 1, 1]
    assert client.stats().accepted == client.stats().queued == 3
    assert client.flush(5) == (3, 0, 0)
    assert events_at(server) == ["child", "parent-0", "parent-1", "parent-2"]


@pytest.mark.parametrize("call", ["stats", "flush", "close"])
def test_a_child_that_reports_nothing_waits_for_nothing(make_client, server, fork, call):
    """What the parent queued is not the child's, whatever the child asks first."""
    client = make_client(interval=QUIET)
    client.track("u", "parent", {})

    def work():
        if call == "stats":
            return client.stats().accepted
        return sum(getattr(client, call)(5))

    assert in_child(fork, work) == 0
    assert client.flush(5).delivered == 1
    assert events_at(server) == ["parent"]


def test_a_child_of_a_busy_parent_works(make_client, server):
    """Whatever locks were held by other threads at the moment of the fork."""
    fork = os.fork
    client = make_client(batch_size=5, interval=0.01)
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
        answers = [in_child(fork, work) for _ in range(5)]
    finally:
        stop.set()
        for producer in producers:
            producer.join()
    assert answers == [1] * 5
    assert client.flush(8).pending == 0
    assert events_at(server).count("child") == 5
    assert events_at(server).count("parent") == client.stats().delivered


def test_forks_of_forks_work(make_client, server):
    """Each generation begins anew."""
    fork = os.fork
    client = make_client(interval=QUIET)
    client.track("u", "0", {})

    def generation(depth):
        def work():
            client.track("u", str(depth), {})
            below = in_child(fork, generation(depth + 1)) if depth < 4 else 0
            return below + client.flush(5).delivered

        return work

    assert in_child(fork, generation(1)) == 4
    client.flush(5)
    assert events_at(server) == ["0", "1", "2", "3", "4"]


def test_a_closed_client_is_closed_in_the_child_too(make_client, fork):
    """A fork opens nothing."""
    client = make_client(interval=QUIET)
    client.close()

    def work():
        try:
            client.track("u", "e", {})
        except Exception as error:  # noqa: BLE001
            return type(error).__name__

    assert in_child(fork, work) == "ClosedError"


def test_children_have_other_message_ids(make_client, server):
    """Two processes that count from the same seed would make each other's events duplicates."""
    client = make_client(interval=QUIET)
    client.track("u", "parent", {})
    for _ in range(2):
        in_child(os.fork, lambda: [client.track("u", "child", {}), client.flush(5)])
    client.track("u", "parent", {})
    client.flush(5)
    ids = [message["messageId"] for request in server.requests for message in request.json["batch"]]
    assert len(ids) == len(set(ids)) == 4


def test_a_child_with_lanes_works(make_client, server, fork):
    """Ordering has a core for each sender."""
    client = make_client(interval=QUIET, ordering="user", senders=3)
    for number in range(6):
        client.track(f"u{number}", "parent", {})

    def work():
        for number in range(6):
            client.track(f"u{number}", "child", {})
        return client.flush(5)[0]

    assert in_child(fork, work) == 6
    assert client.flush(5).delivered == 6
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


def test_many_threads_of_a_child_notice_the_fork_at_once(make_client, fork):
    """Whatever comes first in each of them, no event goes to an engine that the client then forgets."""
    client = make_client()
    threads, events = 8, 50

    def work():
        start = threading.Barrier(threads)

        def report(number):
            start.wait(DEADLINE)
            for n in range(events):
                client.track(f"u{number}", "e", {"n": n}, {"thread": number} if number % 2 else None)

        workers = [threading.Thread(target=report, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(DEADLINE)
        client.close(timeout=DEADLINE)
        stats = client.stats()
        return [stats.accepted, stats.delivered]

    assert in_child(fork, work) == [threads * events, threads * events]
