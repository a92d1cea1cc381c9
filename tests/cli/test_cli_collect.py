"""`fastbatch collect` as a process."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

Start = Callable[..., subprocess.Popen[bytes]]
BATCH = b'{"batch":[{"type":"track","messageId":"1"},{"type":"page","messageId":"2"},{"type":"page","messageId":"2"}]}'


def url_of(child: subprocess.Popen[bytes]) -> str:
    """Return the URL that the collector says it has."""
    assert child.stdout is not None
    return child.stdout.readline().decode().strip()


def post(url: str) -> None:
    """Send a batch."""
    headers = {"Authorization": "Basic azo="}
    with urllib.request.urlopen(urllib.request.Request(url + "/v1/batch", BATCH, headers), timeout=30) as response:
        assert response.read() == b'{"success":true}'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_its_url_comes_first_and_the_totals_last(
    start: Start, account: Callable[[str], dict[str, int]], tmp_path: Path, number: int
) -> None:
    """Either signal ends it in good order, with status 0."""
    child = start("collect", "--port", "0", "--db", tmp_path / "events.db")
    url = url_of(child)
    assert url.startswith("http://127.0.0.1:")
    post(url)
    child.send_signal(number)
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert account(output.decode()) == {"received": 3, "duplicates": 1, "different": 2, "page": 1, "track": 1}
    assert not (tmp_path / "events.db-wal").exists()


def test_what_was_answered_survives_a_kill(start: Start, tmp_path: Path) -> None:
    """The answer is sent after the commit."""
    child = start("collect", "--port", "0", "--db", tmp_path / "events.db")
    post(url_of(child))
    child.kill()
    child.wait(timeout=60)
    connection = sqlite3.connect(tmp_path / "events.db")
    assert connection.execute("SELECT message_id, copies FROM messages").fetchall() == [("1", 1), ("2", 2)]
    connection.close()


def test_its_options_reach_the_collector(start: Start) -> None:
    """A write key and a limit of its own."""
    child = start("collect", "--port", "0", "--write-key", "other", "--max-body-bytes", "10")
    with pytest.raises(urllib.error.HTTPError) as raised:
        post(url_of(child))
    assert raised.value.code == 401
    raised.value.close()
