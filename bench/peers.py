"""
fastbatch and its peers, one after the other, against the same sink with the same events.

Every run is a fresh interpreter and a fresh sink; the order rotates from round to round, and the table shows medians.
A run counts only when the sink proves that each of its events arrived exactly once.

    python bench/peers.py --quick
    python bench/peers.py --rounds 5 --events 1000000
    python bench/peers.py --only fastbatch.posthog --only posthog --baseline posthog
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import contestants
import machine
import report
import sink
import workload

HERE = Path(__file__).resolve().parent
RUN_TIMEOUT_SECONDS = 600
MODES = ("throughput", "latency")
LATENCY_EVENTS_LIMIT = 1_000_000
"""What fits into `contestants.LATENCY_QUEUE_BYTES`, so that no call has to wait."""

SIZES = {"events": 1_000_000, "peer_events": 60_000, "rounds": 5}
QUICK_SIZES = {"events": 200_000, "peer_events": 10_000, "rounds": 1}

NOISE_LIMIT = 0.05
"""Share of the machine that others may use before the report warns."""


def run_once(contestant: contestants.Contestant, mode: str, events: int, options: argparse.Namespace) -> dict[str, Any]:
    """Run one contestant in one mode; return its figures, or ``{"failed": why}``."""
    bystanders = machine.Bystanders()
    with sink.running(options.delay) as url:
        command = [sys.executable, str(HERE / "measure.py"), contestant.name, mode, "--endpoint", url]
        try:
            figures = _figures([*command, "--events", str(events), "--rate", str(options.rate)], contestant.environment)
        except (subprocess.SubprocessError, ValueError) as error:
            return {"failed": str(error)}
        proof = sink.ask(url, f"/verify?events={events}")
    if not proof["perfect"]:
        figures["failed"] = f"the sink found {proof}"
    return {**figures, "proof": proof, "bystanders": bystanders.share()}


def _figures(command: list[str], environment: Mapping[str, str]) -> dict[str, Any]:
    finished = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_SECONDS,
        env={**os.environ, **environment},
        check=False,
    )
    if finished.returncode:
        raise ValueError((finished.stderr.strip().splitlines() or ["exit status without a word"])[-1])
    return json.loads(finished.stdout.splitlines()[-1])


def events_for(contestant: contestants.Contestant, mode: str, options: argparse.Namespace) -> int:
    """Return how many events make a run of some seconds."""
    events = {
        "fast": options.events,
        "pure": max(options.peer_events, options.events // 5),
        "peer": options.peer_events,
    }[contestant.family]
    return min(events, LATENCY_EVENTS_LIMIT) if mode == "latency" else events


def rotated(items: list[contestants.Contestant], by: int) -> list[contestants.Contestant]:
    """Return ``items`` starting elsewhere, so that no contestant always runs on the machine as another left it."""
    by %= len(items)
    return items[by:] + items[:by]


def run_all(chosen: list[contestants.Contestant], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the figures of all runs in the order they were made."""
    runs = []
    for number in range(options.rounds):
        for contestant in rotated(chosen, number):
            for mode in options.modes:
                events = events_for(contestant, mode, options)
                figures = run_once(contestant, mode, events, options)
                runs.append({"contestant": contestant.name, "mode": mode, "round": number, "events": events, **figures})
                print(report.progress(runs[-1]), file=sys.stderr, flush=True)
    return runs


def _median(runs: list[dict[str, Any]], key: str) -> float | None:
    values = [run[key] for run in runs if key in run]
    return statistics.median(values) if values else None


def _median_curve(runs: list[dict[str, Any]]) -> list[tuple[float, float]]:
    by_point: dict[float, list[float]] = {}
    for run in runs:
        for point, microseconds in run.get("curve", ()):
            by_point.setdefault(point, []).append(microseconds)
    return [(point, statistics.median(values)) for point, values in sorted(by_point.items())]


