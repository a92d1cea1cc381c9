"""`fastbatch collect`: a local endpoint that keeps what it is sent."""

from __future__ import annotations

import signal
import threading
from typing import Any

import click
from rich.console import Console

from fastbatch.cli.account import print_rows
from fastbatch.collector import Collector
from fastbatch.collector.collector import DEFAULT_MAX_BODY_BYTES

__all__ = ["collect"]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
@click.option("--db", "path", type=click.Path(dir_okay=False), help="SQLite file; left out, all is kept in memory.")
@click.option("--write-key", "-k", metavar="KEY", help="Let in this key alone; left out, any key.")
@click.option("--max-body-bytes", type=click.IntRange(1), default=DEFAULT_MAX_BODY_BYTES, show_default=True)
@click.option("--flags", metavar="FILE", help="Feature flags to evaluate, as PostHog's /flags/definitions has them.")
@click.option("--personal-api-key", metavar="KEY", help="Hand the flags out for this key alone; left out, for any.")
def collect(host: str, port: int, path: str | None, flags: str | None, **options: Any) -> None:
    """
    Run a local Segment-, RudderStack- and PostHog-compatible endpoint until Ctrl-C or SIGTERM.

    Its URL is the first line of the output. A request is answered when its messages are in the database, and the totals
    are printed at the end. The file of flags is read again when it has changed.
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        collector = Collector(path or ":memory:", host, port, flags=flags, **options)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    with collector:
        click.echo(collector.url)
        click.echo(f"into {path or 'memory (--db FILE keeps it)'}; Ctrl-C ends", err=True)
        if flags is not None:
            click.echo(f"{len(collector.flags.current().flags)} flags from {flags}", err=True)
        # Not wait() without a timeout: on some systems no signal would wake it.
        while not stopped.wait(timeout=3600):
            pass
        collector.stop()
        counts, kinds = collector.store.counts(), collector.store.kinds()
    rows = [("received", counts.received), ("duplicates", counts.duplicates), ("different", counts.unique)]
    print_rows(Console(), "In the database", [*rows, *((f"  {kind}", count) for kind, count in kinds.items())])
