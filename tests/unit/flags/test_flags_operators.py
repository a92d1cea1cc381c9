"""
Every operator, on a grid of filter values and property values, as the `posthog` package decides.

The grid is fixed: no chance is in it. What differs has to be listed in `tests.support.flag_differences`.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any

import pytest
from posthog.feature_flags import PROPERTY_OPERATORS

from fastbatch.flags.local.definitions import compile_definitions
from fastbatch.flags.local.operators import operators
from fastbatch.flags.local.subject import Subject
from tests.support.flag_differences import Case, explained
from tests.support.flag_oracle import Answer, Oracle, answer_of


class Plan(str, Enum):
    PRO = "Pro"


class Level(IntEnum):
    ONE = 1


ABSENT = object()

TEXTS = [
    "", "a", "A", "pro", "PRO", "Straße", "STRASSE", "ß", "İ", "i̇", "ΟΔΟΣ", "οδος", "K", "k",
    "true", "TRUE", "false", "False", "null", "None", "[]", "{}", "0", "1", "01", "1.0", "1.5", "-1", "+1", "1e3", ".5",
    "1.", "1e400", "nan", "inf", " 1", "1\n", "\u0661", "10", "9", "a\n", "a b", "a\x1cb", "naïve", "x²", "e\u0301",
    "\ud800",
    "user@example.com", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
    '"quoted"', "tab\t", "\x7f", "é", "[1,2]", '{"a":1}',
]  # fmt: skip
VERSIONS = [
    "1.2.3", "v1.2.3", "V1.2", "vv1", "1", "1.2", "1.2.*", "1.*", "*", "1.2.3.*", "1..3", "1.2.3.4", "1.2.3-beta",
    "1.2.3+5",
    "1.2-rc.1+x", "0.0.3", "0.2.3", "0", "01.2.3", "1.02", "1.2.03", "x.1", "1.x", "-1", "", "  1.2.3 ",
    "1.2.\u0663", "1.²",
    "2.0.0", "1.3.0", "999999999999999999999.1", "1.*.3", "v", "1.2.", ".1", "1_0",
]  # fmt: skip
DATES = [
    "2024-01-01", "2024-02-29", "2023-02-29", "2024-01-01T10:00:00", "2024-01-01T10:00:00Z", "2024-01-01 10:00:00 UTC",
    "2024-01-01 10:00:00 +02:00", "2024-01-01T10:00:00+02:00", "2024-01-01T10:00:00.123456-05:00", "2024", "0000",
    "2024-13-01",
    "2024-01-01 10:00 utc", " 2024-01-01 ", "-1d", "1d", "-30d", "3m", "-12m", "1y", "-9999h", "9999w", "10000d",
    "00007d", "9999y",
    "-1x", "-d", "--1d", "-1D", "1d\n", "0d", "2024-1-1", "01/02/2024", "yesterday", "1704067200", "0001-01-01",
    "9999-12-31",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
]  # fmt: skip
PATTERNS = [
    "a", "^a$", "a$", "^a", "^$", "$", "a|b", "(a|b)c", "[a-z]+", r"\d+", r"\w+", r"\s", r"\S+$", r"\D", r"\W",
    "a{2}", "a{2,}", "a{2,3}",
    "a{2,1}", "a{,3}", "{", "a{x}", "a**", "*a", "a*?", "a+?", "a??", "a*+", "(a+)+", "(a+)*b", "((a+)b)*", "(a)*",
    "(?:ab)*",
    "(?=a)", "(?!a)", "(?<=a)b", "(?P<n>a)", "(?i)a", r"(a)\1", r"\bword\b", r"\Ba", r"\Aa", r"a\Z", r"a\z", r"\x41",
    r"\x4", r"\u0041",
    r"\p{L}", "[", "[]", "[]a]", "[^]", "[^a]", "[a-]", "[-a]", "[a&&b]", "[a--b]", "[a~~b]", "[a||b]", "[[a]]",
    r"[\d-z]", r"[a-\d]",
    r"[\w.-]+@[\w.-]+", r"[\]]", r"[\b]", r"[\B]", "(", ")", "()", "()*", "(|a)", "(a|)*", "a||b", "|", "^*", "$*",
    r"\.", r"\-", r"\_", r"\<", r"\@",
    "\\", "a\\", "[a\\", ".", "a.b", "(a|aa)+$", "(a|a)*!", "a?a?a?a?aaaa", ".*.*.*x", ".*@example\\.com$", "é",
    "naïve", "\ud800", "x" * 10_001,
    "[a-z]{1,3}$", "(?:a|b){2}", "a{4294967296}", "a{99999999999}", "a{2}{3}", "a{2}+", "^{2}", "(){2}", r"\n$",
    "[^\\n]$", "]", "}", "a]b", r"\ ", "#", "[ #]",
]  # fmt: skip
ODD_FILTERS: list[Any] = [
    None, True, False, 0, 1, 2, -1, 1.0, 1.5, 1e16, 1e-5, 1e-7, 10**20, 2**53 + 1, float("nan"), float("inf"),
    [], [[]], [True], [False], ["true"], ["true", "false"], ["TRUE", True], [True, "pro"], ["a", "PRO"], [None],
    [None, "a"], [1, 2], [1.0], ["1"],
    [[True], "a"], {}, {"a": 1}, {"b": [1, None], "a": "x"}, [{"a": 1}], [float("nan"), "a"], ["a", ["b"]],
]  # fmt: skip
ODD_PROPERTIES: list[Any] = [
    ABSENT, *ODD_FILTERS, float("-inf"), 10**400, Decimal("1.5"), Decimal("sNaN"), b"a", ("a",), {1: 2}, {1: 2,
    "a": 3}, {"a": {1}}, object,
    Plan.PRO, Level.ONE, dt.date(2024, 1, 1), dt.datetime(2024, 1, 1, 10), dt.datetime(2024, 1, 1, 10,
    tzinfo=dt.timezone.utc),
    dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=3, hours=5),
    (dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=8)).isoformat(),
]  # fmt: skip

FILTER_VALUES = {
    "regex": [*PATTERNS, *ODD_FILTERS],
    "not_regex": [*PATTERNS, *ODD_FILTERS],
    **{name: [*DATES, *ODD_FILTERS] for name in PROPERTY_OPERATORS if name.startswith("is_date_")},
    **{name: [*VERSIONS, *ODD_FILTERS] for name in PROPERTY_OPERATORS if name.startswith("semver_")},
}
PROPERTIES: dict[str, list[Any]] = {
    **{name: [*DATES, *ODD_PROPERTIES] for name in PROPERTY_OPERATORS if name.startswith("is_date_")},
    **{name: [*VERSIONS, *ODD_PROPERTIES] for name in PROPERTY_OPERATORS if name.startswith("semver_")},
}


def definitions_of(name: str, values: list[Any], version: int) -> dict[str, Any]:
    """Return a flag for each filter value."""
    return {
        "flags": [
            {
                "key": f"flag-{number}",
                "active": True,
                "filters": {"groups": [{"properties": [{"key": "p", "operator": name, "value": value}]}]},
            }
            for number, value in enumerate(values)
        ],
        "property_matching_version": version,
    }


@pytest.fixture(scope="module")
def oracle():
    return Oracle()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("name", [*PROPERTY_OPERATORS, "no_such_operator"])
def test_the_grid_of_an_operator_is_decided_as_by_posthog(name, version, oracle):
    """Value, reason and whether the server is needed, of some thousand cases each."""
    filter_values = FILTER_VALUES.get(name, [*TEXTS, *ODD_FILTERS])
    payload = definitions_of(name, filter_values, version)
    definitions = compile_definitions(payload)
    oracle.load(payload)
    answers: Counter[Answer] = Counter()
    unexplained = []
    for given in PROPERTIES.get(name, [*TEXTS, *ODD_PROPERTIES]):
        subject = Subject("u", person_properties={} if given is ABSENT else {"p": given})
        for key, value in zip(definitions, filter_values, strict=True):
            ours, theirs = answer_of(definitions.evaluate(key, subject)), oracle.evaluate(key, subject)
            answers[ours] += 1
            if ours != theirs and not explained(Case(name, value, given, ours, theirs)):
                unexplained.append((value, given, ours, theirs))
    assert unexplained == []
    assert answers.total() > 2_500
    assert name in {"is_not_set", "no_such_operator"} or answers[Answer(True)]


def test_the_grid_has_every_operator():
    """Ours are the package's."""
    assert set(operators(1)) == set(operators(2)) == set(PROPERTY_OPERATORS)
