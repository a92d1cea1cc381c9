"""Where we differ from the `posthog` package: each difference is there, is listed, and is what the guide says."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import pytest

from fastbatch.flags.local.definitions import compile_definitions
from fastbatch.flags.local.subject import Subject
from tests.support.flag_differences import DIFFERENCES, flag, of, where
from tests.support.flag_oracle import Oracle, answer_of

GUIDE = (Path(__file__).parents[3] / "docs/guide/flags.md").read_text()


@pytest.fixture(scope="module")
def oracle():
    return Oracle()


@pytest.mark.parametrize("case", DIFFERENCES, ids=lambda case: case.name)
def test_a_difference_is_what_is_listed(case, oracle):
    """Ours, and theirs."""
    assert answer_of(compile_definitions(case.payload).evaluate("it", case.subject)) == case.ours
    if case.theirs is not None:
        oracle.load(case.payload)
        assert oracle.evaluate("it", case.subject) == case.theirs


def test_a_year_is_on_the_day_that_it_is_in_utc():
    """Theirs is on the day that it is where the program runs; the server knows nothing of that."""
    definitions = compile_definitions(of(flag("it", [where("t", "2024", "is_date_before")])))
    now = datetime(2026, 12, 31, 23, 30, tzinfo=timezone.utc)
    for day, expected in (("2024-12-30T23:59:59Z", True), ("2024-12-31T00:00:00Z", False)):
        assert definitions.evaluate("it", Subject("u", person_properties={"t": day}), now).value is expected


def test_the_guide_lists_every_difference():
    """By name, in the table of the section on differences."""
    section = GUIDE.partition("## Where we differ from posthog-python")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| \*\*(.+?)\*\* \|", section, re.MULTILINE)
    assert sorted(listed) == sorted({*(case.name for case in DIFFERENCES), "years"})
