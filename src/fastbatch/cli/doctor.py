"""`fastbatch doctor`: what is installed, what is in use, and one round trip."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from contextlib import ExitStack
from typing import Any

import click
from rich.console import Console

from fastbatch import BACKEND, Client
from fastbatch.cli.account import Row, is_all_delivered, print_rows
from fastbatch.cli.options import endpoint_option, settings_from, write_key_option
from fastbatch.collector import Collector
from fastbatch.config import ENVIRONMENT_PREFIX, Config
from fastbatch.core import NATIVE_PROBLEM
from fastbatch.errors import FastbatchError
from fastbatch.pipeline.compress import compressor
from fastbatch.pipeline.encode import IS_FAST
from fastbatch.version import VERSION

__all__ = ["doctor"]

_PACKAGES = ("urllib3", "cffi", "orjson", "isal", "zstandard", "click", "rich")
_SHOWN = frozenset({*Config.names(), "backend"}) - {"headers", "proxy"}
"""Variables whose values may be seen; a name that is none of ours may be the misspelt one of a password."""


@click.command()
@endpoint_option
@click.option("--dialect", metavar="NAME", help="segment (the default), rudderstack or posthog.")
@write_key_option("doctor")
def doctor(endpoint: str | None, dialect: str | None, write_key: str) -> None:
    """
    Show what is installed and in use, and make one round trip.

    It goes to --endpoint, where it leaves one event named "fastbatch doctor"; without, to a collector of its own. The
    exit status is 1 when it fails.
    """
    console = Console(soft_wrap=True)
    print_rows(console, "Installed", _installed())
    print_rows(console, "In use", _in_use())
    print_rows(console, "Settings from the environment", _environment() or [("none", "")])
    with ExitStack() as stack:
        if endpoint is None:
            endpoint = stack.enter_context(Collector(write_key=write_key)).url
        is_well, rows = _round_trip(write_key, endpoint=endpoint, dialect=dialect)
    print_rows(console, "Round trip", rows)
    sys.exit(0 if is_well else 1)


def _installed() -> list[Row]:
    rows: list[Row] = [("fastbatch", VERSION), (platform.python_implementation(), platform.python_version())]
    return rows + [(name, _version_of(name)) for name in _PACKAGES]


def _version_of(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _in_use() -> list[Row]:
    if BACKEND == "native":
        backend = "native"
    elif NATIVE_PROBLEM:
        backend = f"pure: {NATIVE_PROBLEM}"
    else:
        backend = "pure: asked for by FASTBATCH_BACKEND"
    rows: list[Row] = [("backend", backend), ("encoder", "orjson" if IS_FAST else "json of the standard library")]
    return rows + [(name, _library_for(name)) for name in ("gzip", "zstd")]


def _library_for(compression: str) -> str:
    try:
        return compressor(compression).library or "none"
    except FastbatchError as error:
        return str(error)


def _environment() -> list[Row]:
    variables = sorted(name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX))
    return [(variable, _shown(variable, os.environ[variable])) for variable in variables]


def _shown(variable: str, text: str) -> str:
    # An endpoint with a password is refused, but only when the client is made.
    is_open = variable.removeprefix(ENVIRONMENT_PREFIX).lower() in _SHOWN and "@" not in text
    return text if is_open else "<hidden>"


def _round_trip(write_key: str, **options: Any) -> tuple[bool, list[Row]]:
    settings = settings_from({**options, "batch_size": 1, "max_attempts": 1, "compression": "gzip"})
    timeout = settings.get("request_timeout", 10.0) + 5.0
    client = Client(write_key, **settings)
    try:
        started = time.perf_counter()
        client.track("fastbatch-doctor", "fastbatch doctor", {"version": VERSION, "backend": BACKEND})
        client.flush(timeout=timeout)
        seconds = time.perf_counter() - started
    finally:
        client.close(timeout=1.0)
    stats = client.stats()
    is_well = stats.accepted == 1 and is_all_delivered(stats)
    rows: list[Row] = [("endpoint", options["endpoint"]), ("seconds", f"{seconds:.4f}")]
    if is_well:
        return True, [*rows, ("outcome", "delivered")]
    causes = [cause for counts in (stats.refused, stats.dropped) for cause, n in counts.items() if n]
    return False, [*rows, ("outcome", ", ".join(causes) or "no answer"), ("last error", stats.last_error or "none")]
