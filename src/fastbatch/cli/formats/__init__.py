"""
The formats that `fastbatch send` reads, a file each.

A format is a function from `Lines` to records. It decides nothing about errors: a line that it cannot read is a record
with a problem, and the next line follows.
"""

from __future__ import annotations

from fastbatch.cli.formats.combined import read_combined
from fastbatch.cli.formats.detect import detect
from fastbatch.cli.formats.messages import read_messages
from fastbatch.cli.formats.record import Lines, Mapping, Reader, Record
from fastbatch.cli.formats.rows import read_csv, read_ndjson

__all__ = ["READERS", "Lines", "Mapping", "Record", "detect"]

READERS: dict[str, Reader] = {
    "messages": read_messages,
    "ndjson": read_ndjson,
    "csv": read_csv,
    "combined": read_combined,
}
