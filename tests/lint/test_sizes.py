"""No file grows until nobody reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.lint

ROOT = Path(__file__).parents[2]
MOST_LINES = 400


def test_no_source_file_is_longer_than_it_may_be() -> None:
    paths = [*ROOT.glob("src/**/*.py"), *ROOT.glob("csrc/**/fb_*.[ch]"), *ROOT.glob("csrc/*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in paths}
    assert {path: length for path, length in lengths.items() if length > MOST_LINES} == {}
