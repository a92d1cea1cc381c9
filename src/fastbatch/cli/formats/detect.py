"""Which format a file has, by its first line and its name."""

from __future__ import annotations

import json

from fastbatch.cli.formats.combined import is_combined
from fastbatch.cli.formats.messages import MESSAGE_TYPES

__all__ = ["detect"]


def detect(name: str, first: bytes, *, is_mapped: bool) -> str | None:
    """
    Return the name of the format, None when nothing fits.

    Args:
        name: The file's, ``<stdin>`` for standard input.
        first: The first line that is not blank.
        is_mapped: Whether the caller said how rows become events, which messages have no need of.
    """
    stem = name.lower().removesuffix(".gz").removesuffix(".zst")
    text = first.removeprefix(b"\xef\xbb\xbf").strip()
    if text.startswith(b"{"):
        return "messages" if not is_mapped and _is_message(text) else "ndjson"
    if stem.endswith((".csv", ".tsv")):
        return "csv"
    if is_combined(first):
        return "combined"
    if stem.endswith((".ndjson", ".jsonl")):
        return "ndjson"
    if stem.endswith(".log"):
        return "combined"
    return "csv" if any(delimiter in text for delimiter in (b",", b";", b"\t")) else None


def _is_message(text: bytes) -> bool:
    try:
        given = json.loads(text)
    except ValueError:
        return False
    return isinstance(given, dict) and isinstance(given.get("type"), str) and given["type"] in MESSAGE_TYPES
