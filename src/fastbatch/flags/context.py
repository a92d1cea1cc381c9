"""One evaluation: what is looked up in it, and what need not be found out twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, Final, NamedTuple, TypeAlias

from fastbatch.flags.doubt import Doubt
from fastbatch.flags.evaluation import Evaluation
from fastbatch.flags.subject import Subject

__all__ = ["IMPLICIT", "MISSING", "Audience", "Context", "Matcher"]

MISSING: Final = object()
"""In place of a property that is not known."""

IMPLICIT: Final = frozenset({"distinct_id", "$group_key"})
"""Properties that a subject has without being told."""


class Audience(NamedTuple):
    """Those whom a condition speaks of: the person, the person's device, or one of the groups."""

    properties: Mapping[str, Any]
    bucket: bytes
    """The id that is hashed."""
    is_group: bool = False


class Context:
    """
    A subject, and what its flags share while they are evaluated.

    Args:
        subject: For whom.
        now: When; None for the time at which a flag first asks.
        implicit: Whether any condition looks at `IMPLICIT` properties: only then are the given ones copied.
    """

    __slots__ = ("_groups", "_now", "implicit", "person", "subject", "values")

    def __init__(self, subject: Subject, now: datetime | None, implicit: bool) -> None:
        self.subject = subject
        self.implicit = implicit
        self.values: dict[str, Evaluation] = {}
        """Of flags that others depend on."""
        self._groups: dict[str, Audience | None] | None = None
        self._now = now
        properties = subject.person_properties
        if implicit and "distinct_id" not in properties:
            properties = {**properties, "distinct_id": subject.distinct_id}
        self.person = Audience(properties, _bytes(subject.distinct_id))

    def device(self) -> Audience | None:
        """Return the person as one of its devices; None when that is not known."""
        device = self.subject.device_id
        return Audience(self.person.properties, _bytes(device)) if device else None

    def group(self, kind: str) -> Audience | None:
        """Return the subject's group of a type; None when it has none."""
        groups = self._groups
        if groups is None:
            groups = self._groups = {}
        if kind not in groups:
            groups[kind] = self._group(kind)
        return groups[kind]

    def _group(self, kind: str) -> Audience | None:
        if kind not in self.subject.groups:
            return None
        key = self.subject.groups[kind]
        properties = self.subject.group_properties.get(kind) or {}
        if self.implicit and "$group_key" not in properties:
            properties = {**properties, "$group_key": key}
        return Audience(properties, _bytes(key), is_group=True)

    def now(self) -> datetime:
        """Return the time of this evaluation, the same for all its flags."""
        if self._now is None:
            self._now = datetime.now(timezone.utc)
        return self._now


Matcher: TypeAlias = Callable[[Mapping[str, Any], Context], "bool | Doubt"]
"""A filter, made ready: whether properties meet it, or why that cannot be said."""


def _bytes(identifier: object) -> bytes:
    return (identifier if isinstance(identifier, str) else str(identifier)).encode()
