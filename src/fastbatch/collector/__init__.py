"""A local endpoint that takes what a Segment, RudderStack or PostHog server takes, and keeps it in SQLite."""

from __future__ import annotations

from fastbatch.collector.collector import Collector
from fastbatch.collector.flag_file import FlagFileError
from fastbatch.collector.store import Counts, Store, StoreError

__all__ = ["Collector", "Counts", "FlagFileError", "Store", "StoreError"]
