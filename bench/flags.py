"""
What a feature flag costs beside the `posthog` package: both in one run, in turns, over the same definitions.

Each is asked by the call that a program would make, without events and without network: `Client.get_feature_flag` and
`Client.get_all_flags` of the package, `Definitions.evaluate` and `Definitions.evaluate_all` of ours, with the `Subject`
built anew for every call.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from flag_workload import MANY, ONE, PERSON, SUBJECT, definitions, peer

from fastbatch.flags.definitions import compile_definitions
from fastbatch.flags.subject import Subject


def seconds(call: Callable[[], object], times: int) -> float:
    """Return the seconds of this thread's CPU time that a call takes, of so many in a row."""
    start = time.thread_time()
    for _ in range(times):
        call()
    return (time.thread_time() - start) / times


def compare(
    title: str, theirs: Callable[[], Any], ours: Callable[[], Any], times: tuple[int, int], rounds: int
) -> float:
    """Print both costs and return their ratio, each the median of some rounds in turns."""
    pairs = [(seconds(theirs, times[0]), seconds(ours, times[1])) for _ in range(rounds)]
    peer_cost, cost = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(first / second for first, second in pairs)
    print(f"{title:<46} posthog {peer_cost * 1e6:>10.2f} us   fastbatch {cost * 1e6:>9.2f} us   {ratio:>6.1f} x")
    return ratio


def main() -> int:
    """Print the comparison; with --limit, fail when a ratio is below."""
    parser = argparse.ArgumentParser(description="Local evaluation of feature flags, beside the posthog package.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--limit", type=float, help="fail when a ratio is below")
    options = parser.parse_args()
    gc.disable()  # as timeit does: a collection belongs to neither side
    ratios = []
    for title, payload, key in (("one flag, 3 conditions of 2 properties", ONE, "checkout"),):
        compiled, client = compile_definitions(payload), peer(payload)
        theirs = lambda client=client: client.get_feature_flag(  # noqa: E731
            key, "user-7", person_properties=PERSON, only_evaluate_locally=True, send_feature_flag_events=False
        )
        ours = lambda compiled=compiled: compiled.evaluate(key, Subject("user-7", person_properties=PERSON))  # noqa: E731
        assert theirs() == ours().value, (theirs(), ours())
        ratios.append(compare(title, theirs, ours, (200, 5_000), options.rounds))
    for title, payload in MANY.items():
        compiled, client = compile_definitions(payload), peer(payload)
        theirs = lambda client=client: client.get_all_flags(  # noqa: E731
            "user-7", person_properties=PERSON, only_evaluate_locally=True
        )
        ours = lambda compiled=compiled: compiled.evaluate_all(Subject("user-7", person_properties=PERSON))  # noqa: E731
        assert theirs() == {key: each.value for key, each in ours().items() if each.value is not None}
        ratios.append(compare(title, theirs, ours, (1, 10), options.rounds))
    start = time.perf_counter()
    compile_definitions(definitions(10_000))
    print(f"compiling 10 000 flags: {time.perf_counter() - start:.2f} s")
    return 1 if options.limit is not None and min(ratios) < options.limit else 0


if __name__ == "__main__":
    sys.exit(main())
