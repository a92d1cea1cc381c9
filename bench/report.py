"""Shows what `peers.py` measured: a line while it runs, a table, a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MIB = 1024 * 1024

COLUMNS = (
    ("events/s", "events_per_second", "{:,.0f}", 1.0),
    ("x", "speed_ratio", "{:.1f}", 1.0),
    ("CPU us/ev", "cpu_us_per_event", "{:.2f}", 1.0),
    ("1/", "cpu_ratio", "{:.1f}", 1.0),
    ("p50 us", "p50", "{:.2f}", 1.0),
    ("p99 us", "p99", "{:.2f}", 1.0),
    ("p99.9 us", "p99.9", "{:.1f}", 1.0),
    ("max ms", "max", "{:.1f}", 1e-3),
    ("peak MiB", "peak_bytes", "{:.0f}", 1 / MIB),
    ("B/ev", "wire_bytes_per_event", "{:.0f}", 1.0),
    ("sink busy", "sink_busy", "{:.0%}", 1.0),
)
"""Heading, key of the row, format, factor."""

LEGEND = (
    "x and 1/: speed and CPU time over the row {baseline!r}. CPU: user and system time of all threads of the process.",
    "p50 to max: one call, no pause between calls, while the senders are at work; {clock:.2f} us of it is the clock.",
    "peak: VmHWM of the throughput run, interpreter included. B/ev: body before compression. sink busy: of one core.",
)


def progress(run: dict[str, Any]) -> str:
    """Return one line about one run."""
    head = f"round {run['round'] + 1}  {run['contestant']:<20} {run['mode']:<10} "
    if "failed" in run:
        return head + f"FAILED: {run['failed']}"
    if run["mode"] == "throughput":
        return head + f"{run['events_per_second']:>12,.0f} events/s {run['cpu_us_per_event']:>8.2f} us CPU"
    return head + f"p50 {run['p50']:.2f}  p99 {run['p99']:.2f}  p99.9 {run['p99.9']:.2f} us"


def with_ratios(rows: list[dict[str, Any]], baseline: str) -> list[dict[str, Any]]:
    """Return the rows with how many times they are faster and cheaper than ``baseline``, where that ran."""
    base = next((row for row in rows if row["contestant"] == baseline and not row["failed"]), None)
    for row in rows:
        row["baseline"] = baseline
        row["speed_ratio"] = row["cpu_ratio"] = None
        if base and not row["failed"] and row["events_per_second"] and base["events_per_second"]:
            row["speed_ratio"] = row["events_per_second"] / base["events_per_second"]
            row["cpu_ratio"] = base["cpu_us_per_event"] / row["cpu_us_per_event"]
    return rows


def table(rows: list[dict[str, Any]], where: dict[str, Any], events: str, rounds: int) -> str:
    """Return the whole report as text."""
    lines = [["contestant", *(heading for heading, *_ in COLUMNS), "all arrived"]]
    lines += [[row["contestant"], *(_cell(row, column) for column in COLUMNS), _judgement(row)] for row in rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    body = [
        "  ".join(_aligned(text, width, index) for index, (text, width) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    ]
    clock = next((row["clock"] for row in rows if row["clock"]), 0.0)
    legend = [line.format(baseline=rows[0]["baseline"], clock=clock) for line in LEGEND]
    settings = [f"  {row['contestant']:<{widths[0]}}  {row['version']}  {_settings(row)}" for row in rows]
    failures = [f"FAILED {row['contestant']}: {row['failed']}" for row in rows if row["failed"]]
    head = f"{events}\n{where['cpu']}, {where['cores']} cores, {where['python']}, medians of {rounds} rounds\n"
    return "\n".join([head, *body, "", *legend, "", *settings, *failures])


def _cell(row: dict[str, Any], column: tuple[str, str, str, float]) -> str:
    _heading, key, form, factor = column
    return "-" if row[key] is None else form.format(row[key] * factor)


def _aligned(text: str, width: int, index: int) -> str:
    return text.ljust(width) if index == 0 else text.rjust(width)


def _judgement(row: dict[str, Any]) -> str:
    return "FAILED" if row["failed"] else "yes"


def _settings(row: dict[str, Any]) -> str:
    words = ", ".join(f"{name}={value!r}" for name, value in row["settings"].items()) or "defaults"
    low, high = row["slowest_and_fastest"] or (0.0, 0.0)
    return f"{words}; {low:,.0f} to {high:,.0f} events/s"


def plot(rows: list[dict[str, Any]], where: dict[str, Any], path: Path) -> None:
    """Draw events/s, CPU time and the latency curve into a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shown = [row for row in rows if not row["failed"]]
    figure, (speed, cpu, call) = plt.subplots(1, 3, figsize=(18, 5.5), layout="constrained")
    _bars(speed, shown, "events_per_second", "events/s, delivered (more is better)", "{:,.0f}")
    _bars(cpu, shown, "cpu_us_per_event", "CPU us an event (less is better)", "{:.2f}")
    _curves(call, shown)
    figure.suptitle(
        f"320-byte events, one producer, gzip, every event verified at the sink: {where['cpu']}, {where['python']}"
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _color(row: dict[str, Any]) -> str:
    colors = {
        "fastbatch": "#d9480f",
        "fastbatch.posthog": "#f08c00",
        "segment": "#2b8a3e",
        "rudder": "#1864ab",
        "posthog": "#5f3dc4",
    }
    return colors[row["contestant"].split()[0]]


def _bars(axes: Any, rows: list[dict[str, Any]], key: str, title: str, form: str) -> None:
    rows = [row for row in rows if row[key] is not None]
    bars = axes.barh(
        [row["contestant"] for row in rows], [row[key] for row in rows], color=[_color(row) for row in rows]
    )
    axes.bar_label(bars, labels=[form.format(row[key]) for row in rows], padding=3)
    axes.set(title=title)
    axes.invert_yaxis()
    axes.margins(x=0.2)


def _curves(axes: Any, rows: list[dict[str, Any]]) -> None:
    styles = {"pure best": "-.", "pure": ":", "best": "--"}
    for row in rows:
        if row["curve"]:
            odds = [1 / (1 - point) for point, _ in row["curve"]]
            style = next((line for word, line in styles.items() if word in row["contestant"]), "-")
            axes.plot(odds, [us for _, us in row["curve"]], style, label=row["contestant"], color=_color(row))
    axes.set(title="one call while the senders are busy, us (less is better)", xscale="log", yscale="log")
    axes.set_xticks([1, 2, 10, 100, 1e3, 1e4, 1e5], ["0", "p50", "p90", "p99", "p99.9", "p99.99", "p99.999"])
    axes.minorticks_off()
    axes.grid(visible=True, alpha=0.3)
    if axes.lines:
        axes.legend(fontsize=8)
