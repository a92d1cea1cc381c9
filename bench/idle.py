"""
A client whose senders sleep, for measuring the call alone, and the finished message that such a call makes.

Its batches are never full and its interval never passes within a measurement; what has piled up is delivered between
two measurements, to a transport that answers at once, so that the queue's memory is as it is in a running program.
"""

from __future__ import annotations

import gzip
import itertools
from typing import Any

import orjson

import workload

CALLS = 5_000
"""Calls between two flushes: 1.7 MB, far below the 4 MiB that would wake a sender."""

ARGUMENTS = tuple(
    (workload.user(n), workload.EVENT_NAME, workload.properties(workload.FIRST_SEQUENCE + n))
    for n in range(workload.POOL)
)
"""What the calls are made with: prepared, so that neither side pays for making it."""


class Recorder:
    """A transport that delivers everything to nowhere and keeps the last body."""

    def __init__(self) -> None:
        self.last = b""

    def send(self, request: Any, timeout: float) -> Any:  # noqa: ARG002  the Protocol's name
        """Say that the batch was delivered."""
        from fastbatch.typing import Response

        self.last = bytes(request.body)
        return Response(200, {}, b'{"success":true}')

    def close(self) -> None:
        """Do nothing."""


def open_client(**settings: Any) -> tuple[Any, Recorder]:
    """Return a client with sleeping senders, and its transport."""
    import fastbatch

    recorder = Recorder()
    sleepy = {"interval": 3600.0, "batch_size": 100_000, "max_batch_bytes": 4 * 1024 * 1024, "senders": 1}
    client = fastbatch.Client("bench-write-key", transport=recorder, on_full="raise", **{**sleepy, **settings})
    return client, recorder


def finished_messages() -> list[dict[str, Any]]:
    """Return `ARGUMENTS` as the messages that fastbatch makes of them, read back from a body that it sent."""
    client, recorder = open_client()
    with client:
        for arguments in ARGUMENTS:
            client.track(*arguments)
        client.flush(timeout=30.0)
    messages = orjson.loads(gzip.decompress(recorder.last))["batch"]
    if len(messages) != len(ARGUMENTS):
        raise AssertionError(f"{len(messages)} of {len(ARGUMENTS)} messages in the last body")
    return messages


def cycled(items: Any) -> list[Any]:
    """Return `CALLS` items, the given ones over and over."""
    return list(itertools.islice(itertools.cycle(items), CALLS))
