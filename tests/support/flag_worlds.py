"""Hypothesis strategies for flag definitions and the people that they are evaluated for."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import strategies as st
from posthog.feature_flags import PROPERTY_OPERATORS

from fastbatch.flags.subject import Subject

__all__ = ["GROUP_TYPES", "definitions", "subjects"]

GROUP_TYPES = {"0": "company", "1": "team"}
COHORTS = ("1", "2", "3", "4")
STATIC_COHORT = 99

KEYS = st.sampled_from(["plan", "age", "version", "born", "tags", "email", "distinct_id", "$group_key"])
WORDS = st.sampled_from(
    ["pro", "Pro", "free", "true", "FALSE", "", "12", "12.0", "3.5", "-1", "1.2.3", "v1.2", "2.0.0-rc", "1.*", "0.3", "01.2",
     "2024-01-01", "2024-02-29T12:00:00Z", "2020", "-30d", "3m", "1h", "9999y", "Ünï", "ÜNÏ", "user@example.com", "u-1", "acme", "null", "[]"]
)  # fmt: skip
PATTERNS = st.sampled_from(
    [
        "^pro$",
        "^u-[0-9]+$",
        r"\w+@\w+\.com$",
        "(a|b)+c",
        "[",
        "(?=x)",
        "(a+)+",
        ".*e.*o$",
        "",
        r"\d{1,3}\.\d+",
        "[^a-z]",
        "ü|Ü",
        "free|pro",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-3, 30) | st.floats(width=32) | WORDS | st.text(max_size=5)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=2)
PROPERTIES = (
    VALUES
    | st.dates(dt.date(2015, 1, 1), dt.date(2030, 1, 1))
    | st.datetimes(dt.datetime(2015, 1, 1), dt.datetime(2030, 1, 1), timezones=st.sampled_from([None, dt.timezone.utc]))
    | st.tuples(st.integers())
)
IDS = st.sampled_from([f"u-{number}" for number in range(8)]) | st.text(max_size=8)
SHARES = st.none() | st.sampled_from([0, 1, 12.5, 33.333, 50, 99.9, 100, 150, -5]) | st.floats(0, 100)


@st.composite
def property_filters(draw: Any) -> dict[str, Any]:
    """A filter of a property, with or without operator; now and then with one that is unknown."""
    operator = draw(st.sampled_from([*PROPERTY_OPERATORS, "exact", "exact", "is_set", None, "sounds_like"]))
    values = PATTERNS if operator in {"regex", "not_regex"} and draw(st.integers(0, 3)) else VALUES
    raw = {"key": draw(KEYS), "value": draw(values), "type": draw(st.sampled_from(["person", "group", None]))}
    if operator is not None:
        raw["operator"] = operator
    if draw(st.integers(0, 3)) == 0:
        raw["negation"] = draw(st.booleans())
    return raw


def cohort_filters(ids: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """A filter that names a cohort; one of them is static."""
    return st.fixed_dictionaries(
        {
            "key": st.just("id"),
            "type": st.just("cohort"),
            "value": st.sampled_from([*ids, *map(int, ids), STATIC_COHORT]),
            "operator": st.sampled_from(["exact", "in", "not_in", None, "icontains"]),
            "negation": st.booleans(),
        }
    )


@st.composite
def dependency_filters(draw: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    """A filter that asks for an earlier flag, with all that it needs; or one of a wrong shape."""
    key = draw(st.sampled_from(keys))
    raw: dict[str, Any] = {
        "key": key,
        "type": "flag",
        "operator": "flag_evaluates_to",
        "value": draw(st.sampled_from([True, False, "red", "blue", "RED", 1])),
        "dependency_chain": [*keys[: keys.index(key) if draw(st.booleans()) else 0], key],
    }
    wrong = {"operator": "exact", "value": None, "dependency_chain": [], "key": ""}
    if draw(st.integers(0, 7)) == 0:
        name = draw(st.sampled_from(sorted(wrong)))
        raw[name] = wrong[name]
    elif draw(st.integers(0, 9)) == 0:
        raw["dependency_chain"] = [*raw["dependency_chain"][:-1], "no-such-flag", key]
    return raw


@st.composite
def filters(draw: Any, keys: tuple[str, ...], cohorts: tuple[str, ...]) -> dict[str, Any]:
    """Any filter; what it may name comes earlier, so there is no cycle."""
    kind = draw(st.integers(0, 9))
    if kind == 0 and keys:
        return draw(dependency_filters(keys))  # type: ignore[no-any-return]
    if kind == 1:
        return draw(cohort_filters(cohorts))  # type: ignore[no-any-return]
    return draw(property_filters())  # type: ignore[no-any-return]


def cohort_groups(keys: tuple[str, ...], cohorts: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """A cohort: nested groups of filters, and what is no group."""
    leaves = filters(keys, cohorts)
    broken = st.sampled_from([{}, {"type": "XOR", "values": []}, {"type": "AND"}, {"type": "OR", "values": ["x"]}, []])
    groups = st.recursive(
        st.lists(leaves, max_size=3),
        lambda inner: st.lists(
            leaves | st.fixed_dictionaries({"type": st.sampled_from(["AND", "OR"]), "values": inner}), max_size=3
        ),
        max_leaves=6,
    )
    group = st.fixed_dictionaries({"type": st.sampled_from(["AND", "OR"]), "values": groups})
    return st.integers(0, 9).flatmap(lambda chance: broken if chance == 0 else group)


@st.composite
def conditions(draw: Any, keys: tuple[str, ...], variants: list[str]) -> dict[str, Any]:
    """A condition, sometimes of another audience than its flag's."""
    raw: dict[str, Any] = {
        "properties": draw(st.none() | st.lists(filters(keys, COHORTS), max_size=3)),
        "rollout_percentage": draw(SHARES),
        "variant": draw(st.sampled_from([None, None, *variants, "no-such-variant"])),
    }
    if draw(st.integers(0, 4)) == 0:
        raw["aggregation_group_type_index"] = draw(st.sampled_from([None, 0, 1, 7]))
    return raw


