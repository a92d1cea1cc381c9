"""Why something could not be decided: what a matcher says when neither True nor False is known to be right."""

from __future__ import annotations

from dataclasses import dataclass

from fastbatch.flags.local.evaluation import Unresolved

__all__ = ["CONTEXT", "CONTINUITY", "DEPENDENCY", "SERVER_DEPENDENCY", "SERVER_ONLY", "UNSUPPORTED", "Doubt", "graver"]


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """
    A cause, and how far it reaches.

    Args:
        cause: What is reported.
        rank: The lowest of several is reported.
        requires_server: Only the server knows: no later condition may decide the flag instead.
    """

    cause: Unresolved
    rank: int
    requires_server: bool = False


CONTINUITY = Doubt("experience_continuity", 0)
UNSUPPORTED = Doubt("unsupported_definition", 1)
DEPENDENCY = Doubt("unresolved_dependency", 2)
CONTEXT = Doubt("missing_context", 3)

SERVER_ONLY = Doubt("unsupported_definition", 1, requires_server=True)
SERVER_DEPENDENCY = Doubt("unresolved_dependency", 2, requires_server=True)

_LOCAL = {doubt.cause: doubt for doubt in (CONTINUITY, UNSUPPORTED, DEPENDENCY, CONTEXT)}


def graver(first: Doubt | None, second: Doubt) -> Doubt:
    """Return the cause to report of two; what neither needs the server for, nor may end the search for a match."""
    if first is None or second.rank < first.rank:
        first = second
    return _LOCAL[first.cause]
