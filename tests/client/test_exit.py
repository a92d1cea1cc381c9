"""The end of a program: what is queued is delivered, within a bound, however the program ends."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from tests.support.quiet_process import FORKS, WHEN_QUIET, run_program

START = """
import sys, os, ctypes, gc
from fastbatch import Client
client = Client("WK", endpoint={endpoint!r}, interval=3600, close_timeout={close_timeout})
for number in range(300):
    client.track("u", "e", {{"n": number}})
"""

ENDS = {
    "return": "",
    "sys.exit": "sys.exit(0)",
    "exception": "raise ValueError('on purpose')",
    "no reference": "del client; gc.collect()",
    "after a flush": "client.flush(); client.track('u', 'e', {'n': -1})",
}


def run(
    code: str, endpoint: str, backend: str, close_timeout: float = 5.0
) -> tuple[subprocess.CompletedProcess, float]:
    began = time.monotonic()
    program = START.format(endpoint=endpoint, close_timeout=close_timeout) + code
    return run_program(program, "-W", "error", backend=backend), time.monotonic() - began


def numbers_at(server) -> list[int]:
    return sorted(message["properties"]["n"] for request in server.requests for message in request.json["batch"])


@pytest.mark.parametrize("end", list(ENDS))
def test_whatever_ends_the_program_all_is_delivered(backend, server, end):
    """No close, no flush: a script of three lines must work."""
    done, _ = run(ENDS[end], server.url(), backend)
    assert numbers_at(server) == ([-1] if end == "after a flush" else []) + list(range(300))
    assert ("Error" in done.stderr) == (end == "exception"), done.stderr
    assert done.returncode == (end == "exception")


def test_events_reported_at_exit_are_delivered(backend, server):
    """An exit handler that was registered after ours runs before it."""
    code = "import atexit; atexit.register(lambda: client.track('u', 'e', {'n': 300}))"
    done, _ = run(code, server.url(), backend)
    assert done.returncode == 0, done.stderr
    assert numbers_at(server) == list(range(301))


def test_a_first_event_at_exit_is_delivered(backend, server):
    """Whether or not the interpreter still starts threads."""
    code = """
client.close()
import atexit
late = Client("WK", endpoint=os.environ["LATE"], interval=3600)
atexit.register(lambda: late.track("u", "e", {"n": 300}))
"""
    os.environ["LATE"] = server.url()
    try:
        done, _ = run(code, server.url(), backend)
    finally:
        del os.environ["LATE"]
    assert done.returncode == 0, done.stderr
    assert numbers_at(server) == list(range(301))


def test_a_dead_endpoint_holds_the_program_no_longer_than_close_timeout(backend):
    """Nobody listens: the process still ends."""
    done, took = run("", "http://127.0.0.1:9", backend, close_timeout=1.0)
    assert done.returncode == 0
    assert took < 1.0 + 1.0 + 1.0, "close_timeout, a second, and the interpreter's own start"


def test_several_dead_clients_share_the_time(backend):
    """Ten of them do not take ten times as long."""
    code = """
others = [Client("WK", endpoint="http://127.0.0.1:9", close_timeout=1.0) for _ in range(10)]
for other in others:
    other.track("u", "e", {})
"""
    done, took = run(code, "http://127.0.0.1:9", backend, close_timeout=1.0)
    assert done.returncode == 0
    assert took < 3.5


@pytest.mark.parametrize("fork", FORKS)
@pytest.mark.parametrize("child", ["sys.exit(0)", "client.track('u', 'e', {'n': 300}); sys.exit(0)"])
def test_a_forked_child_that_exits_sends_only_its_own(backend, server, fork, child):
    """And does not wait for the parent's."""
    code = f"""
import time
{WHEN_QUIET}
pid = {fork}
if pid == 0:
    {child}
began = time.monotonic()
assert os.waitpid(pid, 0)[1] == 0
assert time.monotonic() - began < 3, "the child waited for something"
"""
    done, _ = run(code, server.url(), backend)
    assert done.returncode == 0, done.stderr
    assert numbers_at(server) == list(range(301 if "track" in child else 300))
