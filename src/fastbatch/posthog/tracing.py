"""The OpenTelemetry span that is active, where that package is installed and used."""

from __future__ import annotations

import sys

__all__ = ["span_properties"]


def span_properties() -> dict[str, str]:
    """Return ``$trace_id`` and ``$span_id``; nothing where there is no span."""
    # A program without it has not imported it, and a program that has no span does not need it imported.
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return {}
    try:
        span = trace.get_current_span().get_span_context()
        if not span.is_valid:
            return {}
        return {"$trace_id": f"{span.trace_id:032x}", "$span_id": f"{span.span_id:016x}"}
    except Exception:  # noqa: BLE001 - another package's own
        return {}
