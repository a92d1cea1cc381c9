"""The envelope of a body: which of a batch's two times it says."""

from __future__ import annotations

from fastbatch.config import Config
from fastbatch.core.stamp import rfc3339
from fastbatch.typing import Dialect, Envelope

__all__ = ["Envelopes"]


class Envelopes:
    """
    Makes envelopes by the dialect's rules and the client's clock.

    Args:
        config: Whose clock tells the time.
        dialect: The client's own.
        write_key: The client's own.
    """

    def __init__(self, config: Config, dialect: Dialect, write_key: str) -> None:
        self._clock = config.clock
        self._dialect = dialect
        self._write_key = write_key

    def now(self) -> str:
        """Return the time as envelopes say it."""
        return rfc3339(self._clock(), 3)

    def first(self, now: str) -> Envelope:
        """Return the envelope of a batch that is framed for the first time."""
        return self._dialect.envelope(self._write_key, now)

    def again(self, created_at: str, now: str) -> Envelope:
        """Return the envelope of a batch that was first framed at ``created_at``."""
        return self._dialect.envelope(self._write_key, created_at if self._dialect.keeps_envelope else now)
