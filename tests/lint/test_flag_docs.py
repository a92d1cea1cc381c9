"""What the guide says of failing flags has its evidence."""

from __future__ import annotations

from pathlib import Path

from fastbatch.flags.called import BYTES_PER_READ, READS
from fastbatch.flags.exchange import DEFINITIONS_LIMIT, FLAGS_LIMIT
from fastbatch.flags.source import DEFINITIONS_TIMEOUT

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "flags_failures.md").read_text()


def test_every_row_names_a_test():
    """A row without one is a hope."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| what fails")]
    assert len(rows) > 20
    assert [row for row in rows if "`test_" not in row.split(" | ")[-1]] == []


def test_the_figures_are_those_of_the_code():
    """Limits, and what is remembered."""
    assert f"{READS:,}".replace(",", " ") in PAGE
    assert f"{READS * BYTES_PER_READ / 1e6:g} MB at most" in PAGE
    assert f"{FLAGS_LIMIT // 1024**2} MiB" in PAGE
    assert f"{DEFINITIONS_LIMIT // 1024**2} MiB" in PAGE
    assert f"after {DEFINITIONS_TIMEOUT:g} s" in PAGE
