"""Segment's HTTP Tracking API."""

from __future__ import annotations

import json

from fastbatch.dialects.base import BaseDialect
from fastbatch.dialects.status import SERVER_ERRORS, StatusTable
from fastbatch.typing import Envelope

__all__ = ["Segment"]


class Segment(BaseDialect):
    """
    ``{"batch":[...],"sentAt":"...","writeKey":"..."}``, with the key in the Authorization header as well.

    For a workspace in the EU the endpoint is ``https://events.eu1.segmentapis.com``; ``/v1`` after it does no harm.
    """

    name = "segment"
    endpoint = "https://api.segment.io"
    # 410 and 460 are in no document; segment-analytics-python 2.4.0 retries this set.
    statuses = StatusTable(retry=SERVER_ERRORS | {408, 410, 429, 460}, split=frozenset({400, 413}))

    def envelope(self, write_key: str, sent_at: str) -> Envelope:
        """Return the body's constant bytes: the messages, then ``sentAt`` and ``writeKey``."""
        # As ASCII: a key that is no valid text is the client's to refuse, and must not fail here at every attempt.
        envelope = super().envelope(write_key, sent_at)
        return envelope._replace(
            tail=envelope.tail[:-1] + b',"writeKey":' + json.dumps(write_key).encode("ascii") + b"}"
        )
