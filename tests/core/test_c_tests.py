"""Runs the C tests of the native core, so that `make test` includes them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CSRC = Path(__file__).parents[2] / "csrc"
COMPILER = os.environ.get("CC", "gcc").split()[0]


@pytest.mark.stress
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
@pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"no C compiler: {COMPILER}")
def test_c_tests():
    environment = {"FB_STRESS_SECONDS": "1", "CC": COMPILER, **os.environ}
    command = ["make", "-C", str(CSRC / "tests"), "-s", "-k", "-j2", "test"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "plain/model_core ok" in run.stdout
