"""What the tests of the command line share: the command as a process, a collector to send to, the account."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fastbatch.collector import Collector

TIMEOUT = 90.0
COMMAND = [sys.executable, "-m", "fastbatch.cli"]


def clean_environment(**extra: str) -> dict[str, str]:
    """Return an environment without settings of ours, in which a child finds the package that is tested."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FASTBATCH_")}
    if "FASTBATCH_BACKEND" in os.environ:
        kept["FASTBATCH_BACKEND"] = os.environ["FASTBATCH_BACKEND"]
    return {**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "COLUMNS": "200", **extra}


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ``fastbatch ARGUMENTS`` to its end."""

    def run_command(
        *arguments: object, stdin: bytes = b"", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
            env=clean_environment(**(env or {})),
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run_command


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts ``fastbatch ARGUMENTS``; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start_command(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        child = subprocess.Popen([*COMMAND, *map(str, arguments)], env=clean_environment(), **{**pipes, **options})
        started.append(child)
        return child

    yield start_command
    for child in started:
        child.kill()
        child.communicate(timeout=TIMEOUT)


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A collector with a file, which lets in the key K."""
    with Collector(tmp_path / "collector.db", write_key="K") as running:
        yield running


@pytest.fixture
def account() -> Callable[[str], dict[str, int]]:
    """Reads the numbers of a printed account."""

    def read(output: str) -> dict[str, int]:
        return {name.strip(): int(n) for name, n in re.findall(r"^ *(\S.*?) {2,}(\d+) *$", output, re.MULTILINE)}

    return read


@pytest.fixture
def apache_log() -> Path:
    """A real web server's access log of 10 000 lines, which is not part of the repository."""
    shared = Path(os.environ.get("FASTBATCH_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
    path = shared / "apache_logs.gz"
    if not path.is_file():
        pytest.skip("apache_logs.gz is not here; FASTBATCH_SHARED_DATA names its folder")
    return path
