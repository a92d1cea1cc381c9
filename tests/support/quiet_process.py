"""
A Python program that goes on when each of its threads sleeps: the moment at which it may be forked unseen.

A fork that Python does not see leaves the GIL as it was. A thread that waits for it just then is not in the child, but
the condition variable inside the GIL still counts it there, and whoever lets go of the GIL in the child waits for ever
for that thread to leave (in ``__condvar_quiesce_and_switch_g1`` of glibc, below ``drop_gil``). No library can help
that, and in a process as full of threads as the tests' own it happens often. The programs that fork so, such as uWSGI,
have no thread that runs then.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SRC = str(Path(__file__).resolve().parents[2] / "src")
DEADLINE = 30.0

WHEN_QUIET = 'print("waiting", flush=True); input()'
"""What a program says where it shall wait until its other threads sleep."""

CAN_TELL = Path("/proc/self/task").is_dir()

FORKS = [
    pytest.param("os.fork()", id="os.fork"),
    pytest.param(
        "ctypes.PyDLL(None).fork()",  # which keeps the GIL
        id="libc.fork",
        marks=pytest.mark.skipif(not CAN_TELL, reason="no /proc to see in whether all threads of a process sleep"),
    ),
]
"""Statements of a program that forks: as Python does, and as uWSGI does, of which Python hears nothing."""


def run_program(code: str, *options: str, backend: str) -> subprocess.CompletedProcess[str]:
    """Run a program that may say `WHEN_QUIET` once; all that is left of it after some seconds is killed."""
    process = subprocess.Popen(
        [sys.executable, *options, "-c", code],
        env={**os.environ, "PYTHONPATH": SRC, "FASTBATCH_BACKEND": backend},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    said = ""
    try:
        if WHEN_QUIET in code:
            said = process.stdout.readline()
            if said == "waiting\n":
                said = ""
                _wait_until_all_sleep(process.pid)
        out, errors = process.communicate("\n", timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its children too, which have the same pipes
        out, errors = process.communicate()
        pytest.fail(f"the program, or a child of it, did not end; it said {out!r} and {errors!r}")
    return subprocess.CompletedProcess(code, process.returncode, said + out, errors)


def _wait_until_all_sleep(pid: int) -> None:
    end = time.monotonic() + DEADLINE
    before = None
    while CAN_TELL:
        now = _threads(pid)
        # Asleep at two looks, and not awake in between: nobody runs, so nobody waits for the GIL.
        if now == before and all(state == "S" for state, _ in now.values()):
            return
        assert time.monotonic() < end, f"the threads of the program do not come to rest: {now}"
        before = now
        time.sleep(0.001)  # there is nothing to wait on: another process comes to rest


def _threads(pid: int) -> dict[str, tuple[str, str]]:
    """Return each thread's state, and how often it has run."""
    threads = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
        runs = lines["voluntary_ctxt_switches"] + " " + lines["nonvoluntary_ctxt_switches"]
        threads[task.name] = lines["State"][:1], runs
    return threads
