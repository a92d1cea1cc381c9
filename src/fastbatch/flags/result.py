"""The value of one flag with its payload, as a program gets it."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

__all__ = ["FeatureFlagResult", "decode_payload", "valid_payload"]


@dataclass(frozen=True, slots=True)
class FeatureFlagResult:
    """
    What a flag is for one user or group.

    Args:
        key: The flag.
        enabled: Whether it is on.
        variant: Which variant, None for a flag without any.
        payload: The payload of that value, decoded from its JSON; None when there is none.
        reason: Why, as the server put it; None for a flag that was decided here.
    """

    key: str
    enabled: bool
    variant: str | None = None
    payload: Any = None
    reason: str | None = None

    def get_value(self) -> bool | str:
        """Return the variant of a flag that has one, otherwise whether it is on."""
        return self.variant or self.enabled

    @classmethod
    def of(cls, key: str, value: bool | str, payload: Any = None, reason: str | None = None) -> FeatureFlagResult:
        """Return the result for a value; ``payload`` is still JSON."""
        variant = value if isinstance(value, str) else None
        return cls(key, variant is not None or bool(value), variant, decode_payload(payload), reason)


def decode_payload(payload: Any) -> Any:
    """Return what a payload's JSON stands for: None for what is not JSON; what is no text is returned as it is."""
    if not isinstance(payload, str):
        return payload
    try:
        return _decode(payload)
    except (ValueError, RecursionError):
        return None


def valid_payload(payload: Any) -> Any:
    """Return a payload's JSON as it is, None for what is not JSON."""
    return payload if not isinstance(payload, str) or _is_json(payload) else None


@functools.lru_cache(maxsize=16_384)
def _is_json(text: str) -> bool:
    # The payloads of a project's flags are few, and are asked about with every user.
    try:
        _decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


_decode = json.JSONDecoder(parse_constant=_refuse).decode
"""Made once: making one takes longer than reading a payload."""
