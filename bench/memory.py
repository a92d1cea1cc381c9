"""
What a client occupies while its endpoint is down: millions of calls, a port that refuses, and every refusal counted.

Fails when memory grows by more than ``max_queue_bytes`` + 40 MiB, with the pure core 256 bytes a queued message more,
or when the account does not add up. The address space is what making the client takes, before the first event and thus
before any thread: nearly all of it is the queue.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import measure
import workload

MIB = 1024 * 1024
ALLOWANCE_BYTES = 40 * MIB
PURE_BYTES_A_MESSAGE = 256
"""What the pure core may take for a message besides what is charged to the queue: it is a Python object."""
REPORTS = 10


@contextmanager
def refused_port() -> Iterator[int]:
    """Hold a port of this machine that refuses connections: bound, so that nobody else gets it, but not listening."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def call(track: object, calls: int, baseline: int) -> int:
    """Make all calls with a line on the way now and then; return how many returned True."""
    pool, users, mask, event = workload.PROPERTIES, workload.USERS, workload.POOL - 1, workload.EVENT_NAME
    accepted, started = 0, time.perf_counter()
    for part in range(REPORTS):
        for sequence in range(calls * part // REPORTS, calls * (part + 1) // REPORTS):
            slot = sequence & mask
            accepted += track(users[slot], event, {**pool[slot], "seq": sequence})
        grown = (measure.memory("VmRSS") - baseline) / MIB
        done = calls * (part + 1) // REPORTS
        print(f"{done:>12,} calls  {time.perf_counter() - started:6.1f} s  {grown:6.1f} MiB grown", flush=True)
    return accepted


def main() -> int:
    """Run and judge."""
    parser = argparse.ArgumentParser(description="Memory of a client whose endpoint is down.")
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--max-queue-mib", type=int, default=64)
    options = parser.parse_args()
    import fastbatch

    baseline, address_space = measure.memory("VmRSS"), measure.memory("VmSize")
    with refused_port() as port:
        client = fastbatch.Client(
            "bench-write-key", endpoint=f"http://127.0.0.1:{port}", max_queue_bytes=options.max_queue_mib * MIB
        )
        address_space = measure.memory("VmSize") - address_space
        returned_true = call(client.track, options.calls, baseline)
        stats = client.stats()
        client.close(timeout=1.0)
    closed = client.stats()

    bound = options.max_queue_mib * MIB + ALLOWANCE_BYTES
    if fastbatch.BACKEND == "pure":
        bound += PURE_BYTES_A_MESSAGE * (stats.queued + stats.in_flight)
    grown = measure.memory("VmHWM") - baseline
    refused, dropped = dict(stats.refused), dict(closed.dropped)
    print(
        f"backend {fastbatch.BACKEND}; baseline {baseline / MIB:.1f} MiB, peak {measure.memory('VmHWM') / MIB:.1f} MiB"
    )
    print(f"grown by {grown / MIB:.1f} MiB, allowed {bound / MIB:.0f} MiB; address space {address_space / MIB:.1f} MiB")
    print(f"accepted {stats.accepted:,}, refused {refused}, after close dropped {dropped}")
    checks = {
        "memory within its bound": grown <= bound,
        "every call was accepted or refused": stats.accepted + sum(refused.values()) == options.calls,
        "True was returned for what was accepted": returned_true == stats.accepted,
        "every accepted message has an outcome": closed.accepted
        == closed.delivered + sum(dropped.values()) + closed.queued + closed.in_flight,
    }
    for name, holds in checks.items():
        print(f"{'ok    ' if holds else 'BROKEN'} {name}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
