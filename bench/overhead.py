"""
What ``client.track(...)`` costs over merely encoding the finished message: both in one run, in turns.

The finished message is what fastbatch really sends, read back from a body and given to ``orjson.dumps`` as a dict that
is already complete: id, time and context included. Both loops iterate over prepared arguments; the time of an empty
loop of the same form is subtracted from each.

``--track`` chooses the implementation: the one in C, its twin in Python, or the general method that both leave uncommon
calls to. See docs/design/0001-a-second-binding-for-track.md.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
import types
from collections.abc import Callable
from typing import Any

import orjson

import idle


def track_all(track: Callable[..., object], calls: list[Any]) -> float:
    """Return the seconds that the calls took."""
    start = time.perf_counter()
    for user, event, properties in calls:
        track(user, event, properties)
    return time.perf_counter() - start


def encode_all(dumps: Callable[..., object], messages: list[Any]) -> float:
    """Return the seconds that encoding took."""
    start = time.perf_counter()
    for message in messages:
        dumps(message)
    return time.perf_counter() - start


def empty_track(calls: list[Any]) -> float:
    """Return what `track_all` costs without the call."""
    start = time.perf_counter()
    for user, event, properties in calls:  # noqa: B007  the unpacking is what is measured
        pass
    return time.perf_counter() - start


def empty_encode(messages: list[Any]) -> float:
    """Return what `encode_all` costs without the call."""
    start = time.perf_counter()
    for message in messages:  # noqa: B007
        pass
    return time.perf_counter() - start


def track_of(client: Any, which: str | None) -> Callable[..., object]:
    """Return the client's ``track``, or another implementation of it."""
    from fastbatch.core.quick import IS_IN_C, python_track

    if which is None:
        return client.track
    if which == "c":
        if not IS_IN_C:
            raise SystemExit("track in C was not built, or FASTBATCH_BACKEND=pure")
        return client.track
    if which == "python":
        return types.MethodType(python_track(type(client)._track_slowly), client)
    return client._track_slowly


def measure(client: Any, track: Callable[..., object], rounds: int) -> list[tuple[float, float]]:
    """Return pairs of seconds, of `idle.CALLS` calls of track and of orjson.dumps; each pair back to back."""
    calls, messages = idle.cycled(idle.ARGUMENTS), idle.cycled(idle.finished_messages())
    pairs = []
    for number in range(rounds + 1):
        # Taking turns at being first: the flush has left the caches to the second.
        if number % 2:
            encoded = encode_all(orjson.dumps, messages)
            tracked = track_all(track, calls)
        else:
            tracked = track_all(track, calls)
            encoded = encode_all(orjson.dumps, messages)
        encoded, tracked = encoded - empty_encode(messages), tracked - empty_track(calls)
        client.flush(timeout=30.0)
        # The first round pays for memory that is touched for the first time.
        if number:
            pairs.append((tracked, encoded))
    return pairs


def main() -> int:
    """Print the ratio; with --limit, fail when it is exceeded."""
    parser = argparse.ArgumentParser(description="track() over orjson.dumps() of the finished message.")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--limit", type=float, help="fail when the median ratio is above")
    parser.add_argument("--track", choices=("c", "python", "slowly"), help="default: what the client uses")
    options = parser.parse_args()
    import fastbatch

    client, _ = idle.open_client()
    gc.disable()  # as timeit does: a collection belongs to neither side
    with client:
        pairs = measure(client, track_of(client, options.track), options.rounds)
    stats = client.stats()
    expected = idle.CALLS * (options.rounds + 1)
    if stats.delivered != expected:
        print(f"BROKEN: {stats.delivered} of {expected} messages were delivered")
        return 1
    tracked, encoded = (statistics.median(side) / idle.CALLS * 1e9 for side in zip(*pairs, strict=True))
    ratios = statistics.quantiles((mine / theirs for mine, theirs in pairs), n=20)
    chosen = "" if options.track is None else f", track: {options.track}"
    print(f"backend {fastbatch.BACKEND}{chosen}, {options.rounds} rounds of {idle.CALLS} calls")
    print(f"client.track(...)                {tracked:7.1f} ns")
    print(f"orjson.dumps(finished message)   {encoded:7.1f} ns")
    print(f"ratio                            {ratios[9]:7.2f}    (p5 {ratios[0]:.2f}, p95 {ratios[-1]:.2f})")
    return 1 if options.limit is not None and ratios[9] > options.limit else 0


if __name__ == "__main__":
    sys.exit(main())
