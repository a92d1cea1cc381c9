"""Regular expressions: what is refused, and that none takes for ever."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbatch.flags.local.automaton import Automaton, TooLargeError, tries
from fastbatch.flags.local.definitions import compile_definitions
from fastbatch.flags.local.doubt import UNSUPPORTED
from fastbatch.flags.local.expression import MAX_TRIES, Expression
from fastbatch.flags.local.patterns import MAX_LENGTH, RefusedError, translate
from fastbatch.flags.local.subject import Subject
from tests.support.flag_differences import flag, of, where

PIECES = st.sampled_from(
    ["a", "b", ".", r"\d", r"\w", r"\S", "[ab]", "[^a]", "[a-c1]", "^", "$", "|", "(", "(?:", ")", "*", "+", "?",
    "*?", "{2}", "{0,2}", "{1,}", "{0}", r"\.", " "]
)  # fmt: skip
PATTERNS = st.lists(PIECES, max_size=9).map("".join)


@settings(max_examples=1500, deadline=None)
@given(PATTERNS, st.text("ab1 .\n", max_size=9))
def test_the_automaton_finds_what_python_finds(pattern, value):
    """It is another way to the same answer."""
    try:
        portable = translate(pattern)
        compiled = re.compile(portable.text)
    except (RefusedError, re.error):
        return
    assert Automaton(portable.tokens).search(value) is (compiled.search(value) is not None)


HOPELESS = [
    (r"(a|a)*!", "a" * 2_000),
    (r"(?:a|ab|b)*c$", "ab" * 1_000),
    (r"(a|b|ab)+!", "ab" * 1_000),
    ("a?" * 40 + "a" * 40 + "b", "a" * 60),
    (r".*.*.*.*.*x", "y" * 3_000),
    ("[a]" * 3_000 + "b", "a" * 100_000),
    (r"\s+$", " " * 50_000 + "x"),
    (r"^(.*)@(.*)\.(.*)$", "@." * 5_000 + "\n."),
    ("[ab]{0,400}[ab]{0,400}[ab]{0,400}c", "ab" * 300),
    ("(?:a{0,50}|b)(?:a{0,50}|b)a{0,50}a{0,50}a{0,50}c", "a" * 200),
]


@pytest.mark.parametrize(("pattern", "value"), HOPELESS, ids=lambda text: text[:20])
def test_no_pattern_takes_for_ever(pattern, value):
    """Python's engine alone would need from minutes to longer than the universe has."""
    definitions = compile_definitions(of(flag("it", [where("t", pattern, "regex")])))
    start = time.thread_time()
    evaluation = definitions.evaluate("it", Subject("u", person_properties={"t": value}))
    assert evaluation.value is False or evaluation.unresolved == "unsupported_definition"
    assert time.thread_time() - start < 5.0


def test_a_repeated_choice_is_never_left_to_pythons_engine():
    """Its ways double with each character."""
    assert tries(translate("(a|a)*!").tokens, 0) > MAX_TRIES
    assert Expression("(a|ab)*c").matches("abaabc") is True
    assert Expression("(a|ab)*c").matches("ababab") is False


def test_a_choice_that_is_not_repeated_is_cheap():
    """As in most patterns that people write."""
    assert tries(translate("^(gmail|yahoo)?[.]com$").tokens, 100) < MAX_TRIES


@pytest.mark.parametrize("pattern", ["a{5000}", "(?:a|b){3000}", "[ab]{0,4294967295}"])
def test_an_automaton_has_a_limit(pattern):
    """Counted repetitions are copies."""
    with pytest.raises(TooLargeError):
        Automaton(translate(pattern).tokens)


def test_beyond_all_limits_the_server_decides():
    """Neither engine is asked."""
    assert Expression("[ab]{0,3000}[ab]{0,3000}c").matches("ab" * 2_000) is UNSUPPORTED
    assert Expression("(a|b)*c").matches("ab" * 200_000) is UNSUPPORTED


@pytest.mark.parametrize("pattern", ["(?=a)", r"(a)\1", r"\bx", "[a&&b]", "(a+)+", "x" * (MAX_LENGTH + 1), "\ud800"])
def test_a_refusal_repeats_nothing_of_the_pattern(pattern):
    """A pattern may be somebody's address."""
    with pytest.raises(RefusedError) as refusal:
        translate(pattern)
    assert pattern not in str(refusal.value)
