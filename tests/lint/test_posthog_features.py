"""The page of PostHog's features names tests that exist, and has no row without one or a reason."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.lint

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guide" / "posthog_features.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> list[list[str]]:
    """Return the cells of all rows of all tables, heads left out."""
    lines = [
        line for line in PAGE.splitlines() if line.startswith("|") and not line.startswith(("|---", "| feature |"))
    ]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def functions_of(path: Path) -> set[str]:
    """Return the names of a file's functions, those within classes too."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


def test_each_test_that_is_named_is_there() -> None:
    """In the file that is named."""
    named = NAMED.findall(PAGE)
    assert len(named) > 30
    files = {path: functions_of(ROOT / path) if (ROOT / path).is_file() else set() for path, _ in named}
    assert [f"{path}::{name}" for path, name in named if name not in files[path]] == []


def test_each_feature_is_shown_or_says_why_it_is_not_there() -> None:
    """A row has three cells: the feature, what we do, the evidence; what is not there says **no**, and why."""
    table = rows()
    assert len(table) > 100
    assert [row for row in table if len(row) != 3 or not row[1]] == []
    assert {row[0] for row in table if not NAMED.search(row[2]) and "**no**" not in row[1]} == set()


def test_no_feature_is_there_twice() -> None:
    """Else two rows could contradict each other."""
    names = [row[0] for row in rows()]
    assert sorted(names) == sorted(set(names))
