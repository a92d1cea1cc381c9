"""Where ids fall: the vectors that all PostHog SDKs agree on, and the digests that stand for floats."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastbatch.flags.local.definitions import compile_definitions
from fastbatch.flags.local.hashing import above, at_least, digest, flag_hash, fraction, holdout_hash, seed
from fastbatch.flags.local.subject import Subject

VARIANTS = (("first", 50), ("second", 20), ("third", 20), ("fourth", 5), ("fifth", 5))

VECTORS = [
    *(("simple-flag", "", number, value) for number, value in enumerate(
        [0.7836963764220432, 0.3397069926995401, 0.3720434350239052, 0.9076218027928112])),
    *(("multivariate-flag", "variant", number, value) for number, value in enumerate(
        [0.6186454537930379, 0.6473165157302697, 0.06390106281412483, 0.39543050849997363])),
]  # fmt: skip


@pytest.mark.parametrize(("key", "salt", "number", "value"), VECTORS)
def test_an_id_falls_where_all_sdks_say(key, salt, number, value):
    """To the last digit."""
    assert flag_hash(key, f"distinct_id_{number}", salt) == value


@pytest.mark.parametrize(
    ("bucketing_id", "value"),
    [("some_distinct_id", 0.7270002403585725), ("test-identifier", 0.4493881716040236),
     ("example_id", 0.9402003475831224), ("example_id2", 0.6292740389966519)],
)  # fmt: skip
def test_an_id_is_held_out_where_all_sdks_say(bucketing_id, value):
    """A dash, where flags have a dot."""
    assert holdout_hash(bucketing_id) == value


def thousand(key: str, rollout: int, variants: tuple[tuple[str, int], ...] = ()) -> list[bool | str | None]:
    """Evaluate a flag for the thousand people of the vectors."""
    filters = {
        "groups": [{"properties": [], "rollout_percentage": rollout}],
        "multivariate": {
            "variants": [{"key": f"{name}-variant", "rollout_percentage": share} for name, share in variants]
        },
    }
    definitions = compile_definitions({"flags": [{"key": key, "active": True, "filters": filters}]})
    assert definitions.problems == ()
    return [definitions.evaluate(key, Subject(f"distinct_id_{number}")).value for number in range(1000)]


def test_a_thousand_people_of_a_flag_of_45_percent():
    """The vector of 1 000 results, and its checksum."""
    results = thousand("simple-flag", 45)
    assert Counter(results) == {True: 446, False: 554}
    assert results[:10] == [False, True, True, False, True, False, False, True, False, True]
    assert hashlib.sha256(json.dumps(results).encode()).hexdigest() == (
        "3ad3ca606597cbfabb0c63600a8bcaa2eb70147b1e59e2f2d3ee7039764eb03b"
    )


def test_a_thousand_people_of_a_flag_with_five_variants():
    """The vector of 1 000 results, and its checksum."""
    results = thousand("multivariate-flag", 55, VARIANTS)
    first, second, third, fourth, fifth = (f"{name}-variant" for name, _ in VARIANTS)
    assert Counter(results) == {False: 444, first: 290, third: 111, second: 110, fourth: 24, fifth: 21}
    assert results[:10] == [second, second, first, False, False, second, first, False, False, False]
    assert hashlib.sha256(json.dumps(results).encode()).hexdigest() == (
        "ff6eb1e0074e26a8775c3b9eb225b4086b22a938fb4b0522ff57297af10a8639"
    )


@given(st.text(), st.text(), st.text())
@example("simple-flag", "distinct_id_0", "")
def test_the_first_fifteen_hexadecimal_digits_are_what_counts(key, bucketing_id, salt):
    """As the SDKs compute it: from hexadecimal text, divided by the float of 2**60 - 1."""
    text = hashlib.sha1(f"{key}.{bucketing_id}{salt}".encode()).hexdigest()[:15]
    assert flag_hash(key, bucketing_id, salt) == int(text, 16) / float(0xFFFFFFFFFFFFFFF)


PERCENT = st.integers(0, 100).map(float) | st.floats(-1, 101) | st.sampled_from([0.0, -0.0, 100.0, 1e-300])


@given(PERCENT, st.binary(min_size=20, max_size=20))
@example(100.0, b"\xff" * 20)
@example(0.0, b"\x00" * 20)
@example(0.0, b"\x00" * 7 + b"\x0f" + b"\x00" * 12)
@example(50.0, b"\x80" + b"\x00" * 19)
def test_a_bound_of_bytes_answers_as_the_floats_do(percent, found):
    """Both questions: above a limit, and not below an end."""
    limit = percent / 100
    assert (fraction(found) > limit) is (above(limit) is not None and found >= above(limit))
    assert (fraction(found) >= limit) is (at_least(limit) is not None and found >= at_least(limit))


@given(st.floats(0, 1), st.integers(-300, 300))
def test_a_bound_is_exact_where_floats_are_coarse(limit, offset):
    """Right beside the limit, where 128 digests share one float."""
    number = min(max(int(limit * 2**60) + offset, 0), 2**60 - 1)
    found = (number << 4).to_bytes(8, "big") + b"\x00" * 12
    assert (fraction(found) > limit) is (above(limit) is not None and found >= above(limit))
    assert (fraction(found) >= limit) is (at_least(limit) is not None and found >= at_least(limit))


def test_a_seed_can_be_used_again():
    """A digest leaves the seed as it was."""
    seeded = seed("flag.")
    assert digest(seeded, b"a") == digest(seeded, b"a") == hashlib.sha1(b"flag.a").digest()
