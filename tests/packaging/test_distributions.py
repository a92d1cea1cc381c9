"""What a user gets: each distribution is built, installed into an empty environment, and delivers an event."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {name: text for name, text in os.environ.items() if not name.startswith(("FASTBATCH_", "PYTHON"))}
NO_COMPILER = {**ENVIRONMENT, "CC": "/bin/false"}
LEFT_BEHIND = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "*.so", "*.o")

PROGRAM = """
import json, sys, fastbatch
with fastbatch.Client("key", endpoint=sys.argv[1], compression="none") as client:
    client.track("user-1", "Installed")
print(json.dumps({"backend": fastbatch.BACKEND, "delivered": client.stats().delivered}))
"""


def run(*command: object, env: dict[str, str] = ENVIRONMENT, cwd: Path | None = None) -> str:
    """Return what a command prints; fail with all of it when the command does."""
    words = [str(word) for word in command]
    done = subprocess.run(words, check=False, env=env, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def succeeds(*command: str) -> bool:
    return subprocess.run(command, check=False, env=ENVIRONMENT, capture_output=True).returncode == 0


def pip(*arguments: object, env: dict[str, str] = ENVIRONMENT) -> str:
    return run(sys.executable, "-m", "pip", "--no-input", *arguments, env=env)


def install(distribution: Path, folder: Path, python: str = sys.executable, env: dict[str, str] = ENVIRONMENT) -> Path:
    """Install a distribution and its dependencies into an empty environment; return the environment's interpreter."""
    run(python, "-m", "venv", "--without-pip", folder)
    inside = folder / "bin" / "python"
    pip("--python", inside, "install", "-q", distribution, env=env)
    return inside


def wheel_of(sdist: Path, folder: Path, env: dict[str, str] = ENVIRONMENT) -> Path:
    pip("wheel", "-q", "--no-deps", "-w", folder, sdist, env=env)
    (wheel,) = folder.glob("*.whl")
    return wheel


def requirements(wheel: Path) -> set[str]:
    """Return the names of what a wheel requires."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(metadata).decode().splitlines()
    required = (line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: "))
    return {line.partition(">=")[0] for line in required if "extra ==" not in line}


def other_interpreters() -> list[str]:
    """Return CPythons of other releases than this one, one each: from PATH, and from pyenv where it is used."""
    places = [str(path) for path in Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/3.*/bin")]
    path = os.pathsep.join([*places, os.environ.get("PATH", "")])
    named = (shutil.which(f"python3.{minor}", path=path) for minor in range(10, 16) if minor != sys.version_info.minor)
    return [python for python in named if python and _is_usable(python)]


def _is_usable(python: str) -> bool:
    probe = "import platform, sysconfig as s; assert not s.get_config_var('Py_GIL_DISABLED'); print(platform.machine())"
    return succeeds(python, "-c", probe)


def skip_where_no_core_is_built() -> None:
    if shutil.which("cc") is None or not Path(sysconfig.get_path("include"), "Python.h").exists():
        pytest.skip("no C compiler or no Python.h")
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("not a CPython with a GIL")


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip all of this where packages cannot be downloaded."""
    folder = tmp_path_factory.mktemp("index")
    if not succeeds(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), "setuptools>=77"):
        pytest.skip("no package index can be reached")


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory, index: None) -> Path:
    tree = tmp_path_factory.mktemp("source") / "fastbatch"
    shutil.copytree(ROOT, tree, ignore=LEFT_BEHIND)
    run(sys.executable, "-m", "build", "--sdist", cwd=tree)
    (path,) = tree.glob("dist/*.tar.gz")
    return path


@pytest.fixture(scope="session")
def native_wheel(tmp_path_factory: pytest.TempPathFactory, sdist: Path) -> Path:
    skip_where_no_core_is_built()
    return wheel_of(sdist, tmp_path_factory.mktemp("native"), {**ENVIRONMENT, "FASTBATCH_BACKEND": "native"})


@pytest.fixture(scope="session")
def pure_wheel(tmp_path_factory: pytest.TempPathFactory, sdist: Path) -> Path:
    return wheel_of(sdist, tmp_path_factory.mktemp("pure"), {**ENVIRONMENT, "FASTBATCH_BACKEND": "pure"})


