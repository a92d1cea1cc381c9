"""What the formats share: lines in, records out, and the ids that make a second run harmless."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from fastbatch.typing import Message

__all__ = ["NAMESPACE", "Lines", "Mapping", "Reader", "Record"]

NAMESPACE = uuid.UUID("6f9d2c1e-5b0a-5c7e-9a53-0d6a8f1b7c24")
"""Of all ids that are derived here."""


class Record(NamedTuple):
    """One message, or what is wrong with the line that should have been one."""

    line: int
    message: Message | None
    problem: str = ""


@dataclass(frozen=True)
class Mapping:
    """
    Which column of a row is what; a column that is none of these is a property.

    None is: the column of the usual name, where it is there.
    """

    event: str | None = None
    event_column: str | None = None
    user_column: str | None = None
    anonymous_column: str | None = None
    timestamp_column: str | None = None
    message_id_column: str | None = None
    properties: tuple[str, ...] = ()
    """Take only these as properties; empty is all."""


class Lines:
    """
    The lines of one file, counted.

    `record_id` is the UUIDv5 of all that was read so far: the same file read again, or read again after it has grown,
    gives its lines the same ids, and the server drops what it has.
    """

    def __init__(self, lines: Iterable[bytes], seed: str = "") -> None:
        self.number = 0
        self._lines = iter(lines)
        self.seed(seed)

    def seed(self, text: str) -> None:
        """Make the ids depend on ``text`` too: another event name for the same file makes other events."""
        namespace = uuid.uuid5(NAMESPACE, text)
        self._digest = hashlib.sha1(namespace.bytes, usedforsecurity=False)

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            self.number += 1
            self._digest.update(line)
            yield line

    def first(self) -> bytes:
        """Return the first line that is not blank without taking it; empty when there is none."""
        seen = []
        for line in self._lines:
            seen.append(line)
            if line.strip():
                break
        self._lines = itertools.chain(seen, self._lines)
        return seen[-1] if seen else b""

    def record_id(self) -> str:
        """Return the id of the record that ends with the line that was read last."""
        return str(uuid.UUID(bytes=self._digest.digest()[:16], version=5))


Reader: TypeAlias = "Callable[[Lines, Mapping], Iterator[Record]]"
