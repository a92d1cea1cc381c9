"""
What feature flags cost beside the `posthog` package: both in one run, in turns, over the same definitions.

The rows of `get_feature_flag` and `get_all_flags` are the same call of both clients with the same arguments, those of
`Definitions` our pure functions beside the package's call. Nobody needs the network, nothing is sent, and what
a row says was reported before was reported by the call that comes before all that are timed. The time is this thread's
CPU time.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import flag_workload
from fastbatch.flags.local.definitions import compile_definitions
from fastbatch.flags.local.subject import Subject

Call = Callable[[], Any]
PERSON: dict[str, Any] = flag_workload.PERSON


def subject() -> Subject:
    """Return the person, made anew for every evaluation."""
    return Subject("user-7", person_properties=PERSON)


class Row(NamedTuple):
    """Two calls that answer the same."""

    title: str
    theirs: Call
    ours: Call
    times: tuple[int, int]
    """How often each is made in a round."""


def rows_of_one(title: str, payload: dict[str, Any], peer: Any, client: Any) -> list[Row]:
    """Return the ways to read the only flag."""
    (key,) = definitions = compile_definitions(payload)

    def read(of: Any, report: bool) -> Call:
        return lambda: of.get_feature_flag(
            key, "user-7", person_properties=PERSON, only_evaluate_locally=True, send_feature_flag_events=report
        )

    def evaluate() -> Any:
        return definitions.evaluate(key, subject()).value

    times = 300, 3_000
    return [
        Row(f"{title}: get_feature_flag", read(peer, False), read(client, False), times),
        Row(f"{title}: the same, reported before", read(peer, True), read(client, True), times),
        Row(f"{title}: Definitions.evaluate", read(peer, False), evaluate, times),
    ]


def rows_of_many(title: str, payload: dict[str, Any], peer: Any, client: Any) -> list[Row]:
    """Return the ways to read all flags."""
    definitions = compile_definitions(payload)

    def read(of: Any) -> Call:
        return lambda: of.get_all_flags("user-7", person_properties=PERSON, only_evaluate_locally=True)

    def evaluate() -> Any:
        return {key: each.value for key, each in definitions.evaluate_all(subject()).items()}

    return [
        Row(f"{title}: get_all_flags", read(peer), read(client), (1, 5)),
        Row(f"{title}: evaluate_all, then the values", read(peer), evaluate, (1, 5)),
    ]


def seconds(call: Call, times: int) -> float:
    """Return the seconds that a call takes, of so many in a row."""
    start = time.thread_time()
    for _ in range(times):
        call()
    return (time.thread_time() - start) / times


def compare(row: Row, rounds: int) -> float:
    """Print both costs and return their ratio, each the median of some rounds; different answers are not compared."""
    if row.theirs() != row.ours():
        sys.exit(f"BROKEN: {row.title}: the two do not agree")
    pairs = [(seconds(row.theirs, row.times[0]), seconds(row.ours, row.times[1])) for _ in range(rounds)]
    peer_cost, cost = (statistics.median(side) * 1e6 for side in zip(*pairs, strict=True))
    ratio = statistics.median(first / second for first, second in pairs)
    print(f"{row.title:<76} posthog {peer_cost:>9.1f} us   fastbatch {cost:>7.1f} us   {ratio:>5.1f} x")
    return ratio


def measure(
    workload: dict[str, dict[str, Any]], rows: Callable[[str, dict[str, Any], Any, Any], list[Row]], rounds: int
) -> list[float]:
    """Return the ratios of the rows of a workload, as far as it is a typical one."""
    ratios: list[float] = []
    for title, payload in workload.items():
        with flag_workload.client(payload) as client:
            found = [compare(row, rounds) for row in rows(title, payload, flag_workload.peer(payload), client)]
        if title in flag_workload.TYPICAL:
            ratios += found
    return ratios


def main() -> int:
    """Print the comparison; with --limit, fail when the ratio of a typical row is below."""
    parser = argparse.ArgumentParser(description="Local evaluation of feature flags, beside the posthog package.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--limit", type=float, help="fail when the ratio of a typical row is below")
    options = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)  # of the call that programs have made for years
    gc.disable()  # as timeit does: a collection belongs to neither side
    ratios = measure(flag_workload.ONE, rows_of_one, options.rounds)
    ratios += measure(flag_workload.MANY, rows_of_many, options.rounds)
    return 1 if options.limit is not None and min(ratios) < options.limit else 0


if __name__ == "__main__":
    sys.exit(main())
