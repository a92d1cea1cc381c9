"""What was reported is remembered, within a bound, and the oldest is forgotten first."""

from __future__ import annotations

import random
import sys
import threading
from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from fastbatch.flags.called import BYTES_PER_READ, READS, CalledReads, read_key


def test_a_read_is_new_once():
    """Until it is forgotten, or its report was not taken."""
    reads = CalledReads()
    assert [reads.add(1), reads.add(2), reads.add(1)] == [True, True, False]
    reads.forget(1)
    assert [reads.add(1), reads.add(2)] == [True, False]
    reads.clear()
    assert (len(reads), reads.add(2)) == (0, True)


def test_the_oldest_is_forgotten_first():
    """Exactly one for each new one."""
    reads = CalledReads(limit=3)
    for key in (1, 2, 3, 4):
        assert reads.add(key)
    assert reads.known == {2, 3, 4}
    assert reads.add(2) is False
    assert reads.add(1)
    assert reads.known == {3, 4, 1}


@given(st.integers(1, 5), st.lists(st.integers(0, 8), max_size=60))
def test_it_is_a_bounded_queue_of_different_reads(limit, keys):
    """Compared with the plainest thing that could be: a queue that is searched."""
    reads = CalledReads(limit)
    model: deque[int] = deque(maxlen=limit)
    for key in keys:
        assert reads.add(key) == (key not in model)
        if key not in model:
            model.append(key)
        assert reads.known == set(model)


@given(st.integers(1, 5), st.lists(st.tuples(st.sampled_from(["add", "forget"]), st.integers(0, 8)), max_size=60))
def test_what_is_forgotten_is_new_again_and_the_bound_holds(limit, steps):
    """Whatever the order; at worst something is reported once more."""
    reads = CalledReads(limit)
    reported: set[int] = set()
    for step, key in steps:
        if step == "forget":
            reads.forget(key)
            reported.discard(key)
            assert key not in reads.known
        else:
            assert reads.add(key) or key in reported
            reported.add(key)
            assert reads.add(key) is False
        assert len(reads) <= limit
        assert reads.known <= reported


def test_what_belongs_to_a_read_tells_it_from_others():
    """Whoever, whatever, on which device, in which groups; and text is no boolean."""
    reads = [
        read_key("u", None, None, "f", True),
        read_key("v", None, None, "f", True),
        read_key("u", None, None, "g", True),
        read_key("u", None, None, "f", False),
        read_key("u", None, None, "f", "true"),
        read_key("u", None, None, "f", None),
        read_key("u", "d", None, "f", True),
        read_key("u", None, {"company": "c"}, "f", True),
        read_key("u", None, {"company": "d"}, "f", True),
        read_key("u", None, {"team": "c"}, "f", True),
        read_key("u", None, None, "f", True, 2, "holdout"),
    ]
    assert len(set(reads)) == len(reads)


def test_groups_are_told_apart_by_what_they_are_and_not_by_their_order():
    """A number and its text name the same group; no groups are no groups, however they are not given."""
    assert read_key("u", None, {"a": 1, "b": 2}, "f", True) == read_key("u", None, {"b": "2", "a": "1"}, "f", True)
    assert read_key("u", None, {}, "f", True) == read_key("u", None, None, "f", True)


def test_chance_does_not_take_one_read_for_another():
    """A million users, and no two have one number."""
    assert len({read_key(f"user-{number}", None, None, "beta", True) for number in range(1_000_000)}) == 1_000_000


def test_memory_stays_within_its_bound():
    """Four times as many reads as there is room for; the whole of ten million is in bench/flag_memory.py."""
    reads = CalledReads()
    for number in range(READS * 4):
        reads.add(read_key(f"user-{number}", None, None, "beta", True))
    assert len(reads) == READS
    numbers = sum(sys.getsizeof(number) for number in random.sample(sorted(reads.known), 1000)) / 1000 * READS
    ages = READS * 8
    # Once more the table: while it is built anew there are two.
    assert 2 * sys.getsizeof(reads.known) + numbers + ages <= READS * BYTES_PER_READ


def test_of_many_threads_with_one_read_just_one_reports_it():
    """Looking and remembering are one step."""
    reads = CalledReads(limit=50_000)
    together = threading.Barrier(8)
    won: list[int] = []

    def run() -> None:
        together.wait()
        won.extend([number for number in range(5_000) if reads.add(number)])

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(5_000))
