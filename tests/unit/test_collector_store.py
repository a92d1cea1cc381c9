"""The messages of the collector, in SQLite."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fastbatch.collector.store import Counts, Store, StoreError
from fastbatch.collector.wire import Received


def messages(*ids: object) -> list[Received]:
    """Return a track for each id."""
    return [Received(str(n), "track", f"u{n}", f'{{"type":"track","messageId":"{n}"}}') for n in ids]


@pytest.mark.parametrize("place", ["memory", "file"])
def test_what_was_added_can_be_read(place: str, tmp_path: Path) -> None:
    """Counts, ids, messages and rows agree, in a file as in memory."""
    store = Store(":memory:" if place == "memory" else tmp_path / "events.db")
    try:
        store.add(messages(*range(2500)), "key")
        assert store.counts() == Counts(received=2500, unique=2500, duplicates=0)
        assert list(store.ids()) == [str(n) for n in range(2500)]
        assert [message["messageId"] for message in store.messages()] == [str(n) for n in range(2500)]
        assert store.kinds() == {"track": 2500}
        row = next(store.rows())
        assert row.pop("received_at") > 1_700_000_000
        assert row == {
            "id": 1,
            "message_id": "0",
            "kind": "track",
            "user_id": "u0",
            "write_key": "key",
            "message": '{"type":"track","messageId":"0"}',
            "copies": 1,
        }
    finally:
        store.close()


def test_a_known_id_is_counted_and_not_kept_twice() -> None:
    """At-least-once delivery brings a message again; the first of its kind stays."""
    store = Store()
    try:
        store.add(messages(1, 2, 2))
        store.add([Received("1", "page", None, "{}")])
        assert store.counts() == Counts(received=4, unique=2, duplicates=2)
        assert store.kinds() == {"track": 2}
        assert [row["copies"] for row in store.rows()] == [2, 2]
    finally:
        store.close()


def test_what_add_returned_for_is_seen_by_another_process(tmp_path: Path) -> None:
    """The rows are committed when `add` returns, so that a crash right after loses nothing."""
    path = tmp_path / "events.db"
    program = (
        "import os, sys; from fastbatch.collector.store import Store; from fastbatch.collector.wire import Received\n"
        "Store(sys.argv[1]).add([Received(str(n), 'track', None, '{}') for n in range(500)]); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(path)], timeout=60, check=False).returncode == 9
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM messages").fetchone() == (500,)
    connection.close()


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    """Deposits that are committed together are each told so, and readers see whole deposits only."""
    store = Store(tmp_path / "events.db")
    gate = threading.Barrier(9)

    def add(worker: int) -> None:
        gate.wait(timeout=30)
        for n in range(20):
            store.add(messages(*(f"{worker}-{n}-{m}" for m in range(7))))

    threads = [threading.Thread(target=add, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    gate.wait(timeout=30)
    while any(thread.is_alive() for thread in threads):
        assert store.counts().received % 7 == 0
    for thread in threads:
        thread.join(timeout=30)
    assert store.counts() == Counts(received=8 * 20 * 7, unique=8 * 20 * 7, duplicates=0)
    store.close()


def test_a_database_is_taken_up_again(tmp_path: Path) -> None:
    """A second run adds to the first, and knows its ids."""
    for expected in (Counts(2, 2, 0), Counts(4, 2, 2)):
        store = Store(tmp_path / "events.db")
        store.add(messages(1, 2))
        assert store.counts() == expected
        store.close()


def test_a_failed_write_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    """Another program's change of the schema fails the write; the request hears of it."""
    store = Store(tmp_path / "events.db")
    other = sqlite3.connect(tmp_path / "events.db")
    other.execute("ALTER TABLE messages RENAME TO elsewhere")
    other.close()
    with pytest.raises(StoreError, match="no such table"):
        store.add(messages(1))
    with pytest.raises(StoreError, match="no such table"):
        store.counts()
    store.close()


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    """Nothing is written into a text file, nor into another program's database."""
    (tmp_path / "notes.txt").write_text("These are notes, long enough to be looked at. " * 50)
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE theirs (id INTEGER)")
    other.commit()
    other.close()
    for name in ("notes.txt", "other.db", "no/such/folder.db"):
        with pytest.raises(StoreError, match=name):
            Store(tmp_path / name)


def test_a_closed_store_takes_nothing_and_leaves_no_thread() -> None:
    """Closing commits, stops the writer, and may be done twice."""
    store = Store()
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.add(messages(1))
    assert not [thread for thread in threading.enumerate() if thread.name == "fastbatch-store"]
