"""The file of feature flags that a collector evaluates: read when it starts, and again whenever it has changed."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from fastbatch.errors import FastbatchError
from fastbatch.flags.local.definitions import Definitions, compile_definitions

__all__ = ["FlagFile", "FlagFileError", "Published"]

logger = logging.getLogger("fastbatch.collector")

_NO_FLAGS = b'{"flags":[],"group_type_mapping":{},"cohorts":{}}'
_PROBLEMS_SHOWN = 10


class FlagFileError(FastbatchError):
    """The file cannot be read, or is not what the definitions endpoint answers."""


class Published(NamedTuple):
    """The flags as one reading of the file has them."""

    body: bytes
    """JSON, as it stands in the file."""
    etag: str
    flags: Mapping[str, Mapping[str, Any]]
    """As they stand in the file, by key."""
    definitions: Definitions


class FlagFile:
    """
    Flags in the form of PostHog's ``/flags/definitions``; any thread may ask for them.

    Args:
        path: None is a project without flags.

    Raises:
        FlagFileError: When it cannot be used; later such a file is logged, and the flags stay as they were.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self.path = None if path is None else os.fspath(path)
        self._lock = threading.Lock()
        self._mark = self._look()
        self._published = _publish("no file", _NO_FLAGS) if self.path is None else _read(self.path)

    def current(self) -> Published:
        """Return the flags, read again if the file is not the one that was read last."""
        if self.path is None:
            return self._published
        with self._lock:
            # Looked at before it is read: a change in between is seen by the next look.
            mark = self._look()
            if mark != self._mark:
                self._mark = mark
                self._read_again(self.path)
            return self._published

    def _read_again(self, path: str) -> None:
        try:
            self._published = _read(path)
        except FlagFileError as error:
            logger.warning("the flags stay as they were: %s", error)
        else:
            logger.warning("%s was read again: %d flags", path, len(self._published.flags))

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self.path or "")
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: str) -> Published:
    try:
        with open(path, "rb") as file:
            body = file.read()
    except OSError as error:
        raise FlagFileError(f"{path}: {error.strerror or error}") from error
    return _publish(path, body)


def _publish(path: str, body: bytes) -> Published:
    try:
        # A byte-order mark is what some editors begin a file with; JSON has none.
        text = body.decode("utf-8-sig")
        payload = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FlagFileError(f"{path}: not JSON: {error}") from error
    flags = _flags_of(path, payload)
    try:
        definitions = compile_definitions({**payload, "flags": [_as_the_server(flag) for flag in flags.values()]})
    except ValueError as error:
        raise FlagFileError(f"{path}: {error}") from error
    for problem in definitions.problems[:_PROBLEMS_SHOWN]:
        logger.warning("%s: %s", path, problem)
    if len(definitions.problems) > _PROBLEMS_SHOWN:
        logger.warning("%s: and %d problems more", path, len(definitions.problems) - _PROBLEMS_SHOWN)
    plain = text.encode()
    return Published(plain, hashlib.sha256(plain).hexdigest()[:16], flags, definitions)


def _flags_of(path: str, payload: Any) -> dict[str, Mapping[str, Any]]:
    """Return the flags by key, those that are deleted left out."""
    flags = payload.get("flags") if isinstance(payload, dict) else None
    if not isinstance(flags, list):
        raise FlagFileError(
            f'{path}: it must be an object with a list "flags", as PostHog\'s /flags/definitions answers'
        )
    found: dict[str, Mapping[str, Any]] = {}
    for number, flag in enumerate(flags):
        key = flag.get("key") if isinstance(flag, dict) else None
        if not isinstance(key, str) or not key:
            raise FlagFileError(f'{path}: flag {number} must be an object with a "key"')
        if key in found:
            raise FlagFileError(f"{path}: flag {number} has a key that another has: {key!r}")
        if not flag.get("deleted"):
            found[key] = flag
    return found


def _as_the_server(flag: Mapping[str, Any]) -> dict[str, Any]:
    # An SDK leaves such a flag to the server, which remembers what a person was given first. This server has nobody to
    # remember, and then PostHog's evaluates the flag like any other.
    return {**flag, "ensure_experience_continuity": False}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
