"""
One run of one contestant in this interpreter, which has run nothing else; `peers.py` starts it.

The result is one line of JSON on stdout.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from array import array
from collections.abc import Callable
from typing import Any

import contestants
import sink
import workload

WARM_UP_EVENTS = 2_000
"""Enough to import what is imported late, to open the connections and to reach every branch; not counted."""

QUANTILE_POINTS = (0.0, *(round(1 - 10 ** (-step / 8), 9) for step in range(1, 48)))
"""Where the latency curve is drawn: 0, then evenly on a logarithmic scale up to 1 - 1e-6."""


def memory(name: str) -> int:
    """Return ``VmHWM`` (the peak), ``VmRSS`` (now) or ``VmSize`` (address space) of this process, bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name + ":"))


def produce(track: Callable[..., object], first: int, count: int) -> None:
    """Send events as fast as the client takes them: the timed loop of a throughput run."""
    pool, users, mask, event = workload.PROPERTIES, workload.USERS, workload.POOL - 1, workload.EVENT_NAME
    for sequence in range(first, first + count):
        slot = sequence & mask
        track(users[slot], event, {**pool[slot], "seq": sequence})


def produce_timed(track: Callable[..., object], first: int, samples: array[int], pace: float) -> None:
    """Send one event a sample and store how long each call took, ns; ``pace`` seconds apart at least."""
    pool, users, mask, event = workload.PROPERTIES, workload.USERS, workload.POOL - 1, workload.EVENT_NAME
    now = time.perf_counter_ns
    start = time.perf_counter()
    for index in range(len(samples)):
        sequence = first + index
        slot = sequence & mask
        properties = {**pool[slot], "seq": sequence}
        if pace:
            wait_until(start + index * pace)
        begin = now()
        track(users[slot], event, properties)
        samples[index] = now() - begin


def wait_until(moment: float) -> None:
    """Sleep while there is time to, so that a paced producer leaves the interpreter to the senders."""
    while (left := moment - time.perf_counter()) > 0:
        time.sleep(left)


def throughput(client: contestants.Client, events: int) -> dict[str, Any]:
    """Return what the whole of ``events`` cost, from the first call until all are delivered."""
    cpu, wall = time.process_time(), time.perf_counter()
    produce(client.track, workload.FIRST_SEQUENCE, events)
    produced = time.perf_counter()
    client.flush()
    done = time.perf_counter()
    cpu = time.process_time() - cpu
    return {
        "seconds": done - wall,
        "produce_seconds": produced - wall,
        "events_per_second": events / (done - wall),
        "cpu_us_per_event": cpu / events * 1e6,
    }


def latency(client: contestants.Client, events: int, rate: float) -> dict[str, Any]:
    """Return how long the calls took while the senders were at work, us; nothing is subtracted for the clock."""
    samples = array("q", bytes(8 * events))
    produce_timed(client.track, workload.FIRST_SEQUENCE, samples, 1 / rate if rate else 0.0)
    client.flush()
    clock = array("q", bytes(8 * 100_000))
    produce_timed(lambda _user, _event, _properties: None, workload.FIRST_SEQUENCE, clock, 0.0)
    ordered = sorted(samples)
    curve = [(point, ordered[int(point * (events - 1))] / 1e3) for point in QUANTILE_POINTS if point <= 1 - 1 / events]
    named = {f"p{q:g}": ordered[int(q / 100 * (events - 1))] / 1e3 for q in (50, 99, 99.9)}
    return {**named, "max": ordered[-1] / 1e3, "clock": sorted(clock)[len(clock) // 2] / 1e3, "curve": curve}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contestant")
    parser.add_argument("mode", choices=("throughput", "latency"))
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--rate", type=float, default=0.0, help="latency mode: calls a second, 0 is without a pause")
    options = parser.parse_args()

    contestant = contestants.by_name(options.contestant)
    run = contestants.Run(options.endpoint, options.events + WARM_UP_EVENTS, options.mode == "throughput")
    unloaded = memory("VmRSS")
    client = contestant.open(run, contestant.settings)
    produce(client.track, workload.FIRST_SEQUENCE, WARM_UP_EVENTS)
    client.flush()
    before = sink.ask(options.endpoint, "/reset")
    warm = memory("VmRSS")
    measured = (
        throughput(client, options.events)
        if options.mode == "throughput"
        else latency(client, options.events, options.rate)
    )
    peak = memory("VmHWM")
    after = sink.ask(options.endpoint, "/usage")
    print(
        json.dumps(
            {
                **measured,
                "peak_bytes": peak,
                "warm_bytes": warm,
                "unloaded_bytes": unloaded,
                "sink_cpu_seconds": after["cpu"] - before["cpu"],
                "version": contestant.version(),
                "python": platform.python_version(),
            }
        )
    )


if __name__ == "__main__":
    main()
