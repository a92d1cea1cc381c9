"""Rows, as JSON objects a line or as CSV: each becomes a track event, its columns the properties."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

from fastbatch import Track
from fastbatch.cli.formats.record import Lines, Mapping, Record

__all__ = ["read_csv", "read_ndjson"]

_USUAL_COLUMNS = {
    "event": ("event",),
    "user_id": ("user_id", "userId"),
    "anonymous_id": ("anonymous_id", "anonymousId"),
    "timestamp": ("timestamp",),
    "message_id": ("message_id", "messageId"),
}


class RowError(ValueError):
    """What is wrong with a row."""


def read_ndjson(lines: Lines, mapping: Mapping) -> Iterator[Record]:
    """Yield a track for the JSON object on each line."""
    for line in lines:
        if line.strip():
            try:
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise RowError("a row must be a JSON object")
                yield Record(lines.number, _track(row, mapping, lines.record_id()))
            except (ValueError, RecursionError) as error:
                yield Record(lines.number, None, str(error))


def read_csv(lines: Lines, mapping: Mapping) -> Iterator[Record]:
    """Yield a track for each row after the header. A cell may span lines; an empty one is left out."""
    texts = _texts(lines)
    rows = csv.reader(texts, delimiter=_delimiter(lines.first()), strict=True)
    header: list[str] | None = None
    while True:
        try:
            cells = next(rows)
            if not cells:
                continue
            if header is None:
                header = _checked_header(cells, mapping)
                continue
            yield Record(lines.number, _track(_row(header, cells), mapping, lines.record_id()))
        except StopIteration:
            return
        except (ValueError, csv.Error) as error:
            yield Record(lines.number, None, str(error))
            if header is None:
                return  # without it no row can be read


def _texts(lines: Lines) -> Iterator[str]:
    for line in lines:
        # What is not UTF-8 is found in its row, so that the reader survives it.
        yield line.removeprefix(b"\xef\xbb\xbf").decode(errors="surrogateescape")


def _delimiter(header: bytes) -> str:
    return max(",;\t|", key=lambda delimiter: header.count(delimiter.encode()))


def _checked_header(names: list[str], mapping: Mapping) -> list[str]:
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise RowError(f"the header has the column {doubled[0]!r} twice")
    wanted = (mapping.event_column, mapping.user_column, mapping.anonymous_column, mapping.timestamp_column)
    for name in (*wanted, mapping.message_id_column, *mapping.properties):
        if name is not None and name not in names:
            raise RowError(f"there is no column {name!r}; there are {', '.join(names)}")
    return names


def _row(header: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) != len(header):
        raise RowError(f"{len(cells)} cells; the header has {len(header)}")
    for cell in cells:
        if not cell.isascii() and any("\udc80" <= character <= "\udcff" for character in cell):
            raise RowError("not UTF-8")
    return {name: cell for name, cell in zip(header, cells, strict=True) if cell}


def _track(row: dict[str, Any], mapping: Mapping, message_id: str) -> Track:
    chosen = {
        "event": mapping.event_column,
        "user_id": mapping.user_column,
        "anonymous_id": mapping.anonymous_column,
        "timestamp": mapping.timestamp_column,
        "message_id": mapping.message_id_column,
    }
    if mapping.event is not None:
        del chosen["event"]  # a column of that name is a property then
    columns = {field: _column(row, field, name) for field, name in chosen.items()}
    values = {field: row[name] for field, name in columns.items() if name is not None}
    values.setdefault("event", mapping.event)
    if not values["event"]:
        raise RowError("no event name; give --event NAME or --event-column COLUMN")
    values["message_id"] = str(values.get("message_id") or message_id)
    taken = set(columns.values())
    names = mapping.properties or [name for name in row if name not in taken]
    return Track(properties={name: row[name] for name in names if name in row}, **values)


def _column(row: dict[str, Any], field: str, name: str | None) -> str | None:
    candidates = _USUAL_COLUMNS[field] if name is None else (name,)
    return next((candidate for candidate in candidates if candidate in row), None)
