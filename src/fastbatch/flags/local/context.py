"""One evaluation: whom flags speak of, and what need not be found out twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, Final, TypeAlias

from fastbatch.flags.local.doubt import Doubt
from fastbatch.flags.local.evaluation import Evaluation
from fastbatch.flags.local.subject import Subject

__all__ = ["IMPLICIT", "MISSING", "Audience", "Context", "Matcher"]

MISSING: Final = object()
"""In place of a property that is not known."""

IMPLICIT: Final = frozenset({"distinct_id", "$group_key"})
"""Properties that a subject has without being told."""


class Audience:
    """
    Whom a condition speaks of: the person, the person's device, or one of the groups.

    Args:
        properties: What is known of them.
        identifier: What is hashed.
        is_group: Whether it is a group.
    """

    __slots__ = ("bucket", "is_group", "properties")

    def __init__(self, properties: Mapping[str, Any], identifier: object, is_group: bool = False) -> None:
        self.properties = properties
        self.bucket = _bucket(identifier)
        self.is_group = is_group


def _bucket(identifier: object) -> bytes:
    # Ids may be numbers, which are hashed as their text.
    return identifier.encode() if isinstance(identifier, str) else str(identifier).encode()


class Context(Audience):
    """
    A subject, and what its flags share while they are evaluated; as an audience, the person.

    Args:
        subject: For whom.
        now: When; None for the time at which a flag first asks.
        implicit: Whether any filter looks at `IMPLICIT` properties: only then are the given ones copied.
    """

    __slots__ = ("_groups", "_now", "implicit", "subject", "values")

    def __init__(self, subject: Subject, now: datetime | None, implicit: bool) -> None:
        properties = subject.person_properties
        if implicit and "distinct_id" not in properties:
            properties = {**properties, "distinct_id": subject.distinct_id}
        # Not by the other class's constructor: that call would be a tenth of evaluating a flag of a rollout.
        self.properties = properties
        identifier = subject.distinct_id
        self.bucket = identifier.encode() if type(identifier) is str else _bucket(identifier)
        self.is_group = False
        self.subject = subject
        self.implicit = implicit
        self.values: dict[str, Evaluation] = {}
        """Of flags that others depend on."""
        self._groups: dict[str, Audience | None] | None = None
        self._now = now

    def device(self) -> Audience | None:
        """Return the person as one of its devices; None when that is not known."""
        device = self.subject.device_id
        return Audience(self.properties, device) if device else None

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
        return Audience(properties, key, is_group=True)

    def now(self) -> datetime:
        """Return the time of this evaluation, the same for all its flags."""
        if self._now is None:
            self._now = datetime.now(timezone.utc)
        return self._now


Matcher: TypeAlias = Callable[[Mapping[str, Any], Context], "bool | Doubt"]
"""A filter, made ready: whether properties meet it, or why that cannot be said."""
