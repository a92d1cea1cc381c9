"""For whom a flag is evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["Subject"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Subject(NamedTuple):
    """
    A person, perhaps on a device and in groups, with what is known about them.

    ``distinct_id`` counts as a person property and ``$group_key`` as a property of its group, unless given; nothing
    else is ever looked up. The mappings are read, never changed and never kept.

    A tuple, because one is made for every evaluation, and making a frozen dataclass takes as long as evaluating a flag.

    Args:
        distinct_id: The person.
        device_id: What flags that are bucketed by device are bucketed by.
        groups: The key of the subject's group, by type of group.
        person_properties: Those that the conditions of flags may ask for.
        group_properties: The same of groups, by type of group.
    """

    distinct_id: str
    device_id: str | None = None
    groups: Mapping[str, str] = _NOTHING
    person_properties: Mapping[str, Any] = _NOTHING
    group_properties: Mapping[str, Mapping[str, Any]] = _NOTHING
