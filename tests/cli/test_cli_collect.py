"""`fastbatch collect` as a process."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.asking import ask

Start = Callable[..., subprocess.Popen[bytes]]
BATCH = b'{"batch":[{"type":"track","messageId":"1"},{"type":"page","messageId":"2"},{"type":"page","messageId":"2"}]}'

FLAG = {"id": 1, "key": "beta", "active": True, "filters": {"groups": [{"rollout_percentage": 100}]}}


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


def test_its_flags_are_evaluated_and_handed_out(start: Start, tmp_path: Path) -> None:
    """From a file, for the one personal key; a change is told of, and a bad one too."""
    path = tmp_path / "flags.json"
    path.write_text(json.dumps({"flags": [FLAG]}))
    child = start("collect", "--port", "0", "--flags", path, "--personal-api-key", "phx_y")
    url = url_of(child)
    asked = {"api_key": "phc_x", "distinct_id": "u"}
    assert ask(url, "POST", "/flags/?v=2", asked).json["flags"]["beta"]["enabled"] is True
    for key, status in (("phx_y", 200), ("phx_z", 401)):
        headers = {"Authorization": f"Bearer {key}"}
        assert ask(url, "GET", "/flags/definitions?token=phc_x", None, headers).status == status
    path.write_text("{")
    assert ask(url, "POST", "/flags/?v=2", asked).json["flags"]["beta"]["enabled"] is True
    path.write_text(json.dumps({"flags": [{**FLAG, "active": False}]}))
    assert ask(url, "POST", "/flags/?v=2", asked).json["flags"]["beta"]["enabled"] is False
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 0
    lines = errors.decode().splitlines()
    assert lines[1] == f"1 flags from {path}"
    assert lines[2].startswith(f"the flags stay as they were: {path}: not JSON")
    assert lines[3] == f"{path} was read again: 1 flags"


def test_a_bad_file_of_flags_is_one_line(run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    """Before anything is listened to."""
    path = tmp_path / "flags.json"
    path.write_text('{"results": []}')
    done = run("collect", "--port", "0", "--flags", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == (
        f'Error: {path}: it must be an object with a list "flags", as PostHog\'s /flags/definitions answers'
    )
    missing = run("collect", "--port", "0", "--flags", tmp_path / "none.json")
    assert (missing.returncode, missing.stderr.strip()) == (
        1,
        f"Error: {tmp_path}/none.json: No such file or directory",
    )
