"""`fastbatch demo`: the main job end to end, and a check of every event."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from fastbatch import BACKEND, Client, Stats
from fastbatch.cli.account import Row, is_all_delivered, print_rows, stats_rows
from fastbatch.cli.audit import Audit, audit
from fastbatch.cli.options import client_options, endpoint_option, settings_from, write_key_option
from fastbatch.cli.workload import events
from fastbatch.collector import Collector

__all__ = ["demo"]

_CLOSE_TIMEOUT = 300.0


@click.command()
@click.option("--events", "number", type=click.IntRange(1), default=100_000, show_default=True, help="In all.")
@click.option("--threads", type=click.IntRange(1, 256), default=4, show_default=True, help="That enqueue.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same events.")
@write_key_option("demo")
@endpoint_option
@client_options
def demo(number: int, threads: int, seed: int, write_key: str, **options: Any) -> None:
    """
    Send a shop's events from several threads and check that each arrived exactly once.

    Without --endpoint, a collector of its own takes them and keeps them in SQLite; then every event is compared with
    what was sent. The exit status is 0 only when all adds up.
    """
    numbers = [number // threads + (worker < number % threads) for worker in range(threads)]
    found: Audit | None = None
    with ExitStack() as stack:
        collector = None
        if options["endpoint"] is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fastbatch-demo-"))
            collector = stack.enter_context(Collector(Path(folder) / "events.db", write_key=write_key))
            options["endpoint"] = collector.url
        settings = settings_from(options, on_full="block", block_timeout=_CLOSE_TIMEOUT)
        stats, seconds = _run(Client(write_key, **settings), seed, numbers)
        if collector is not None:
            found = audit(collector.store, seed, numbers)
    rows: list[Row] = [("events", number), *stats_rows(stats), *_audit_rows(found)]
    rows += [("seconds", f"{seconds:.2f}"), ("events/s", round(number / seconds)), ("backend", BACKEND)]
    print_rows(Console(), f"Demo: {number} events from {threads} threads", rows)
    is_sent = stats.accepted == number and is_all_delivered(stats)
    is_right = is_sent and (found is None or (found.is_clean and found.rows == number))
    click.echo("All adds up." if is_right else "It does not add up.", err=not is_right)
    sys.exit(0 if is_right else 1)


def _run(client: Client, seed: int, numbers: list[int]) -> tuple[Stats, float]:
    """Send the events of all workers; return the last stats and the time until the last outcome."""
    errors: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            for message in events(seed, worker, numbers[worker]):
                client.enqueue(message)
        except BaseException as error:  # noqa: BLE001  # raised again below, where someone sees it
            errors.append(error)

    workers = [threading.Thread(target=work, args=(n,), name=f"demo-{n}", daemon=True) for n in range(len(numbers))]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    client.close(timeout=_CLOSE_TIMEOUT)
    seconds = time.perf_counter() - started
    if errors:
        raise errors[0]
    return client.stats(), seconds


def _audit_rows(found: Audit | None) -> list[Row]:
    if found is None:
        return [("in the database", "not checked: it is not ours")]
    rows: list[Row] = [("in the database", found.rows), ("duplicates", found.duplicates), ("missing", found.missing)]
    return [*rows, ("altered", found.altered), ("repeated", found.repeated), ("unexpected", found.unexpected)]
