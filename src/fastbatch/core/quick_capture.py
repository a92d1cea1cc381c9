"""
The commonest call of PostHog's face, in Python: an event with an id, a person, a name and properties.

`fastbatch.posthog` calls `capture_quickly` first, and makes a `Capture` of what it leaves.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fastbatch.core.quick import QuickEntry, push_values

__all__ = ["CaptureEntry", "capture_quickly"]


class CaptureEntry(NamedTuple):
    """
    How the call is encoded, and where it is pushed to.

    Args:
        quick: Of a template of ``[uuid, distinct_id, event, properties]``.
        reserved: Names that the properties must not have: then the call is not common.
    """

    quick: QuickEntry
    reserved: frozenset[str]


def capture_quickly(client: Any, uuid: str, distinct_id: str, event: str, properties: dict[str, Any]) -> bool | None:
    """
    Enqueue an event; None when it has to go another way, and nothing has happened.

    Args:
        client: A `Client` of PostHog's.
        uuid: Canonical text of a UUID.
        distinct_id: The person's id.
        event: The event's name.
        properties: A dict, and no subclass of one whose items are elsewhere.

    Returns:
        What `Client.enqueue` returns.
    """
    entry: CaptureEntry | None = client._capture_entry  # noqa: SLF001 - ours
    if entry is None or not entry.reserved.isdisjoint(properties):
        return None
    return push_values(client, entry.quick, (uuid, distinct_id, event, properties))
