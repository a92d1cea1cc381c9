"""The variables of a frame, masked, and so few of them that the event stays small."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import FrameType
from typing import Any

from fastbatch.posthog.exceptions.frames import Budget
from fastbatch.posthog.exceptions.masking import Mask
from fastbatch.posthog.exceptions.patterns import compiled
from fastbatch.posthog.exceptions.secrets import REDACTED

__all__ = ["Variables"]

MOST_BYTES = 10 * 1024
"""Of all values in one event."""
MOST_LENGTH = 1024
"""Of one value."""
MOST_BITS = 1024
"""Of a number; one with a million digits takes seconds to write."""


class Variables:
    """
    Shows the variables of one event's frames.

    Args:
        masked: Expressions; names and texts that match one are hidden.
        ignored: Expressions; names that match one are left out.
        url_credentials: Whether ``user:password`` of URLs is hidden.
        secrets: Whether texts that look like a credential are hidden.

    Raises:
        re.error: When an expression is none.
    """

    def __init__(
        self, masked: Sequence[str], ignored: Sequence[str], *, url_credentials: bool = True, secrets: bool = True
    ) -> None:
        self._ignored = compiled(ignored)
        self._mask = Mask(compiled(masked), url_credentials, secrets)
        self._budget = Budget(MOST_BYTES)

    def of(self, frame: FrameType) -> dict[str, Any]:
        """Return a frame's variables: first those of plain types, each kind by the alphabet, while there is room."""
        try:
            given = dict(frame.f_locals)
        except Exception:  # noqa: BLE001 - a namespace of the program's own
            return {}
        names = sorted(name for name in given if not self._ignored.match(name))
        plain = [name for name in names if _is_plain(given[name])]
        others = [name for name in names if not _is_plain(given[name])]
        shown: dict[str, Any] = {}
        for name in (*plain, *others):
            text = REDACTED if self._mask.hidden.match(name) else self._shown(given[name])
            if not self._budget.take(len(str(text))):
                break
            shown[name] = text
        return shown

    def _shown(self, value: object) -> Any:
        """Return a number as it is and everything else as text."""
        try:
            masked = self._mask.apply(value)
            if isinstance(masked, (int, float)) and not isinstance(masked, bool):
                is_huge = isinstance(masked, int) and masked.bit_length() > MOST_BITS
                return f"<{type(value).__name__}>" if is_huge else masked
            text = masked if isinstance(masked, str) else _as_text(masked)
        except Exception:  # noqa: BLE001 - the value's own code
            text = self._mask.shown_as(value)
        return text if len(text) <= MOST_LENGTH else text[: MOST_LENGTH - 3] + "..."


def _as_text(masked: object) -> str:
    return str(masked) if masked is None or isinstance(masked, bool) else json.dumps(masked, allow_nan=False)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))