class Endpoint(HTTPServer):
    """Takes batches and remembers them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), EndpointHandler)
        self.batches: list[list[dict[str, object]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class EndpointHandler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.batches.append(json.loads(body)["batch"])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def check_delivery(python: Path, endpoint: Endpoint, backend: str) -> None:
    """Deliver one event by the fastbatch that `python` has; check that it arrived, and by which backend."""
    report = json.loads(run(python, "-c", PROGRAM, endpoint.url))
    assert report == {"backend": backend, "delivered": 1}
    ((message,),) = endpoint.batches
    assert (message["type"], message["event"], message["userId"]) == ("track", "Installed", "user-1")


class TestContents:
    def test_sdist_has_what_a_build_and_its_tests_need(self, sdist: Path) -> None:
        with tarfile.open(sdist) as archive:
            names = {name.partition("/")[2] for name in archive.getnames()}
        sources = {f"csrc/{path.name}" for path in (ROOT / "csrc").glob("*.[ch]")}
        wanted = {"LICENSE", "pyproject.toml", "setup.py", "csrc/ffi_build.py", "src/fastbatch/py.typed", "Makefile"}
        assert not (wanted | sources) - names
        assert f"tests/packaging/{Path(__file__).name}" in names
        assert not [name for name in names if name.endswith((".so", ".o", ".pyc"))]

    def test_native_wheel_is_one_for_all_releases(self, native_wheel: Path) -> None:
        assert "-cp310-abi3-" in native_wheel.name
        names = zipfile.ZipFile(native_wheel).namelist()
        assert "fastbatch/core/_native.abi3.so" in names
        assert "fastbatch/core/_track.abi3.so" in names
        assert "fastbatch/py.typed" in names
        assert not [name for name in names if name.endswith((".c", ".h")) or name.startswith(("tests", "csrc"))]
        assert requirements(native_wheel) == {"urllib3", "cffi", "isal", "orjson", "zstandard"}

    def test_pure_wheel_is_for_every_interpreter(self, pure_wheel: Path) -> None:
        assert pure_wheel.name.endswith("-py3-none-any.whl")
        assert not [name for name in zipfile.ZipFile(pure_wheel).namelist() if name.endswith(".so")]
        assert requirements(pure_wheel) == {"urllib3"}


class TestInstallation:
    def test_native_wheel_delivers(self, native_wheel: Path, tmp_path: Path, endpoint: Endpoint) -> None:
        check_delivery(install(native_wheel, tmp_path / "env"), endpoint, "native")

    def test_pure_wheel_delivers(self, pure_wheel: Path, tmp_path: Path, endpoint: Endpoint) -> None:
        check_delivery(install(pure_wheel, tmp_path / "env"), endpoint, "pure")

    def test_sdist_delivers(self, native_wheel: Path, sdist: Path, tmp_path: Path, endpoint: Endpoint) -> None:
        check_delivery(install(sdist, tmp_path / "env"), endpoint, "native")

    def test_sdist_without_a_compiler_delivers(self, sdist: Path, tmp_path: Path, endpoint: Endpoint) -> None:
        check_delivery(install(sdist, tmp_path / "env", env=NO_COMPILER), endpoint, "pure")

    def test_native_wheel_delivers_on_other_releases(
        self, native_wheel: Path, tmp_path: Path, endpoint: Endpoint
    ) -> None:
        interpreters = other_interpreters()
        if not interpreters:
            pytest.skip("no CPython of another release was found on PATH or in pyenv")
        for number, python in enumerate(interpreters):
            check_delivery(install(native_wheel, tmp_path / f"env-{number}", python), endpoint, "native")
            endpoint.batches.clear()


def test_this_environment_has_the_native_core() -> None:
    skip_where_no_core_is_built()
    backend = run(sys.executable, "-c", "import fastbatch; print(fastbatch.BACKEND)").strip()
    assert backend == "native", "`FASTBATCH_BACKEND=native pip install -e .` says why"
