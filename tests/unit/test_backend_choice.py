"""Which core is taken, and what is said when it is not there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastbatch.core

ROOT = Path(__file__).parents[2]
needs_native = pytest.mark.skipif(fastbatch.core.NATIVE_PROBLEM is not None, reason="no native core was built")

SEND = """
from fastbatch import Client
from fastbatch.testing import CapturingTransport
transport = CapturingTransport()
with Client("WK", transport=transport) as client:
    client.track("user-1", "Event")
print(fastbatch.BACKEND, type(client._lanes[0].core).__name__, len(transport.messages))
"""

WITHOUT_NATIVE = "import sys; sys.modules['fastbatch.core._native'] = None\n"


def run(backend: str | None, code: str = SEND, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``code`` in an interpreter of its own, with this backend asked for."""
    environment = {name: value for name, value in os.environ.items() if name != "FASTBATCH_BACKEND"}
    if backend is not None:
        environment["FASTBATCH_BACKEND"] = backend
    environment["PYTHONPATH"] = str(ROOT / "src")
    command = [sys.executable, "-c", f"{before}import fastbatch\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@needs_native
@pytest.mark.parametrize("backend", ["native", "", None])
def test_native_is_taken_where_it_is_there(backend):
    """Asked for, or left alone."""
    assert run(backend).stdout.split() == ["native", "NativeCore", "1"]


def test_pure_can_be_forced():
    """Whether or not there is a native one."""
    assert run("pure").stdout.split() == ["pure", "PureCore", "1"]


def test_without_a_native_core_pure_is_taken():
    """A machine without a compiler has a client that works."""
    assert run(None, before=WITHOUT_NATIVE).stdout.split() == ["pure", "PureCore", "1"]


def test_forcing_a_native_core_that_is_not_there_says_how_to_get_it():
    """An ImportError at the start, and not a slow service."""
    ran = run("native", before=WITHOUT_NATIVE)
    assert ran.returncode == 1
    last = ran.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: FASTBATCH_BACKEND=native, but ")
    assert "install a C compiler and Python's headers" in last
    assert "reinstall fastbatch" in last


@pytest.mark.parametrize("backend", ["rust", "NATIVE", "1", " pure"])
def test_another_word_is_refused_by_name(backend):
    """A typing error must not silently choose."""
    ran = run(backend)
    assert ran.returncode == 1
    message = f"ImportError: FASTBATCH_BACKEND is {backend!r}; must be 'native' or 'pure'"
    assert ran.stderr.strip().splitlines()[-1] == message