@st.composite
def flags(draw: Any, key: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """A flag that may depend on those of ``keys``."""
    variants = draw(st.lists(st.sampled_from(["red", "blue", "green", ""]), max_size=3))
    rules: dict[str, Any] = {
        "groups": draw(st.none() | st.lists(conditions(keys, variants), max_size=3)),
        "multivariate": draw(
            st.none()
            | st.fixed_dictionaries(
                {
                    "variants": st.just(
                        [{"key": name, "rollout_percentage": draw(st.integers(0, 60))} for name in variants]
                    )
                }
            )
        ),
        "payloads": draw(
            st.none() | st.dictionaries(st.sampled_from(["true", "false", "red", "holdout-3"]), st.just("1"))
        ),
        "aggregation_group_type_index": draw(st.sampled_from([None] * 7 + [0, 0, 1, 9])),
        "early_exit": draw(st.sampled_from([None, False, True])),
        "bucketing_identifier": draw(st.sampled_from([None, None, "device_id", "distinct_id"])),
    }
    if draw(st.integers(0, 5)) == 0:
        rules["holdout"] = draw(
            st.sampled_from([{}, {"id": 3}, {"id": 3, "exclusion_percentage": 0}, {"id": 3, "exclusion_percentage": 100},
                             {"id": 3, "exclusion_percentage": 40.5}, {"id": 3, "exclusion_percentage": 170}])
        )  # fmt: skip
    if draw(st.integers(0, 9)) == 0:
        rules["feature_enrollment"] = draw(st.sampled_from([True, False, "true"]))
    return {
        "key": key,
        "id": draw(st.integers(1, 99)),
        "active": draw(st.sampled_from([True] * 15 + [False])),
        "ensure_experience_continuity": draw(st.sampled_from([None] * 15 + [True])),
        "bucketing_identifier": draw(st.sampled_from([None, None, None, "device_id"])),
        "filters": rules,
    }


@st.composite
def definitions(draw: Any) -> dict[str, Any]:
    """What the definitions endpoint sends: some flags, some cohorts, no cycle."""
    keys = tuple(f"flag-{letter}" for letter in "abcde"[: draw(st.integers(1, 5))])
    payload: dict[str, Any] = {
        "flags": [draw(flags(key, keys[:number])) for number, key in enumerate(keys)],
        "group_type_mapping": GROUP_TYPES,
        # A cohort asks for none but the first flag, which depends on none: cohorts are in every flag's reach.
        "cohorts": {
            each: draw(cohort_groups((), COHORTS[:number] or (str(STATIC_COHORT),)))
            for number, each in enumerate(COHORTS)
        },
    }
    if draw(st.booleans()):
        payload["property_matching_version"] = draw(st.sampled_from([1, 2, 3]))
    return payload


@st.composite
def subjects(draw: Any) -> Subject:
    """A person, in some groups, of whom something is known."""
    properties = st.dictionaries(KEYS | st.just("$feature_enrollment/flag-a"), PROPERTIES, max_size=8)
    return Subject(
        draw(IDS),
        draw(st.none() | IDS),
        draw(st.dictionaries(st.sampled_from(["company", "team", "club"]), IDS, max_size=3)),
        draw(properties),
        draw(st.dictionaries(st.sampled_from(["company", "team"]), properties, max_size=2)),
    )
