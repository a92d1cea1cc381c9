"""Where and under what load a benchmark ran."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Iterable
from importlib import metadata
from typing import Any

PACKAGES = (
    "fastbatch",
    "segment-analytics-python",
    "rudder-sdk-python",
    "posthog",
    "orjson",
    "isal",
    "urllib3",
    "requests",
)


def describe(packages: Iterable[str] = PACKAGES) -> dict[str, Any]:
    """Return the machine, the interpreter and the versions of ``packages``; None where one is not installed."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "versions": {name: _version(name) for name in packages},
    }


def _cpu_model() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


class Bystanders:
    """Measures what everybody else on the machine uses, as a share of all its cores."""

    def __init__(self) -> None:
        self._wall, self._busy, self._own = time.perf_counter(), _busy_seconds(), _own_seconds()

    def share(self) -> float:
        """Return the share since construction; child processes count as others until they have ended."""
        others = (_busy_seconds() - self._busy) - (_own_seconds() - self._own)
        # /proc/stat counts in ticks of 10 ms, so that a quiet machine can come out slightly below nothing.
        return max(0.0, others / (time.perf_counter() - self._wall) / (os.cpu_count() or 1))


def _busy_seconds() -> float:
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = map(int, stat.readline().split()[1:])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    usages = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
