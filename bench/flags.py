"""
What a feature flag costs beside the `posthog` package: both in one run, in turns, over the same definitions.

Each is asked by the call that comes nearest to the other's, without events and without network: `get_feature_flag` and
`get_all_flags` of the package's client, `evaluate` and `evaluate_all` of our `Definitions`, with the `Subject` built
anew for every call. The time is this thread's CPU time.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import flag_workload
from fastbatch.flags.definitions import compile_definitions
from fastbatch.flags.subject import Subject

Call = Callable[[], Any]
PERSON = flag_workload.PERSON


def seconds(call: Callable[[], object], times: int) -> float:
    """Return the seconds that a call takes, of so many in a row."""
    start = time.thread_time()
    for _ in range(times):
        call()
    return (time.thread_time() - start) / times


def compare(title: str, theirs: Call, ours: Call, times: tuple[int, int], rounds: int) -> float:
    """Print both costs and return their ratio, each the median of some rounds."""
    pairs = [(seconds(theirs, times[0]), seconds(ours, times[1])) for _ in range(rounds)]
    peer_cost, cost = (statistics.median(side) * 1e6 for side in zip(*pairs, strict=True))
    ratio = statistics.median(first / second for first, second in pairs)
    print(f"{title:<46} posthog {peer_cost:>10.2f} us   fastbatch {cost:>9.2f} us   {ratio:>5.1f} x")
    return ratio


def one(title: str, payload: dict[str, Any], rounds: int) -> float:
    """Compare one evaluation of the only flag."""
    (key,) = compiled = compile_definitions(payload)
    client = flag_workload.peer(payload)

    def theirs() -> Any:
        return client.get_feature_flag(
            key, "user-7", person_properties=PERSON, only_evaluate_locally=True, send_feature_flag_events=False
        )

    def ours() -> Any:
        return compiled.evaluate(key, Subject("user-7", person_properties=PERSON))

    same(theirs(), ours().value)
    return compare(title, theirs, ours, (300, 3_000), rounds)


def many(title: str, payload: dict[str, Any], rounds: int) -> float:
    """Compare one evaluation of all flags."""
    compiled, client = compile_definitions(payload), flag_workload.peer(payload)

    def theirs() -> Any:
        return client.get_all_flags("user-7", person_properties=PERSON, only_evaluate_locally=True)

    def ours() -> Any:
        return compiled.evaluate_all(Subject("user-7", person_properties=PERSON))

    same(theirs(), {key: each.value for key, each in ours().items()})
    return compare(title, theirs, ours, (1, 5), rounds)


def same(theirs: object, ours: object) -> None:
    """Refuse to compare the costs of different answers."""
    if theirs != ours:
        sys.exit("BROKEN: the two do not agree")


def main() -> int:
    """Print the comparison; with --limit, fail when a ratio is below."""
    parser = argparse.ArgumentParser(description="Local evaluation of feature flags, beside the posthog package.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--limit", type=float, help="fail when a ratio is below")
    options = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)  # of the call that programs have made for years
    gc.disable()  # as timeit does: a collection belongs to neither side
    ratios = [one(title, payload, options.rounds) for title, payload in flag_workload.ONE.items()]
    ratios += [many(title, payload, options.rounds) for title, payload in flag_workload.MANY.items()]
    return 1 if options.limit is not None and min(ratios) < options.limit else 0


if __name__ == "__main__":
    sys.exit(main())
