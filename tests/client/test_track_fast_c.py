"""The quick way of `Client.track` in C, where it was built."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from fastbatch import Client
from fastbatch.core.quick import IS_IN_C
from tests.support.quick_track import SHAPES, InPython, opened, outcome

pytestmark = pytest.mark.skipif(
    not IS_IN_C, reason="the quick track in C is for CPython with a GIL and the native backend"
)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_both_implementations_put_the_same_bytes_on_the_wire(backend: str, shape: Any) -> None:
    args, kwargs = shape
    in_c, in_python = (outcome(cls, args, kwargs) for cls in (Client, InPython))
    assert json.dumps(in_c["wire"]) == json.dumps(in_python["wire"])


@pytest.mark.parametrize("junk", [3, (), (1,) * 9, "entry", [None]], ids=repr)
def test_an_entry_that_is_none_is_refused(junk: object) -> None:
    client, _ = opened(Client)
    with client:
        entry = client._track_entry
        with pytest.raises((TypeError, ValueError)):
            client._track_entry = (*junk[:7], "x", "y") if isinstance(junk, tuple) and junk else junk  # type: ignore
        assert client._track_entry is entry
        assert client.track("u", "e", {})


IN_A_SUBINTERPRETER = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
# By its path: the package needs modules that crash some interpreters when they are imported there, as ssl does 3.12.1.
code = '''
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
loader = ExtensionFileLoader("fastbatch.core._track", PATH)
try:
    _track = module_from_spec(spec_from_loader("fastbatch.core._track", loader))
except ImportError as error:
    assert "subinterpreters" in str(error), error
else:
    loader.exec_module(_track)
    class Client(_track.Quick):
        def _track_slowly(self, *args):
            return args
    Client.track = Client._new_track("Doc.")
    assert Client().track(1, 2) == (1, 2)
'''
other = interpreters.create()
print(interpreters.run_string(other, code.replace("PATH", repr(sys.argv[1]))) or "well")
interpreters.destroy(other)
"""


def test_a_subinterpreter_can_import_it_or_is_told_why_not() -> None:
    from fastbatch.core import _track

    command = [sys.executable, "-c", IN_A_SUBINTERPRETER, _track.__file__]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "well"), done.stderr
