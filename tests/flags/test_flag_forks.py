"""Reads of flags in a forked child."""

from __future__ import annotations

import pytest

from tests.support.flag_fixtures import PERSONAL, PROJECT
from tests.support.flag_server import flag, record
from tests.support.quiet_process import FORKS, WHEN_QUIET, run_program

PROGRAM = """
import ctypes, logging, os, threading
from fastbatch.flags.fallback import FallbackCache
from fastbatch.flags.service import Flags
from fastbatch.transports.http import HttpTransport

calls = []
flags = Flags(
    {project!r}, {endpoint!r}, {personal!r}, HttpTransport(), logger=logging.getLogger("fastbatch"),
    on_called=calls.append, poll_interval=3600.0, fallback_cache=FallbackCache(),
)
flags.get_value("beta", "parents")
is_held, may_end = threading.Event(), threading.Event()

def hold():
    with flags._reports.reads._lock, flags._cache._lock:
        is_held.set()
        may_end.wait()

holder = threading.Thread(target=hold)
holder.start()
is_held.wait()
{when_quiet}
pid = {fork}
if pid == 0:
    values = [flags.get_value("beta", "child"), flags.get_value("remote", "child"), flags.get_value("beta", "parents")]
    print(values, [(call.properties["$feature_flag"], call.distinct_id) for call in calls], flush=True)
    os._exit(0)
print(os.waitpid(pid, 0)[1])
may_end.set()
holder.join()
flags.close()
"""


@pytest.mark.parametrize("fork", FORKS)
def test_a_child_reads_flags_though_a_parents_thread_held_every_lock(backend, flag_server, fork):
    """It reports what is new, and not again what the parent has reported."""
    flag_server.publish(flag("beta"))
    flag_server.decided["remote"] = record("remote")
    code = PROGRAM.format(
        project=PROJECT, personal=PERSONAL, endpoint=flag_server.url(), when_quiet=WHEN_QUIET, fork=fork
    )
    done = run_program(code, "-W", "ignore", backend=backend)
    assert (done.stdout.splitlines(), done.stderr) == (
        ["[True, True, True] [('beta', 'parents'), ('beta', 'child'), ('remote', 'child')]", "0"],
        "",
    )
