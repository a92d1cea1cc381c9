"""`fastbatch doctor` as a process."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable

import pytest

from fastbatch.collector import Collector
from fastbatch.version import VERSION

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_it_is_well_with_a_collector_of_its_own(run: Run) -> None:
    """What is installed, what is in use, and a delivered event."""
    done = run("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    for word in (VERSION, "urllib3", "backend", "encoder", "gzip", "http://127.0.0.1:", "delivered"):
        assert word in done.stdout


def test_it_makes_its_round_trip_to_an_endpoint(run: Run, collector: Collector) -> None:
    """One event, which says what it is."""
    done = run("doctor", "--endpoint", collector.url, "--write-key", "K")
    assert done.returncode == 0, done.stdout
    (message,) = collector.store.messages()
    assert message["event"] == "fastbatch doctor"


def test_its_round_trip_speaks_posthog(run: Run, collector: Collector) -> None:
    """On the older wire, with the collector's key."""
    done = run("doctor", "--endpoint", collector.url, "--write-key", "K", "--dialect", "posthog")
    assert done.returncode == 0, done.stdout
    (message,) = collector.store.messages()
    assert (message["event"], message["distinct_id"]) == ("fastbatch doctor", "fastbatch-doctor")


def test_a_failed_round_trip_is_status_1(run: Run, collector: Collector) -> None:
    """The outcome and the server's answer are shown."""
    done = run("doctor", "--endpoint", collector.url, "--write-key", "wrong")
    assert done.returncode == 1
    assert "401" in done.stdout


def test_an_endpoint_where_nobody_listens_is_status_1(run: Run) -> None:
    """One attempt, and what became of it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = run("doctor", "--endpoint", f"http://127.0.0.1:{port}")
    assert done.returncode == 1
    assert "refused" in done.stdout


def test_secrets_of_the_environment_are_hidden(run: Run) -> None:
    """What is set is shown, except what may be a password."""
    env = {"FASTBATCH_WRITE_KEY": "sEcReT", "FASTBATCH_HEADERS": '{"X-Key":"sEcReT"}', "FASTBATCH_BATCH_SIZE": "77"}
    done = run("doctor", env=env)
    assert done.returncode == 0
    assert "sEcReT" not in done.stdout
    assert "<hidden>" in done.stdout
    assert "77" in done.stdout


@pytest.mark.parametrize(
    "env",
    [{"FASTBATCH_ENDPOINT": "http://user:sEcReT@127.0.0.1:1"}, {"FASTBATCH_HEADER": '{"X-Key":"sEcReT"}'}],
    ids=["a password in the endpoint", "a misspelt name"],
)
def test_what_may_be_a_secret_is_hidden_too(run: Run, env: dict[str, str]) -> None:
    """An endpoint with a password is refused later on; and so is a misspelt setting. Both are shown first."""
    done = run("doctor", env=env)
    assert "sEcReT" not in done.stdout + done.stderr
    assert next(iter(env)) in done.stdout


def test_a_setting_that_is_not_allowed_is_one_line(run: Run) -> None:
    """The doctor names what is wrong with the environment."""
    done = run("doctor", env={"FASTBATCH_SENDERS": "99"})
    assert done.returncode == 1
    assert done.stderr == "Error: Config.senders: 99 is not allowed; must be a whole number from 1 to 64\n"
