"""Runs of a client against a server that fails, and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastbatch import Client, DeliveryReport, FlushResult, Stats
from tests.support.wire import Recorded

PATIENCE = 30.0
"""What no flush of a test may need, seconds."""


def at_once(attempt: int) -> float:
    """Return no wait, for ``retry_after``."""
    return 0.0


@dataclass(frozen=True)
class Outcome:
    """What a client says after a flush: once as a result, once in reports, once as an account."""

    client: Client
    result: FlushResult
    reports: list[DeliveryReport]
    stats: Stats

    @property
    def report(self) -> DeliveryReport:
        """The only report."""
        [report] = self.reports
        return report


def deliver(make_client: Callable[..., Client], count: int = 1, **settings: Any) -> Outcome:
    """
    Send ``count`` events in one batch; by default with one sender, without waits between attempts.

    Whatever happens, the three accounts must agree: each event stands in one report, and in one count.
    """
    reports: list[DeliveryReport] = []
    chosen = {"senders": 1, "interval": 60.0, "retry_after": at_once, "request_timeout": 5.0, "batch_size": count + 1}
    client = make_client(on_delivery=reports.append, **{**chosen, **settings})
    for number in range(count):
        assert client.track(f"user-{number}", "Event", {"number": number})
    result = client.flush(PATIENCE)
    stats = client.stats()
    delivered = sum(report.messages for report in reports if report.delivered)
    dropped = sum(report.messages for report in reports if not report.delivered)
    assert result == (delivered, dropped, 0) == (stats.delivered, sum(stats.dropped.values()), 0)
    assert delivered + dropped == count
    assert all(bool(report.cause) != report.delivered for report in reports)
    return Outcome(client, result, reports, stats)


def numbers_of(request: Recorded) -> list[int]:
    """Return which of the events of `deliver` a request brought."""
    return [message["properties"]["number"] for message in request.json["batch"]]
