"""`fastbatch send` as a process, against a real collector."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fastbatch.collector import Collector, Counts

Run = Callable[..., subprocess.CompletedProcess[str]]
Account = Callable[[str], dict[str, int]]

TIME = "[17/May/2015:10:05:03 +0000]"


def log_lines(number: int) -> bytes:
    """Return an access log."""
    return b"".join(f'10.0.0.1 - - {TIME} "GET /{n} HTTP/1.1" 200 {n}\n'.encode() for n in range(number))


def test_a_real_log_arrives_whole_and_a_second_run_adds_nothing(
    run: Run, account: Account, collector: Collector, apache_log: Path
) -> None:
    """All 10 000 lines are delivered; the ids are the same again, so that the server drops what it has."""
    for duplicates in (0, 10_000):
        done = run("send", "-k", "K", "--endpoint", collector.url, apache_log)
        assert (done.returncode, done.stderr) == (0, "")
        numbers = account(done.stdout)
        assert (numbers["read"], numbers["accepted"], numbers["delivered"]) == (10_000,) * 3
        assert collector.store.counts() == Counts(10_000 + duplicates, 10_000, duplicates)
    lines = gzip.decompress(apache_log.read_bytes()).decode().splitlines()
    paths = sorted(line.split('"')[1].split(" ")[1].partition("?")[0].partition("#")[0] for line in lines)
    assert sorted(message["name"] for message in collector.store.messages()) == paths


@pytest.mark.parametrize("packing", ["plain", "gz", "zst"])
def test_a_file_may_be_packed_whatever_its_name(run: Run, collector: Collector, tmp_path: Path, packing: str) -> None:
    """The first bytes say how it is packed."""
    data = log_lines(300)
    if packing == "gz":
        data = gzip.compress(data[:1000]) + gzip.compress(data[1000:])
    elif packing == "zst":
        zstandard = pytest.importorskip("zstandard", reason="the optional package zstandard is not here")
        data = zstandard.compress(data)
    (tmp_path / "file").write_bytes(data)
    done = run("send", "-k", "K", "--endpoint", collector.url, tmp_path / "file")
    assert (done.returncode, done.stderr) == (0, "")
    assert {row["name"] for row in collector.store.messages()} == {f"/{n}" for n in range(300)}


def test_standard_input_and_several_files_are_one_account(
    run: Run, account: Account, collector: Collector, tmp_path: Path
) -> None:
    """Each source has a format of its own; an empty one is none."""
    (tmp_path / "rows.csv").write_text("event,user_id,price\nPaid,u1,3\nPaid,u2,4\n")
    (tmp_path / "empty").write_bytes(b"")
    line = json.dumps({"type": "identify", "userId": "u", "traits": {"a": 1}}).encode()
    files = ["-", tmp_path / "rows.csv", tmp_path / "empty"]
    done = run("send", "--endpoint", collector.url, *files, stdin=line, env={"FASTBATCH_WRITE_KEY": "K"})
    assert (done.returncode, done.stderr) == (0, "")
    assert account(done.stdout)["delivered"] == 3
    assert collector.store.kinds() == {"identify": 1, "track": 2}


def test_the_options_of_rows_reach_the_events(run: Run, collector: Collector) -> None:
    """--event, --user-column and --property shape what is sent."""
    arguments = ["--format", "csv", "--event", "Imported", "--user-column", "who", "--property", "a"]
    done = run("send", "-k", "K", "--endpoint", collector.url, *arguments, "-", stdin=b"who,a,b\nu1,1,2\n")
    assert done.returncode == 0
    (message,) = collector.store.messages()
    assert (message["event"], message["userId"], message["properties"]) == ("Imported", "u1", {"a": "1"})


def test_the_dialect_and_the_compression_can_be_chosen(run: Run, collector: Collector) -> None:
    """RudderStack's endpoint takes the same messages."""
    arguments = ["--dialect", "rudderstack", "--compression", "none", "--batch-size", "7", "--senders", "1"]
    done = run("send", "-k", "K", "--endpoint", collector.url, *arguments, "-", stdin=log_lines(50))
    assert done.returncode == 0
    assert collector.store.counts().unique == 50


