"""What the command line says to arguments that are wrong: one line, naming the option and what is allowed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fastbatch.cli.app import app
from fastbatch.version import VERSION


def invoke(*arguments: str, env: dict[str, str | None] | None = None) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, arguments, env={"FASTBATCH_WRITE_KEY": None, **(env or {})}, prog_name="fastbatch")


@pytest.fixture
def log(tmp_path: Path) -> str:
    """A file with one good line."""
    path = tmp_path / "access.log"
    path.write_text('1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1\n')
    return str(path)


def test_the_version_is_the_packages() -> None:
    """`fastbatch --version` says which fastbatch this is."""
    assert invoke("--version").output == f"fastbatch, version {VERSION}\n"


def test_help_lists_the_commands() -> None:
    """Each command is there with its summary."""
    result = invoke("--help")
    assert result.exit_code == 0
    for command in ("collect", "demo", "doctor", "send"):
        assert f"  {command} " in result.output
        assert invoke(command, "-h").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["send"], "Missing argument"),
        (["send", "-"], "Missing option '--write-key'"),
        (["send", "-k", "K", "--batch-size", "0", "-"], "'--batch-size': 0 is not in the range"),
        (["send", "-k", "K", "--batch-size", "many", "-"], "'--batch-size': 'many' is not a valid integer"),
        (["send", "-k", "K", "--format", "xml", "-"], "'--format': 'xml' is not one of 'auto', 'messages'"),
        (["send", "-k", "K", "--on-error", "cry", "-"], "'--on-error': 'cry' is not one of 'stop', 'skip'"),
        (["send", "-k", "K", "--event", "E", "--event-column", "e", "-"], "--event and --event-column"),
        (["demo", "--threads", "0"], "'--threads': 0 is not in the range"),
        (["collect", "--port", "70000"], "'--port': 70000 is not in the range"),
        (["collect", "--max-body-bytes", "0"], "'--max-body-bytes': 0 is not in the range"),
        (["nonsense"], "No such command 'nonsense'"),
    ],
)
def test_a_usage_error_names_the_option_and_what_is_allowed(arguments: list[str], said: str) -> None:
    """Exit status 2, as shells expect it."""
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--endpoint", "ftp://example.org", "Config.endpoint: 'ftp://example.org' is not allowed; must be"),
        ("--dialect", "morse", "Config.dialect: 'morse' is not allowed; must be"),
    ],
)
def test_a_setting_that_is_not_allowed_is_one_line(log: str, option: str, value: str, said: str) -> None:
    """A ConfigError is shown as what it says, without a traceback."""
    result = invoke("send", "-k", "K", option, value, log)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {said}")
    assert result.output.count("\n") == 1


def test_a_setting_from_the_environment_is_checked_too(log: str) -> None:
    """FASTBATCH_BATCH_SIZE is the option's default, with the same rules."""
    result = invoke("send", "-k", "K", log, env={"FASTBATCH_BATCH_SIZE": "many"})
    assert result.exit_code == 1
    assert (
        result.output == "Error: Config.batch_size: 'many' is not allowed; must be a whole number in the environment\n"
    )


def test_a_file_that_is_not_there_is_one_line() -> None:
    """Nothing is sent when one of the files cannot be opened."""
    result = invoke("send", "-k", "K", "no/such.log")
    assert (result.exit_code, result.output) == (1, "Error: no/such.log: No such file or directory\n")


def test_collect_says_why_it_cannot_listen_or_store(tmp_path: Path) -> None:
    """An address of another machine and a folder as a database are errors of one line."""
    result = invoke("collect", "--host", "192.0.2.1", "--port", "0")
    assert result.exit_code == 1
    assert result.output.startswith("Error: cannot listen on 192.0.2.1 port 0: ")
    result = invoke("collect", "--port", "0", "--db", str(tmp_path / "no" / "such.db"))
    assert result.exit_code == 1
    assert "such.db: unable to open database file" in result.output


def test_without_click_the_command_says_how_to_get_it() -> None:
    """The extra is optional; the message has the whole pip command, and there is no traceback."""
    program = "import sys; sys.modules['click'] = None; from fastbatch.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "fastbatch: the command line needs click; to get it: pip install 'fastbatch[cli]'\n"
