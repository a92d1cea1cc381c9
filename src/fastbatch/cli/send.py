"""`fastbatch send`: deliver the lines of files."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from fastbatch import Client, Stats
from fastbatch.cli.account import Row, is_all_delivered, print_rows, stats_rows
from fastbatch.cli.delivery import Delivery
from fastbatch.cli.formats import READERS, Mapping
from fastbatch.cli.interrupt import Interrupt
from fastbatch.cli.options import client_options, endpoint_option, settings_from, write_key_option
from fastbatch.cli.sources import Source

__all__ = ["send"]

_INTERRUPTED = 130


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...|-")
@write_key_option()
@endpoint_option
@client_options
@click.option("--format", "format_", type=click.Choice(["auto", *READERS]), default="auto", show_default=True)
@click.option("--event", metavar="NAME", help="Event name of every row.")
@click.option("--event-column", metavar="COLUMN", help="Column of the event name.  [default: event]")
@click.option("--user-column", metavar="COLUMN", help="[default: user_id or userId]")
@click.option("--anonymous-column", metavar="COLUMN", help="[default: anonymous_id or anonymousId]")
@click.option("--timestamp-column", metavar="COLUMN", help="[default: timestamp]")
@click.option("--message-id-column", metavar="COLUMN", help="[default: message_id or messageId]")
@click.option("--property", "properties", metavar="COLUMN", multiple=True, help="Take this column; again for more.")
@click.option("--on-error", type=click.Choice(["stop", "skip"]), default="stop", show_default=True)
@click.option("--progress/--no-progress", default=None, help="Progress bar on stderr; by default on a terminal.")
def send(
    files: tuple[str, ...], write_key: str, format_: str, on_error: str, progress: bool | None, **options: Any
) -> None:
    """
    Deliver the lines of each FILE (- is standard input), plain or .gz or .zst, and account for every one.

    \b
    Formats, told from the first line and the file's name:
      messages  a JSON message a line: {"type": "track", "userId": ...}
      ndjson    a JSON object a line, csv: a row; each a track event, other columns its properties
      combined  web-server access logs, combined or common; each a page event

    A line without a message id gets one that is the same in the next run, so that the server can drop what it has.
    A line that cannot be sent ends the reading (what came before it is delivered), or is skipped and counted.
    The exit status is 0 only when everything was delivered, 130 after Ctrl-C.
    """
    columns = {name: options.pop(name) for name in Mapping.__dataclass_fields__ if name in options}
    if columns["event"] and columns["event_column"]:
        raise click.UsageError("--event and --event-column are two answers to one question; give one of them.")
    # Reading waits for room as long as it takes: a batch's attempts are bounded, so there will be room.
    settings = settings_from(options, on_full="block", block_timeout=86_400.0)
    with Interrupt() as interrupt, _Bar(progress) as bar:
        sources = [Source(path, interrupt.waiting) for path in files]
        bar.expect(sources)
        client = Client(write_key, **settings)
        bar.client = client
        delivery = Delivery(client, interrupt, format_, Mapping(**columns), on_error == "skip", bar.say, bar.update)
        try:
            delivery.run(sources)
            _drain(client, interrupt, bar)
        finally:
            client.close(timeout=settings.get("close_timeout", 10.0))
    sys.exit(_conclude(delivery, client.stats(), interrupt))


def _drain(client: Client, interrupt: Interrupt, bar: _Bar) -> None:
    """Wait for every outcome; each batch's attempts are bounded, so it ends. Ctrl-C leaves the rest to close()."""
    while not interrupt.is_set and client.flush(timeout=0.25).pending:
        bar.refresh()


def _conclude(delivery: Delivery, stats: Stats, interrupt: Interrupt) -> int:
    """Print the account and return the exit status."""
    rows: list[Row] = [("read", delivery.read), ("skipped", delivery.skipped), *stats_rows(stats)]
    print_rows(Console(), "Account", rows)
    for problem in delivery.problems:
        click.echo(f"Error: {problem}", err=True)
    taken = delivery.skipped + stats.accepted + sum(stats.refused.values())
    if taken != delivery.read:
        click.echo(f"Error: of {delivery.read} read, only {taken} are accounted for", err=True)
    if interrupt.is_set:
        click.echo("Interrupted: the rest was not read.", err=True)
        return _INTERRUPTED
    is_complete = not delivery.problems and not delivery.skipped and taken == delivery.read
    return 0 if is_complete and is_all_delivered(stats) else 1


class _Bar:
    """The progress bar, or nothing."""

    def __init__(self, is_wanted: bool | None) -> None:
        self._console = Console(stderr=True)
        self._is_shown = self._console.is_terminal if is_wanted is None else is_wanted
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=self._console, disable=not self._is_shown)
        self._tasks: dict[str, TaskID] = {}
        self.client: Client | None = None

    def __enter__(self) -> _Bar:  # noqa: PYI034  # typing.Self came with Python 3.11
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def expect(self, sources: list[Source]) -> None:
        """Show a bar for each source."""
        for source in sources:
            self._tasks[source.name] = self._progress.add_task(source.name, total=source.size)

    def update(self, source: Source) -> None:
        """Show how far a source was read, and what was delivered."""
        if self._is_shown:
            stats = self.client.stats() if self.client else None
            text = f"{source.name} [{stats.delivered}/{stats.accepted}]" if stats else source.name
            self._progress.update(self._tasks[source.name], completed=source.position(), description=text)

    def refresh(self) -> None:
        """Show it as it is now."""
        self._progress.refresh()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
