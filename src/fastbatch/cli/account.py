"""The account at the end of a command: what became of every event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fastbatch import Stats

__all__ = ["Row", "is_all_delivered", "print_rows", "stats_rows"]

Row: TypeAlias = "tuple[str, object]"


def stats_rows(stats: Stats) -> list[Row]:
    """Return the rows for a client's `Stats`; a cause that did not occur has none."""
    return [
        ("accepted", stats.accepted),
        *_causes("refused", stats.refused),
        ("delivered", stats.delivered),
        *_causes("dropped", stats.dropped),
        ("queued", stats.queued),
        ("in flight", stats.in_flight),
        ("retries", stats.retries),
        *([] if is_all_delivered(stats) or not stats.last_error else [("last error", stats.last_error)]),
    ]


def is_all_delivered(stats: Stats) -> bool:
    """Return whether every event was accepted and delivered."""
    return stats.accepted == stats.delivered and not any(stats.refused.values())


def print_rows(console: Console, title: str, rows: Iterable[Row]) -> None:
    """Print a table of two columns: names, and values with numbers to the right."""
    table = Table.grid(padding=(0, 2), pad_edge=True)
    table.add_column()
    table.add_column(overflow="fold")
    rows = list(rows)
    digits = max((len(str(value)) for _, value in rows if isinstance(value, int)), default=0)
    for name, value in rows:
        table.add_row(Text(name), Text(str(value).rjust(digits) if isinstance(value, int) else str(value)))
    console.print(Text(title, style="bold"))
    console.print(table)


def _causes(word: str, counts: Mapping[str, int]) -> list[Row]:
    found = [(f"{word}: {cause}", count) for cause, count in sorted(counts.items()) if count]
    return [*found] if found else [(word, 0)]
