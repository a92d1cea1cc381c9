"""
What remembering reported flags costs: ten million different users read a flag, and memory stays where it is.

    PYTHONPATH=src python bench/flag_memory.py

Each read is a new one, so that each makes an event, which goes nowhere. The bound is `READS` reads of `BYTES_PER_READ`.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time

import measure
from fastbatch.flags.called import BYTES_PER_READ, READS
from fastbatch.flags.service import Flags
from fastbatch.typing import Request, Response

MIB = 1024 * 1024
ALLOWANCE_BYTES = 2 * MIB
"""For the allocator: what a table leaves behind when it grows, and what is not ours."""
STEPS = 10

DEFINITION = {
    "id": 1,
    "key": "beta",
    "version": 1,
    "active": True,
    "filters": {
        "groups": [{"properties": [], "rollout_percentage": 50}],
        "payloads": {"true": json.dumps({"colour": "blue"})},
    },
}


class Definitions:
    """A server without a network."""

    def send(self, request: Request, timeout: float) -> Response:  # noqa: ARG002 the Protocol's signature
        """Answer with one flag."""
        return Response(200, {}, json.dumps({"flags": [DEFINITION]}).encode())

    def close(self) -> None:
        """Do nothing."""


def main() -> int:
    """Read, print, and compare with the bound."""
    parser = argparse.ArgumentParser(description="Memory of the reads of flags that were reported.")
    parser.add_argument("--users", type=int, default=10_000_000)
    options = parser.parse_args()
    events = 0

    def count(_: object) -> None:
        nonlocal events
        events += 1

    logger = logging.getLogger("fastbatch")
    flags = Flags("phc_bench", "http://127.0.0.1", "phx_bench", Definitions(), logger=logger, on_called=count)
    flags.get_value("beta", "warm-up")
    baseline = measure.memory("VmRSS")
    began = time.perf_counter()
    for step in range(STEPS):
        share = options.users // STEPS
        for number in range(step * share, (step + 1) * share):
            flags.get_value("beta", f"user-{number}")
        grown = measure.memory("VmRSS") - baseline
        print(f"{(step + 1) * share:>12,} users: {grown / MIB:6.1f} MiB more than at the start")
    seconds = time.perf_counter() - began
    reported = events
    for number in range(max(0, options.users - READS + 10), options.users):
        flags.get_value("beta", f"user-{number}")
    flags.close()

    grown = measure.memory("VmHWM") - baseline
    bound = READS * BYTES_PER_READ
    print(f"peak {grown / MIB:.1f} MiB; bound {READS:,} reads x {BYTES_PER_READ} bytes = {bound / MIB:.1f} MiB")
    print(f"{seconds / options.users * 1e6:.2f} us a new read, event included; {reported:,} events")
    checks = {
        "memory within its bound": grown <= bound + ALLOWANCE_BYTES,
        "every new user was reported": reported == options.users + 1,
        "the newest are remembered": events == reported,
    }
    for name, holds in checks.items():
        print(f"{'ok    ' if holds else 'BROKEN'} {name}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
