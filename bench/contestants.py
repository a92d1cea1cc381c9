"""
The clients that are compared, each behind the same two calls: ``track(user_id, event, properties)`` and ``flush()``.

Nobody may lose an event, so each client is set up to keep what it cannot send yet: fastbatch waits for room
(``on_full="block"``), the peers, which can only drop, get a queue with room for the whole run. A peer's call therefore
never fails and never waits; the price is memory, which its row shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, NamedTuple

WRITE_KEY = "bench-write-key"
FLUSH_TIMEOUT = 600.0
LATENCY_QUEUE_BYTES = 1024 * 1024 * 1024
"""Room for every event of a latency run: what is measured is the call and not the wait for room."""


class Client(NamedTuple):
    """A running client."""

    track: Callable[[str, str, dict[str, Any]], object]
    flush: Callable[[], object]


class Run(NamedTuple):
    """What a client is made for."""

    endpoint: str
    events: int
    waits: bool
    """False when no call may wait for room."""


@dataclass(frozen=True)
class Contestant:
    """One row of the table."""

    name: str
    package: str
    family: str
    """``fast``, ``pure`` or ``peer``: how many events make a run of some seconds."""
    open: Callable[[Run, Mapping[str, Any]], Client]
    settings: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)

    def version(self) -> str:
        """Return the version that is installed; raise PackageNotFoundError when none is."""
        return metadata.version(self.package)


def open_fastbatch(run: Run, settings: Mapping[str, Any]) -> Client:
    """fastbatch, as a user would write it."""
    import fastbatch

    room = {"on_full": "block", "block_timeout": FLUSH_TIMEOUT}
    if not run.waits:
        room["max_queue_bytes"] = LATENCY_QUEUE_BYTES
    client = fastbatch.Client(WRITE_KEY, endpoint=run.endpoint, **room, **settings)
    return Client(client.track, lambda: client.flush(timeout=FLUSH_TIMEOUT))


def open_fastbatch_posthog(run: Run, settings: Mapping[str, Any]) -> Client:
    """fastbatch.posthog, called as the posthog package is, closure included."""
    from fastbatch.posthog import Posthog

    room = {"on_full": "block", "block_timeout": FLUSH_TIMEOUT}
    if not run.waits:
        room["max_queue_bytes"] = LATENCY_QUEUE_BYTES
    client = Posthog(WRITE_KEY, host=run.endpoint, **room, **settings)
    capture = client.capture

    def track(user_id: str, event: str, properties: dict[str, Any]) -> object:
        return capture(event, distinct_id=user_id, properties=properties)

    return Client(track, lambda: client.flush(timeout=FLUSH_TIMEOUT))


def open_segment(run: Run, settings: Mapping[str, Any]) -> Client:
    """segment-analytics-python."""
    import segment.analytics

    client = segment.analytics.Client(WRITE_KEY, host=run.endpoint, max_queue_size=run.events, **settings)
    return Client(client.track, client.flush)


def open_rudder(run: Run, settings: Mapping[str, Any]) -> Client:
    """rudder-sdk-python."""
    import rudderstack.analytics

    client = rudderstack.analytics.Client(WRITE_KEY, host=run.endpoint, max_queue_size=run.events, **settings)
    return Client(client.track, client.flush)


def open_posthog(run: Run, settings: Mapping[str, Any]) -> Client:
    """posthog; its call takes the arguments in another order, and the closure costs it 0.1 us."""
    import posthog

    client = posthog.Posthog(WRITE_KEY, host=run.endpoint, max_queue_size=run.events, **settings)
    capture = client.capture

    def track(user_id: str, event: str, properties: dict[str, Any]) -> object:
        return capture(event, distinct_id=user_id, properties=properties)

    return Client(track, lambda: client.flush(timeout_seconds=FLUSH_TIMEOUT))


# Of 100, 250, 500, 1000 and 2000 messages a batch, 1000 made the most of segment-analytics-python. Two to four threads
# made no difference or a loss, since the interpreter lock is what they share.
_HUNDRED = {"gzip": True, "upload_size": 100}
_THOUSAND = {"gzip": True, "upload_size": 1000}
# As many messages as fit into the 512 000 bytes that Segment takes.
_FULL_BODY = {"batch_size": 2000}
# PostHog takes bodies of 5 MiB, and this many events have 3.6 MB; of 2000, 5000 and 8000 the most made the most.
_LARGE_BODY = {"batch_size": 8000}

CONTESTANTS = (
    Contestant("fastbatch", "fastbatch", "fast", open_fastbatch, {}, {"FASTBATCH_BACKEND": "native"}),
    Contestant("fastbatch best", "fastbatch", "fast", open_fastbatch, _FULL_BODY, {"FASTBATCH_BACKEND": "native"}),
    Contestant("fastbatch pure", "fastbatch", "pure", open_fastbatch, {}, {"FASTBATCH_BACKEND": "pure"}),
    Contestant("fastbatch pure best", "fastbatch", "pure", open_fastbatch, _FULL_BODY, {"FASTBATCH_BACKEND": "pure"}),
    Contestant("segment", "segment-analytics-python", "peer", open_segment, _HUNDRED),
    Contestant("segment best", "segment-analytics-python", "peer", open_segment, _THOUSAND),
    Contestant("rudder", "rudder-sdk-python", "peer", open_rudder, _HUNDRED),
    Contestant("rudder best", "rudder-sdk-python", "peer", open_rudder, _THOUSAND),
    Contestant("fastbatch.posthog", "fastbatch", "fast", open_fastbatch_posthog, {}, {"FASTBATCH_BACKEND": "native"}),
    Contestant(
        "fastbatch.posthog best",
        "fastbatch",
        "fast",
        open_fastbatch_posthog,
        _LARGE_BODY,
        {"FASTBATCH_BACKEND": "native"},
    ),
    Contestant("posthog", "posthog", "peer", open_posthog, {"gzip": True, "flush_at": 100}),
    Contestant("posthog best", "posthog", "peer", open_posthog, {"gzip": True, "flush_at": 1000}),
)

BASELINE = "segment"
"""The row that the ratios are over, unless another is chosen."""


def by_name(name: str) -> Contestant:
    """Return one contestant."""
    return next(contestant for contestant in CONTESTANTS if contestant.name == name)
