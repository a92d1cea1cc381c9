"""What is answered where. Adding a vendor adds a file of rows, and its name here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from fastbatch.collector import posthog_capture, posthog_flags, segment_paths
from fastbatch.collector.request import Route

__all__ = ["ROUTES", "find"]

ROUTES: dict[str, dict[str, Route]] = {**segment_paths.ROUTES, **posthog_capture.ROUTES, **posthog_flags.ROUTES}
"""By path, without a slash at its end, and method. A name in braces stands for one piece of a path."""

_PATTERNS = {
    path: re.compile("".join(f"(?P<{piece[1:-1]}>[^/]+)" if piece[:1] == "{" else re.escape(piece) for piece in pieces))
    for path in ROUTES
    if len(pieces := re.split(r"(\{\w+\})", path)) > 1
}


def find(path: str) -> tuple[Mapping[str, Route], dict[str, str]] | None:
    """Return the methods of a path and the values of the names in it; None where nothing is."""
    path = path.rstrip("/")
    if path in ROUTES:
        return ROUTES[path], {}
    for row, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(path):
            return ROUTES[row], {name: unquote(value) for name, value in match.groupdict().items()}
    return None
