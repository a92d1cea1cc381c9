"""From files to a client: what `fastbatch send` does between reading its options and printing its account."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from fastbatch import Client
from fastbatch.cli.formats import READERS, Lines, Mapping, Record, detect
from fastbatch.cli.interrupt import Interrupt, Interrupted
from fastbatch.cli.sources import Source, SourceError
from fastbatch.errors import FieldError, MessageTooLargeError

__all__ = ["Delivery", "Stop"]

_RECORDS_A_REPORT = 500


class Stop(Exception):  # noqa: N818  # not an error of the program's
    """Reading ends here; the text says why."""


@dataclass
class Delivery:
    """
    Reads files and hands their messages to the client.

    Args:
        format: Name of a reader, or ``auto``.
        skips: Whether a line that cannot be sent is reported and passed over; else it ends the reading.
        report: Told the problem of a line, ``access.log:17: ...``.
        progress: Told now and then of the source being read.
    """

    client: Client
    interrupt: Interrupt
    format: str
    mapping: Mapping
    skips: bool
    report: Callable[[str], None]
    progress: Callable[[Source], None]

    read: int = 0
    """Records: messages, rows, log lines; blank lines are none."""
    skipped: int = 0
    """Records that could not be read, and so were not offered to the client."""
    problems: list[str] = field(default_factory=list)
    """Why a file was not read to its end."""

    def run(self, sources: Iterable[Source]) -> None:
        """Read all sources; what is wrong with one is in `problems` afterwards."""
        for source in sources:
            try:
                with source:
                    self._read(source)
            except SourceError as error:
                self.problems.append(str(error))
                if not self.skips:
                    return
            except Stop as stop:
                self.problems.append(str(stop))
                return
            except Interrupted:
                return
            if self.interrupt.is_set:
                return

    def _read(self, source: Source) -> None:
        lines = Lines(source.lines())
        first = lines.first()
        self.progress(source)
        if not first:
            return
        is_mapped = bool(self.mapping.event or self.mapping.event_column)
        name = detect(source.name, first, is_mapped=is_mapped) if self.format == "auto" else self.format
        if name is None:
            raise SourceError(f"{source.name}:1: the format cannot be told from this; say it with --format")
        lines.seed(name if name in ("messages", "combined") else f"{name} {self.mapping}")
        for record in READERS[name](lines, self.mapping):
            self.read += 1
            self._send(record, source)
            if self.read % _RECORDS_A_REPORT == 0:
                self.progress(source)
            if self.interrupt.is_set:
                return

    def _send(self, record: Record, source: Source) -> None:
        problem = record.problem
        if record.message is not None:
            try:
                self.client.enqueue(record.message)
                return
            except (FieldError, MessageTooLargeError) as error:
                problem = str(error)  # and the client counts it as refused
        else:
            self.skipped += 1
        where = f"{source.name}:{record.line}: {problem}"
        if not self.skips:
            raise Stop(where)
        self.report(where)
