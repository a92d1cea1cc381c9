"""Type checkers accept a right program, and report each wrong use."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that finds fastbatch's source."""
    paths = {"MYPYPATH": str(ROOT / "src"), "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **paths, **environment}
    )


def need(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed; it is in the dependency group lint")


def mypy(path: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    need("mypy")
    options = ["--strict", "--no-error-summary", "--config-file", os.devnull, "--cache-dir", str(cache)]
    return run(sys.executable, "-m", "mypy", *options, str(path))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """mypy's cache, for the second run to be quick."""
    return tmp_path_factory.mktemp("mypy")


def test_the_program_runs():
    """What the checkers accept is also true."""
    ran = run(sys.executable, "-W", "error", str(HERE / "api.py"))
    assert (ran.returncode, ran.stderr) == (0, "")


def test_mypy_accepts_the_program(cache):
    """Strictly, and without a plug-in."""
    ran = mypy(HERE / "api.py", cache)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_mypy_reports_each_wrong_use_and_no_other_line(cache):
    """Each line that has a comment with a code, and no other."""
    expected = {
        number: code[1]
        for number, line in enumerate((HERE / "wrong.py").read_text().splitlines(), 1)
        if (code := re.search(r"# ([a-z-]+)$", line))
    }
    assert len(expected) > 20
    ran = mypy(HERE / "wrong.py", cache)
    found = re.findall(r"wrong\.py:(\d+): error: .*\[([a-z-]+)\]$", ran.stdout, re.MULTILINE)
    assert {int(number) for number, _ in found} == set(expected), ran.stdout
    assert {(str(number), code) for number, code in expected.items()} <= set(found), ran.stdout


def test_pyright_accepts_the_program(tmp_path):
    """Pyright reads annotations in its own way."""
    need("pyright")
    project = tmp_path / "pyrightconfig.json"
    settings = {
        "include": [str(HERE / "api.py")],
        "extraPaths": [str(ROOT / "src")],
        "typeCheckingMode": "strict",
        # Values of events are Any on purpose, and so are those that callbacks get.
        "reportUnknownMemberType": "none",
    }
    project.write_text(json.dumps(settings))
    ran = run(sys.executable, "-m", "pyright", "--project", str(project), "--pythonpath", sys.executable)
    if "error installing" in (ran.stdout + ran.stderr).lower():
        pytest.skip("pyright cannot fetch its own node here")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 errors" in ran.stdout
