"""
What the collector received, in SQLite.

One thread writes. Requests that arrive while it writes are committed together in its next transaction, and each waits
for its own: what was answered with 200 is in the database.

Rows go in many to a statement, because sqlite3 gives up the GIL around each statement and may wait 5 ms to get it back
from a busy thread: beside one, a row to a statement is many times slower.
"""

from __future__ import annotations

import functools
import json
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from fastbatch.collector.wire import Received
from fastbatch.errors import FastbatchError

__all__ = ["Counts", "Store", "StoreError"]

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id          INTEGER PRIMARY KEY,         -- the order of arrival
    message_id  TEXT NOT NULL UNIQUE,
    kind        TEXT NOT NULL,               -- "track", "identify", ...
    user_id     TEXT,
    write_key   TEXT NOT NULL,
    received_at REAL NOT NULL,               -- seconds since 1970
    message     TEXT NOT NULL,               -- JSON, as it was received
    copies      INTEGER NOT NULL DEFAULT 1   -- how many times it was received
);
PRAGMA user_version = 1;
"""
_COLUMNS = "message_id, kind, user_id, message, write_key, received_at"
"""Those of `Received` first, in its order; then those that a whole request has in common."""
_ROWS_A_STATEMENT = 166  # 996 parameters: not above the 999 that the oldest SQLite allows
_MESSAGES_A_COMMIT = 20_000
_ROWS_A_PAGE = 1000


class StoreError(FastbatchError):
    """The database could not be opened or written; nothing of the request was stored."""


class Counts(NamedTuple):
    """What was received: messages in all, those that differ in their id, and the rest."""

    received: int
    unique: int
    duplicates: int


class _Deposit:
    """What one request brings, until it is committed."""

    def __init__(self, received: Sequence[Received], write_key: str) -> None:
        self.received = received
        self.common = (write_key, time.time())
        self.settled = threading.Event()
        self.error: Exception | None = None


class Store:
    """
    The messages of a collector; any thread may call any method.

    Args:
        path: The database file, made if it is not there; ``":memory:"`` keeps all in memory.

    Raises:
        StoreError: When the file cannot be opened or is something else.
    """

    def __init__(self, path: str | os.PathLike[str] = ":memory:") -> None:
        self.path = os.fspath(path)
        # Whoever uses the connection holds the lock, for a whole transaction: a reader never sees half of one.
        self._lock = threading.Lock()
        self._connection = _connect(self.path)
        self._inbox: queue.SimpleQueue[_Deposit | None] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._closed = False
        self._writer = threading.Thread(target=self._write_all, name="fastbatch-store", daemon=True)
        self._writer.start()

    def add(self, received: Sequence[Received], write_key: str = "", timeout: float = 60.0) -> None:
        """
        Store messages; they are committed when this returns. One whose id is known already is counted and not kept.

        Raises:
            StoreError: When they are not stored, or may not be: the timeout, in seconds, has passed.
        """
        deposit = _Deposit(received, write_key)
        with self._door:  # nothing may come after the None that ends the writer
            if self._closed:
                raise StoreError("the store is closed")
            self._inbox.put(deposit)
        if not deposit.settled.wait(timeout):
            raise StoreError(f"the database took longer than {timeout} s")
        if deposit.error is not None:
            raise StoreError(f"{self.path}: {deposit.error}")

    def counts(self) -> Counts:
        """Return how many messages are in the database."""
        unique, received = self._read("SELECT count(*), coalesce(sum(copies), 0) FROM messages")[0]
        return Counts(received, unique, received - unique)

    def kinds(self) -> dict[str, int]:
        """Return how many different messages there are of each type."""
        return dict(self._read("SELECT kind, count(*) FROM messages GROUP BY kind ORDER BY kind"))

    def ids(self) -> Iterator[str]:
        """Yield the ids of all messages in the order of their arrival."""
        return (row[1] for row in self._pages("message_id"))

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield all messages in the order of their arrival."""
        return (json.loads(row[1]) for row in self._pages("message"))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield all columns of each row in the order of arrival."""
        names = ("id", *_COLUMNS.split(", "), "copies")
        return (dict(zip(names, row, strict=True)) for row in self._pages(f"{_COLUMNS}, copies"))

    def close(self) -> None:
        """Commit what was added, then let go of the database."""
        with self._door:
            if self._closed:
                return
            self._closed = True
            self._inbox.put(None)
        self._writer.join()
        with self._lock:
            self._connection.close()

    def _pages(self, columns: str) -> Iterator[tuple[Any, ...]]:
        # By pages, so that the writer is not kept waiting for a reader that takes its time.
        last = 0
        statement = f"SELECT id, {columns} FROM messages WHERE id > ? ORDER BY id LIMIT {_ROWS_A_PAGE}"  # noqa: S608  # our own names
        while page := self._read(statement, last):
            yield from page
            last = page[-1][0]

    def _read(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(statement, parameters).fetchall()
            except sqlite3.Error as error:
                raise StoreError(f"{self.path}: {error}") from error

    def _write_all(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._next_group()
            error = self._commit(group) if group else None
            for deposit in group:
                deposit.error = error
                deposit.settled.set()

    def _next_group(self) -> tuple[list[_Deposit], bool]:
        """Wait for a deposit and return it with all that wait behind it; False when the store closes."""
        group: list[_Deposit] = []
        size = 0
        while size < _MESSAGES_A_COMMIT:
            try:
                deposit = self._inbox.get(block=not group)
            except queue.Empty:
                break
            if deposit is None:
                return group, False
            group.append(deposit)
            size += len(deposit.received)
        return group, True

    def _commit(self, group: list[_Deposit]) -> Exception | None:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                for deposit in group:
                    for start in range(0, len(deposit.received), _ROWS_A_STATEMENT):
                        some = deposit.received[start : start + _ROWS_A_STATEMENT]
                        values = [*chain.from_iterable((*row, *deposit.common) for row in some)]
                        self._connection.execute(_insertion(len(some)), values)
                self._connection.execute("COMMIT")
            except Exception as error:  # noqa: BLE001  # whatever it is, the requests must hear of it
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                return error
        return None


@functools.cache
def _insertion(rows: int) -> str:
    # None of the placeholders is numbered, to be used for each row: Python 3.14 does not take those with a sequence.
    values = ", ".join(["(?, ?, ?, ?, ?, ?)"] * rows)
    return (
        f"INSERT INTO messages ({_COLUMNS}) VALUES {values} ON CONFLICT (message_id) DO UPDATE SET copies = copies + 1"  # noqa: S608
    )


def _connect(path: str) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a commit survives the loss of power
        # A rarer checkpoint writes a page once that many commits changed: with both, a fifth more rows a second.
        connection.execute("PRAGMA wal_autocheckpoint = 8000")
        connection.execute("PRAGMA cache_size = -65536")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version not in (0, SCHEMA_VERSION) or (version == 0 and tables):
            raise StoreError(f"{path}: a database, but not one of this collector's")
        connection.executescript(_SCHEMA)
    except sqlite3.Error as error:
        connection.close()
        raise StoreError(f"{path}: {error}") from error
    except StoreError:
        connection.close()
        raise
    return connection