def summarize(contestant: contestants.Contestant, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one row: medians over the rounds, and ``failed`` when a single run was."""
    mine = [run for run in runs if run["contestant"] == contestant.name]
    fast = [run for run in mine if run["mode"] == "throughput" and "proof" in run]
    slow = [run for run in mine if run["mode"] == "latency" and "proof" in run]
    rates = [run["events_per_second"] for run in fast]
    return {
        "contestant": contestant.name,
        "settings": dict(contestant.settings),
        "version": next((run["version"] for run in mine if "version" in run), None),
        "failed": next((run["failed"] for run in mine if "failed" in run), None),
        **{
            key: _median(fast, key) for key in ("events_per_second", "cpu_us_per_event", "peak_bytes", "unloaded_bytes")
        },
        **{key: _median(slow, key) for key in ("p50", "p99", "p99.9", "max", "clock")},
        "slowest_and_fastest": [min(rates), max(rates)] if rates else None,
        "sink_busy": statistics.median(run["sink_cpu_seconds"] / run["seconds"] for run in fast) if fast else None,
        "wire_bytes_per_event": fast[0]["proof"]["body_bytes"] / fast[0]["events"] if fast else None,
        "curve": _median_curve(slow),
    }


def options_from(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line, checked."""
    parser = argparse.ArgumentParser(description="Compare fastbatch with its peers.")
    parser.add_argument("--quick", action="store_true", help="one short round: a look, not a result")
    parser.add_argument("--events", type=int, help="a run of fastbatch (pure: a fifth); default 1000000")
    parser.add_argument("--peer-events", type=int, help="a run of a peer, a multiple of 1000; default 60000")
    parser.add_argument("--rounds", type=int, help="default 5")
    parser.add_argument("--only", action="append", metavar="NAME", help="contestants whose name starts so; repeatable")
    parser.add_argument("--baseline", default=contestants.BASELINE, metavar="NAME", help="the row that ratios are over")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--rate", type=float, default=0.0, help="latency runs: calls a second; 0 is without a pause")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before the sink answers")
    parser.add_argument("--out", type=Path, default=HERE / "out", help="directory of peers.json and peers.png")
    options = parser.parse_args(arguments)
    for name, size in (QUICK_SIZES if options.quick else SIZES).items():
        if getattr(options, name) is None:
            setattr(options, name, size)
    if options.peer_events % 1000:
        # A peer's last batch, if it is not full, waits 0.5 s for more and would make the peer look slower than it is.
        parser.error("--peer-events must be a multiple of 1000")
    return options


def installed(options: argparse.Namespace) -> list[contestants.Contestant]:
    """Return the chosen contestants whose package is there; say which are not."""
    chosen = []
    for contestant in contestants.CONTESTANTS:
        if options.only and not contestant.name.startswith(tuple(options.only)):
            continue
        try:
            contestant.version()
        except metadata.PackageNotFoundError:
            print(f"{contestant.name}: {contestant.package} is not installed", file=sys.stderr)
        else:
            chosen.append(contestant)
    return chosen


def main(arguments: list[str] | None = None) -> int:
    """Run, report, and fail when an event was lost."""
    options = options_from(arguments)
    chosen = installed(options)
    if not chosen:
        print("nothing to compare", file=sys.stderr)
        return 2
    where = machine.describe()
    runs = run_all(chosen, options)
    rows = report.with_ratios([summarize(contestant, runs) for contestant in chosen], options.baseline)
    noise = statistics.median(run.get("bystanders", 0.0) for run in runs)
    print(report.table(rows, where, workload.describe(), options.rounds))
    if noise > NOISE_LIMIT:
        print(f"\nnot a result: others used {noise:.0%} of the machine meanwhile")
    options.out.mkdir(parents=True, exist_ok=True)
    settings = {name: str(value) for name, value in vars(options).items() if name != "out"}
    record = {"machine": where, "workload": workload.describe(), "options": settings, "bystanders": noise}
    # The curves of single runs are most of the file and are in the rows' medians.
    short = [{name: value for name, value in run.items() if name != "curve"} for run in runs]
    (options.out / "peers.json").write_text(json.dumps({**record, "rows": rows, "runs": short}, indent=1) + "\n")
    report.plot(rows, where, options.out / "peers.png")
    print(f"\nwritten: peers.json and peers.png in {options.out.name}/")
    return 1 if any(row["failed"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
