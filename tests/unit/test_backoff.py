"""How long the wait before the next attempt is."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbatch.pipeline.backoff import LONGEST_RETRY_AFTER, full_jitter, wait_before_retry


def longest(attempt: int) -> float:
    """Return the longest that full jitter may wait after this attempt."""
    return min(30.0, 0.5 * 2.0 ** min(attempt - 1, 1000))


@given(st.integers(1, 10**9))
def test_jitter_stays_between_nothing_and_a_doubling_bound(attempt):
    """0.5 s, 1 s, 2 s ... and never more than 30 s."""
    assert 0.0 <= full_jitter(attempt) <= longest(attempt)


@pytest.mark.parametrize("attempt", [1, 2, 3, 6, 7, 100])
def test_jitter_uses_all_of_its_range(attempt, monkeypatch):
    """Full jitter: clients that failed together spread over the whole range, and not around its middle."""
    monkeypatch.setattr(random, "uniform", lambda low, high: low)
    assert full_jitter(attempt) == 0.0
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    assert full_jitter(attempt) == longest(attempt)


def test_without_a_users_function_the_wait_is_the_jitter():
    """For the first attempts, many times."""
    waits = [wait_before_retry(3, None, None) for _ in range(1000)]
    assert 0.0 <= min(waits) < 0.2
    assert 1.8 < max(waits) <= 2.0


@pytest.mark.parametrize(("returned", "wait"), [(0, 0.0), (1.5, 1.5), (1e9, 300.0), (math.inf, 300.0)])
def test_the_users_function_decides_within_bounds(returned, wait):
    """Nothing negative, and not more than five minutes."""
    assert wait_before_retry(1, None, lambda attempt: returned) == wait


def test_the_users_function_is_given_the_attempt():
    """As its only argument."""
    assert wait_before_retry(7, None, lambda attempt: attempt / 10) == 0.7


@pytest.mark.parametrize("answer", ["soon", None, [], math.nan, -3.0], ids=repr)
def test_nonsense_from_the_users_function_is_a_finite_wait(answer):
    """The jitter stands in; a batch must not wait for ever, nor be lost."""
    assert 0.0 <= wait_before_retry(1, None, lambda attempt: answer) <= 0.5


def test_a_users_function_that_raises_is_the_jitter():
    """Its error is not the sender's."""
    assert 0.0 <= wait_before_retry(1, None, lambda attempt: 1 / 0) <= 0.5


@pytest.mark.parametrize("chosen", [None, lambda attempt: 0.0], ids=["jitter", "own"])
def test_what_the_server_asks_is_a_minimum_and_is_cut(chosen):
    """Neither our own wait nor the user's may be shorter than Retry-After; and no server parks a batch for a day."""
    assert wait_before_retry(1, 7.0, chosen) == 7.0
    assert wait_before_retry(1, 86_400.0, chosen) == LONGEST_RETRY_AFTER
    assert wait_before_retry(1, 0.0, chosen) <= 0.5


def test_the_longer_of_both_waits_is_taken():
    """The user's function may be more patient than the server asks for."""
    assert wait_before_retry(1, 2.0, lambda attempt: 9.0) == 9.0
