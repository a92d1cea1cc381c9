"""What the guide says of the code is so."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from fastbatch.typing import Limits
from tests.support.settings_table import Facts, facts

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("**/*.md"))
CONFIGURATION = (DOCS / "guide" / "configuration.md").read_text()
DELIVERY = (DOCS / "guide" / "delivery.md").read_text()


def rows(text: str, first_column: str) -> list[list[str]]:
    """Return the cells of the table whose head begins with ``first_column``."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {first_column} |"))
    table = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return table


def test_the_table_of_settings_is_the_one_of_config():
    """Names, defaults of each dialect, what is allowed, and whether the environment may say it, in Config's order."""
    table = rows(CONFIGURATION, "setting")
    assert [Facts(*row[:4]) for row in table] == facts()
    assert all(len(row) == 6 and row[4] for row in table)
    assert {f"`{name}`" for name in Limits._fields} <= {row[0] for row in table}


@pytest.fixture(scope="module")
def names_of_tests():
    """The names of all tests in this repository."""
    return {
        node.name
        for path in ROOT.glob("tests/**/test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_test_that_a_page_names_exists(page, names_of_tests):
    """Evidence that nobody can look up is none."""
    assert set(re.findall(r"`(test_\w+)`", page.read_text())) <= names_of_tests


def test_every_failure_of_the_guide_names_its_evidence():
    """A row without a test is a hope."""
    table = rows(DELIVERY, "what happens")
    assert len(table) > 15
    assert [row[0] for row in table if "`test_" not in row[-1]] == []


def test_the_causes_that_the_code_counts_are_those_that_the_guide_explains():
    """Each cause is a literal in the source, given to `settle`, `refuse` or `_refuse`."""
    refused, dropped = (
        {row[0].strip("`") for row in rows(part, "cause")} for part in DELIVERY.split("Accepted and then dropped:")
    )
    source = "".join(path.read_text() for path in (ROOT / "src/fastbatch").glob("**/*.py"))
    assert set(re.findall(r'refuse\("(\w+)"', source)) == refused
    for cause in dropped:
        assert f'"{cause}"' in source, cause


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page):
    """Within the repository; others are not ours to check."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
