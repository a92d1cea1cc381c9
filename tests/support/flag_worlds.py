"""
Random flag definitions, and people that they are evaluated for.

Hypothesis draws a seed, and the rest follows from it: worlds as rich as these take Hypothesis itself a second each, and
the odd cases would not be met often enough.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from hypothesis import strategies as st
from posthog.feature_flags import PROPERTY_OPERATORS

from fastbatch.flags.local.subject import Subject

__all__ = ["World", "definitions", "seeds", "subjects"]

COHORTS = ("1", "2", "3", "4")
STATIC_COHORT = 99
KEYS = ("plan", "age", "version", "born", "tags", "email", "distinct_id", "$group_key")
WORDS = (
    *(
        "pro",
        "Pro",
        "free",
        "true",
        "FALSE",
        "null",
        "[]",
        "",
        "Ünï",
        "ÜNÏ",
        "x²",
        "🦔",
        "a\x1cb",
        "a\n",
        "\x00",
        "u-1",
        "acme",
    ),
    *("12", "12.0", "3.5", "-1", "1.2.3", "v1.2", "2.0.0-rc", "1.*", "0.3", "01.2", "user@example.com"),
    *("2024-01-01", "2024-02-29T12:00:00Z", "2020", "-30d", "3m", "1h", "9999y"),
)
PATTERNS = (
    *("^pro$", "^u-[0-9]+$", r"\w+@\w+\.com$", "(a|b)+c", "[", "(?=x)", "(a+)+", ".*e.*o$", "", r"\d{1,3}\.\d+"),
    *("[^a-z]", "ü|Ü", "free|pro", r"\s", "a$"),
)
NUMBERS = (0, 1, 12, -3, 30, 12.0, 3.5, 1e20, 1e-7, float("nan"), 2**60)
SHARES = (None, None, 0, 1, 12.5, 33.333, 50, 60, 70.7, 99.9, 100, 100, 150, -5)
VARIANTS = ("red", "blue", "green", "")
HOLDOUTS = ({}, {"id": 3}, *({"id": 3, "exclusion_percentage": share} for share in (0, 12, 40.5, 100, 170)))

seeds = st.integers(0, 2**64)


class World:
    """Makes definitions and people from one source of chance."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)

    def definitions(self) -> dict[str, Any]:
        """What the endpoint sends: some flags, some cohorts, and no cycle, of which the package finds no end."""
        keys = tuple(f"flag-{letter}" for letter in "abcde"[: self._chance.randint(1, 5)])
        payload: dict[str, Any] = {
            "flags": [self._flag(key, keys[:number]) for number, key in enumerate(keys)],
            "group_type_mapping": {"0": "company", "1": "team"},
            "cohorts": {each: self._cohort(COHORTS[:number]) for number, each in enumerate(COHORTS)},
        }
        if self._is(2):
            payload["property_matching_version"] = self._one(1, 2, 3)
        return payload

    def subject(self) -> Subject:
        """A person, in some groups, of whom something is known."""
        return Subject(
            self._id(),
            self._one(None, self._id()),
            {kind: self._id() for kind in ("company", "team", "club") if self._is(2)},
            self._properties(),
            {kind: self._properties() for kind in ("company", "team") if self._is(2)},
        )

    def value(self) -> Any:
        """A value of JSON."""
        if self._is(6):
            return [self._scalar() for _ in range(self._chance.randint(0, 3))]
        if self._is(15):
            return {self._one("a", "b", "Ü"): self._scalar() for _ in range(self._chance.randint(0, 2))}
        return self._scalar()

    def _one(self, *of: Any) -> Any:
        return self._chance.choice(of)

    def _is(self, one_in: int) -> bool:
        return self._chance.randrange(one_in) == 0

    def _some(self, least: int, most: int, make: Callable[[], Any]) -> list[Any]:
        return [make() for _ in range(self._chance.randint(least, most))]

    def _scalar(self) -> Any:
        return self._one(None, True, False, self._one(*NUMBERS), self._one(*NUMBERS), *[self._one(*WORDS)] * 5)

    def _id(self) -> str:
        return self._one(f"u-{self._chance.randint(0, 99)}", self._one("acme", "", "ünï", "u-1"))  # type: ignore[no-any-return]

    def _properties(self) -> dict[str, Any]:
        known = {key: self._property() for key in KEYS if not self._is(4)}
        if self._is(2):
            known["$feature_enrollment/flag-a"] = self._one(True, "true", False, "TRUE")
        return known

    def _property(self) -> Any:
        moment = dt.datetime(2015, 1, 1, tzinfo=self._one(None, dt.timezone.utc)) + dt.timedelta(
            days=self._chance.randint(0, 5_000), seconds=self._chance.randint(0, 86_400)
        )
        odd = self._one(moment, moment.date(), moment.isoformat(), (1, 2), {3: 4})
        return odd if self._is(8) else self.value()

    def _filter(self, keys: Sequence[str], cohorts: Sequence[str]) -> dict[str, Any]:
        kind = self._chance.randrange(10)
        if kind < 2 and keys:
            return self._dependency(keys)
        return self._member(cohorts) if kind in {2, 3} else self._of_property()

    def _of_property(self) -> dict[str, Any]:
        operator = self._one(*PROPERTY_OPERATORS, "exact", "exact", "is_set", "is_set", "is_set", None, "sounds_like")
        is_pattern = operator in {"regex", "not_regex"} and not self._is(4)
        raw = {"key": self._one(*KEYS), "value": self._one(*PATTERNS) if is_pattern else self.value()}
        raw["type"] = self._one("person", "group", None)
        if operator is not None:
            raw["operator"] = operator
        if self._is(4):
            raw["negation"] = self._one(True, False, None)
        return raw

    def _member(self, cohorts: Sequence[str]) -> dict[str, Any]:
        number = STATIC_COHORT if self._is(5) or not cohorts else self._one(*cohorts)
        operator = self._one("exact", "in", "not_in", None, "in", "not_in", "icontains")
        return {
            "key": "id",
            "type": "cohort",
            "value": self._one(str, int)(number),
            "operator": operator,
            "negation": self._is(3),
        }

    def _dependency(self, keys: Sequence[str]) -> dict[str, Any]:
        """Ask for an earlier flag, with all that it needs; or in a wrong shape."""
        key = self._one(*keys)
        raw: dict[str, Any] = {
            "key": key,
            "type": "flag",
            "operator": "flag_evaluates_to",
            "value": self._one(True, True, False, "red", "blue", "RED", 1),
            "dependency_chain": [*keys[: keys.index(key)], key] if self._is(2) else [key],
        }
        if self._is(10):
            raw.update(self._one({"operator": "exact"}, {"value": None}, {"dependency_chain": []}, {"key": ""}))
        elif self._is(15):
            raw["dependency_chain"].insert(0, "no-such-flag")
        return raw

    def _cohort(self, cohorts: Sequence[str]) -> Any:
        if self._is(12):
            return self._one({}, {"type": "XOR", "values": []}, {"type": "AND"}, {"type": "OR", "values": ["x"]}, [])
        return self._group(cohorts, 3)

    def _group(self, cohorts: Sequence[str], depth: int) -> dict[str, Any]:
        def entry() -> dict[str, Any]:
            return self._group(cohorts, depth - 1) if depth and self._is(4) else self._filter((), cohorts)

        return {} if self._is(15) else {"type": self._one("AND", "OR"), "values": self._some(0, 3, entry)}

    def _condition(self, keys: Sequence[str], variants: list[str]) -> dict[str, Any]:
        raw: dict[str, Any] = {
            "properties": None if self._is(10) else self._some(0, 3, lambda: self._filter(keys, COHORTS)),
            "rollout_percentage": self._one(*SHARES, self._chance.uniform(0, 100)),
            "variant": self._one(None, None, None, *variants, "no-such-variant"),
        }
        if self._is(5):
            raw["aggregation_group_type_index"] = self._one(None, 0, 1, 7)
        return raw

    def _flag(self, key: str, keys: Sequence[str]) -> dict[str, Any]:
        """Return a flag that may depend on those of ``keys``."""
        variants = self._chance.sample(VARIANTS, self._chance.randint(0, 3)) if self._is(2) else []
        shares = [{"key": name, "rollout_percentage": self._one(0, 10, 33.4, 50, 60)} for name in variants]
        rules: dict[str, Any] = {
            "groups": self._one(None, [])
            if self._is(15)
            else self._some(1, 3, lambda: self._condition(keys, variants)),
            "multivariate": {"variants": shares} if variants else self._one(None, {}, {"variants": None}),
            "payloads": self._one(None, {"true": "1", "red": '"r"', "false": "0", "holdout-3": "[]"}),
            "aggregation_group_type_index": self._one(*[None] * 9, 0, 0, 1, 9),
            "early_exit": self._one(None, False, True),
        }
        if self._is(6):
            rules["holdout"] = self._one(*HOLDOUTS)
        if self._is(12):
            rules["feature_enrollment"] = self._one(True, True, False, "true")
        if self._is(12):
            rules["bucketing_identifier"] = self._one("device_id", "distinct_id")
        return {
            "key": key,
            "id": self._chance.randint(1, 99),
            "active": not self._is(20),
            "ensure_experience_continuity": self._is(20),
            "bucketing_identifier": self._one(*[None] * 9, "device_id"),
            "filters": rules,
        }


def definitions() -> st.SearchStrategy[dict[str, Any]]:
    """Return the strategy of definitions."""
    return seeds.map(lambda seed: World(seed).definitions())


def subjects() -> st.SearchStrategy[Subject]:
    """Return the strategy of people."""
    return seeds.map(lambda seed: World(seed).subject())
