"""What PostHog's browser library says in the headers of a request: whose session it is."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastbatch.posthog.contexts import identify_context, set_context_session

__all__ = ["LONGEST", "apply_headers", "cleaned"]

LONGEST = 1000
"""Characters of a header that are kept; anybody may send one."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def cleaned(value: object) -> str | None:
    """Return a header's text without control characters and without too many others; None when nothing is left."""
    if not isinstance(value, str):
        return None
    return _CONTROLS.sub("", value).strip()[:LONGEST] or None


def apply_headers(read: Callable[[str], object], *, are_read: bool, user_id: str | None) -> None:
    """
    Say in the current context who a request is of.

    Args:
        read: Returns a header's value.
        are_read: Whether the browser library's headers count.
        user_id: Who it is of where they do not say.
    """
    distinct_id = user_id
    if are_read:
        distinct_id = cleaned(read("X-POSTHOG-DISTINCT-ID")) or user_id
        session_id = cleaned(read("X-POSTHOG-SESSION-ID"))
        if session_id is not None:
            set_context_session(session_id)
    if distinct_id:
        identify_context(distinct_id)
