"""
What programs import: it is all there, and it changes only on purpose.

After a change on purpose: ``PYTHONPATH=src python -m tests.support.public_api > tests/lint/public_api.txt``
"""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import fastbatch
from fastbatch import Client, Config
from fastbatch.config import Settings
from fastbatch.errors import __all__ as error_names
from tests.support.public_api import MODULES, describe

ROOT = Path(__file__).parents[2]
SNAPSHOT = Path(__file__).with_name("public_api.txt")

PEERS_ORDER = {
    # segment-analytics-python 2.4.0 and rudder-sdk-python 2.1.9, Client
    "track": "user_id event properties context timestamp anonymous_id integrations message_id",
    "identify": "user_id traits context timestamp anonymous_id integrations message_id",
    "group": "user_id group_id traits context timestamp anonymous_id integrations message_id",
    "alias": "previous_id user_id context timestamp integrations message_id",
    "page": "user_id category name properties context timestamp anonymous_id integrations message_id",
    "screen": "user_id category name properties context timestamp anonymous_id integrations message_id",
}


def test_the_public_interface_is_the_one_that_was_agreed_on():
    """A difference here is a change for every program: see the top of this file."""
    assert describe() == SNAPSHOT.read_text()


@pytest.mark.parametrize("name", [*MODULES, "fastbatch.errors", "fastbatch.config"])
def test_all_lists_what_is_there(name):
    """Each name of ``__all__`` exists, once."""
    module = importlib.import_module(name)
    assert len(set(module.__all__)) == len(module.__all__)
    assert [each for each in module.__all__ if not hasattr(module, each)] == []


def test_all_is_sorted():
    """Constants, classes, dunders, each by the alphabet: a merge then shows what is new."""
    names = fastbatch.__all__
    assert names == sorted(names, key=lambda name: (not name.isupper(), name.startswith("_"), name))


def test_every_error_can_be_imported_from_the_package_and_has_one_base():
    """``except FastbatchError`` catches all that fastbatch raises on purpose."""
    assert set(error_names) <= set(fastbatch.__all__)
    assert all(issubclass(getattr(fastbatch, name), fastbatch.FastbatchError) for name in error_names)


def test_the_settings_are_the_fields_of_config():
    """The keyword arguments that type checkers know are those that the client knows, with the same types."""
    assert Settings.__required_keys__ == frozenset()
    types = {name: str(getattr(kind, "__forward_arg__", kind)) for name, kind in Settings.__annotations__.items()}
    assert types == {name: str(Config.__annotations__[name]) for name in Config.names()}


@pytest.mark.parametrize("call", PEERS_ORDER)
def test_calls_have_the_peers_argument_order(call):
    """Programs give them by position."""
    _, *parameters = inspect.signature(getattr(Client, call)).parameters.values()
    assert " ".join(each.name for each in parameters) == PEERS_ORDER[call]
    assert all(each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for each in parameters)
    assert all(each.default is None for each in parameters)


def test_only_the_write_key_is_positional():
    """Everything after it is a keyword."""
    with pytest.raises(TypeError):
        Client("WK", "segment")  # type: ignore[call-arg,misc]


def test_the_version_is_the_packages():
    """One place says it."""
    from fastbatch.version import VERSION

    assert fastbatch.__version__ == VERSION


def test_the_package_says_that_it_is_typed():
    """Without the marker type checkers ignore every annotation."""
    assert (Path(fastbatch.__file__).parent / "py.typed").is_file()


def test_importing_starts_nothing_and_loads_no_compressor():
    """An import is not a decision to send."""
    code = (
        "import sys, threading, fastbatch\n"
        "print(threading.active_count(), *[m for m in ('isal', 'zstandard', 'numpy', 'click') if m in sys.modules])"
    )
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert ran.stdout.split() == ["1"]
