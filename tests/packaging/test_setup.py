"""What setup.py decides on interpreters and machines that are not at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parents[2]

PROGRAM = """
import json, platform, runpy, sys, sysconfig, types
told = json.loads(sys.argv[1])
sys.version_info = tuple(told["version"])
platform.python_implementation = lambda: told["implementation"]
sysconfig.get_config_vars()["Py_GIL_DISABLED"] = int(told["free_threaded"])
sys.modules["setuptools"] = types.SimpleNamespace(
    setup=lambda **arguments: print(json.dumps(arguments)),
    Extension=lambda name, *sources, **arguments: name,
)
runpy.run_path("setup.py")
"""


def arguments_on(
    version: tuple[int, int],
    implementation: str = "CPython",
    *,
    free_threaded: bool = False,
    compiler: str = "/bin/true",
    backend: str = "",
) -> dict[str, Any]:
    """Return what `setup` is told on such an interpreter."""
    told = json.dumps({"version": version, "implementation": implementation, "free_threaded": free_threaded})
    environment = {**os.environ, "CC": compiler, "FASTBATCH_BACKEND": backend}
    command = [sys.executable, "-c", PROGRAM, told]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    arguments: dict[str, Any] = json.loads(done.stdout)
    arguments["install_requires"] = {line.partition(">=")[0] for line in arguments["install_requires"]}
    return arguments


@pytest.mark.parametrize("version", [(3, 10), (3, 13), (3, 15)])
def test_gil_build_gets_an_abi3_core(version: tuple[int, int]) -> None:
    arguments = arguments_on(version)
    assert arguments["setup_requires"] == ["cffi>=1.17"]
    assert arguments["options"] == {"bdist_wheel": {"py_limited_api": "cp310"}}
    assert arguments["ext_modules"] == ["fastbatch.core._track"]
    assert arguments["install_requires"] == {"urllib3", "cffi", "isal", "orjson", "zstandard"}


@pytest.mark.parametrize("version", [(3, 14), (3, 15)])
def test_free_threaded_build_gets_a_core_of_its_own(version: tuple[int, int]) -> None:
    arguments = arguments_on(version, free_threaded=True)
    assert arguments["cffi_modules"]
    assert "options" not in arguments
    assert "ext_modules" not in arguments
    assert arguments["install_requires"] == {"urllib3", "cffi"}


def test_free_threaded_build_that_cffi_refuses_gets_no_core() -> None:
    assert arguments_on((3, 13), free_threaded=True) == {"install_requires": {"urllib3"}}


def test_pypy_gets_no_core() -> None:
    assert "cffi_modules" not in arguments_on((3, 11), "PyPy")


def test_without_a_compiler_there_is_no_core() -> None:
    arguments = arguments_on((3, 12), compiler="/bin/false")
    assert arguments == {"install_requires": {"urllib3", "isal", "orjson", "zstandard"}}


def test_forcing_the_native_backend_asks_no_compiler() -> None:
    assert arguments_on((3, 12), compiler="/bin/false", backend="native")["cffi_modules"]


def test_forcing_the_pure_backend_leaves_what_every_interpreter_can_install() -> None:
    assert arguments_on((3, 12), backend="pure") == {"install_requires": {"urllib3"}}