@pytest.mark.parametrize("mode", ["v0", "v1"])
def test_posthog_gets_each_line_once_on_either_wire(
    run: Run, account: Account, collector: Collector, tmp_path: Path, mode: str
) -> None:
    """Messages of all kinds and a log; a second run brings the same uuids, so nothing is there twice."""
    lines = [
        {"type": "track", "userId": "u", "event": "Order", "properties": {"revenue": 1.5}, "messageId": "my own"},
        {"type": "identify", "userId": "u", "traits": {"plan": "pro"}},
        {"type": "page", "anonymousId": "v", "name": "Home"},
        {"type": "screen", "userId": "u", "name": "Home"},
        {"type": "group", "userId": "u", "groupId": "g", "traits": {"size": 1}},
        {"type": "alias", "previousId": "v", "userId": "u"},
    ]
    (tmp_path / "messages.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "access.log").write_bytes(log_lines(20))
    arguments = ["--dialect", "posthog", "--capture-mode", mode, "-k", "K", "--endpoint", collector.url]
    for duplicates in (0, 26):
        done = run("send", *arguments, tmp_path / "messages.ndjson", tmp_path / "access.log")
        assert (done.returncode, done.stderr) == (0, "")
        assert account(done.stdout)["delivered"] == 26
        assert collector.store.counts() == Counts(26 + duplicates, 26, duplicates)
    assert collector.store.kinds() == {
        "capture": 1,
        "$identify": 1,
        "$pageview": 21,
        "$screen": 1,
        "$groupidentify": 1,
        "$create_alias": 1,
    }


def test_a_bad_line_stops_and_what_came_before_is_delivered(
    run: Run, account: Account, collector: Collector, tmp_path: Path
) -> None:
    """The error names file and line, and the exit status is 1."""
    (tmp_path / "access.log").write_bytes(log_lines(16) + b"nonsense\n" + log_lines(5))
    done = run("send", "-k", "K", "--endpoint", collector.url, tmp_path / "access.log")
    assert done.returncode == 1
    assert f"{tmp_path / 'access.log'}:17: not a line of an access log" in done.stderr
    numbers = account(done.stdout)
    assert (numbers["read"], numbers["skipped"], numbers["delivered"]) == (17, 1, 16)
    assert collector.store.counts().unique == 16


def test_bad_lines_can_be_skipped_and_are_counted(run: Run, account: Account, collector: Collector) -> None:
    """What could not be read is skipped; what the client finds wrong is refused. Not all was delivered: status 1."""
    lines = [
        {"type": "track", "userId": "u", "event": "A"},
        {"type": "track", "userId": "u"},
        {"type": "track", "event": "A"},
        {"type": "track", "userId": "u", "event": "x" * 40_000},
        {"type": "track", "userId": "u", "event": "B"},
    ]
    data = b"\n".join([json.dumps(line).encode() for line in lines] + [b"{"])
    done = run("send", "-k", "K", "--endpoint", collector.url, "--on-error", "skip", "-", stdin=data)
    assert done.returncode == 1
    numbers = account(done.stdout)
    assert (numbers["read"], numbers["skipped"], numbers["accepted"], numbers["delivered"]) == (6, 1, 2, 2)
    assert (numbers["refused: invalid"], numbers["refused: too_large"]) == (2, 1)
    assert "<stdin>:2: Track.event: invalid field value" in done.stderr
    assert "<stdin>:4: the encoded message has" in done.stderr
    assert "<stdin>:6: Expecting" in done.stderr
    assert [message["event"] for message in collector.store.messages()] == ["A", "B"]


def test_a_file_that_is_cut_short_is_an_error_after_its_last_line(
    run: Run, account: Account, collector: Collector, tmp_path: Path
) -> None:
    """What could be unpacked is delivered."""
    (tmp_path / "cut.gz").write_bytes(gzip.compress(log_lines(1000))[:-8])
    done = run("send", "-k", "K", "--endpoint", collector.url, tmp_path / "cut.gz")
    assert done.returncode == 1
    assert "cut.gz:1001: cannot be read further: Compressed file ended" in done.stderr
    assert account(done.stdout)["delivered"] == 1000


def test_what_the_server_rejects_is_in_the_account(run: Run, account: Account, collector: Collector) -> None:
    """A key that is not the server's: nothing is delivered, the cause is named, the key is not shown."""
    done = run("send", "-k", "sEcReT", "--endpoint", collector.url, "-", stdin=log_lines(10))
    assert done.returncode == 1
    numbers = account(done.stdout)
    assert numbers["accepted"] == 10
    assert sum(count for name, count in numbers.items() if name.startswith("dropped: ")) == 10
    assert "sEcReT" not in done.stdout + done.stderr
    assert "401" in done.stdout


def test_a_format_that_cannot_be_told_is_asked_for(run: Run, collector: Collector) -> None:
    """The error says which option answers it."""
    done = run("send", "-k", "K", "--endpoint", collector.url, "-", stdin=b"nonsense\n")
    assert done.returncode == 1
    assert done.stderr == "Error: <stdin>:1: the format cannot be told from this; say it with --format\n"


def test_a_progress_bar_is_drawn_when_wanted(run: Run, collector: Collector, tmp_path: Path) -> None:
    """On stderr, so that the account can be piped on."""
    (tmp_path / "access.log").write_bytes(log_lines(2000))
    done = run("send", "-k", "K", "--endpoint", collector.url, "--progress", tmp_path / "access.log")
    assert done.returncode == 0
    assert "access.log" in done.stderr
    assert "access.log" not in done.stdout


def test_more_than_the_queue_holds_is_waited_for(run: Run, account: Account, collector: Collector) -> None:
    """Reading is held back; nothing is refused for want of room."""
    env = {"FASTBATCH_MAX_QUEUE_BYTES": "70000"}
    done = run("send", "-k", "K", "--endpoint", collector.url, "-", stdin=log_lines(3000), env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert account(done.stdout)["delivered"] == 3000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_delivers_what_was_read(
    start: Callable[..., subprocess.Popen[bytes]], account: Account, collector: Collector, number: int
) -> None:
    """The pipe stays open: the read that waits ends, what was read is delivered and accounted for, status 130."""
    # A batch of 100 messages shows in the collector that all the lines were read.
    child = start("send", "-k", "K", "--endpoint", collector.url, "--batch-size", "100", "-")
    assert child.stdin is not None
    child.stdin.write(log_lines(100))
    child.stdin.flush()
    deadline = time.monotonic() + 60
    waiter = threading.Event()
    while collector.store.counts().unique < 100:
        assert time.monotonic() < deadline
        waiter.wait(0.01)
    child.send_signal(number)
    assert child.wait(timeout=60) == 130
    assert child.stdout is not None
    assert child.stderr is not None
    numbers = account(child.stdout.read().decode())
    assert (numbers["read"], numbers["accepted"], numbers["delivered"]) == (100, 100, 100)
    assert child.stderr.read() == b"Interrupted: the rest was not read.\n"
