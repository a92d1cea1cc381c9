"""The outcomes that a flag can have, each made once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastbatch.flags.local.doubt import CONTEXT, UNSUPPORTED, Doubt
from fastbatch.flags.local.evaluation import REQUIRES_SERVER, Evaluation

__all__ = ["Outcomes", "has_payloads", "payload_of"]


class Outcomes:
    """
    Makes the outcomes of one flag.

    Args:
        key: The flag's.
        raw: Its definition.
    """

    def __init__(self, key: str, raw: Mapping[str, Any]) -> None:
        self._key = key
        self._raw = raw
        self._facts = _integer(raw.get("id")), _integer(raw.get("version")), _boolean(raw.get("has_experiment"))
        self.unsupported = False
        """Whether the flag has a filter that only the server can check, which is told before what else is missing."""
        self._common = self._undecided(CONTEXT)

    def value(self, value: bool | str, reason: str, index: int | None = None) -> Evaluation:
        """Return the outcome of a flag that is decided."""
        return Evaluation(self._key, value, payload_of(self._raw, value), reason, index, "", *self._facts)

    def undecided(self, doubt: Doubt) -> Evaluation:
        """Return the outcome of a flag that is not."""
        return self._common if doubt is CONTEXT else self._undecided(doubt)

    def without_device(self) -> Evaluation:
        """Return the outcome of a flag whose subject has no device."""
        return self.undecided(UNSUPPORTED if self.unsupported else CONTEXT)

    def _undecided(self, doubt: Doubt) -> Evaluation:
        cause, reason = doubt.cause, REQUIRES_SERVER if doubt.requires_server else "undecided"
        if doubt.requires_server and self.unsupported and doubt.rank > UNSUPPORTED.rank:
            # The search for a match has ended here, before a graver cause was come to.
            cause = UNSUPPORTED.cause
        return Evaluation(self._key, None, None, reason, None, cause, *self._facts)


def has_payloads(raw: Mapping[str, Any]) -> bool:
    """Tell whether a definition attaches anything to any value."""
    return bool(_payloads(raw))


def payload_of(raw: Mapping[str, Any], value: bool | str) -> str | None:
    """Return what a definition attaches to a value, as JSON text."""
    payload = _payloads(raw).get(value if isinstance(value, str) else str(value).lower())
    if payload is None or isinstance(payload, str):
        return payload
    return json.dumps(payload, separators=(",", ":"))


def _payloads(raw: Mapping[str, Any]) -> dict[str, Any]:
    filters = raw.get("filters")
    payloads = filters.get("payloads") if isinstance(filters, dict) else None
    return payloads if isinstance(payloads, dict) else {}


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
