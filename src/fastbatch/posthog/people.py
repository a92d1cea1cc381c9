"""The calls that say something of a person or a group, and the older ones of the posthog package."""
# ruff: noqa: PLR0913, PLR0917 - programs give them by position

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from fastbatch.messages import Capture
from fastbatch.messages.checks import Id
from fastbatch.posthog.arguments import without_context
from fastbatch.posthog.contexts import get_context_distinct_id, get_context_session_id
from fastbatch.posthog.harmless import harmless, lenient
from fastbatch.posthog.ids import new_uuid
from fastbatch.posthog.scope import CURRENT

__all__ = ["People", "Properties", "Time", "with_tags"]

Properties: TypeAlias = "Mapping[str, Any]"
Time: TypeAlias = "datetime | str"
"""A datetime, or ISO 8601 text."""


class People(ABC):
    """Each returns the event's uuid, or None when there is no event."""

    @abstractmethod
    def _send(self, message: Capture) -> str | None:
        """Enqueue a message whose uuid and time are still as the program gave them."""

    @abstractmethod
    def _refuse(self, why: str) -> None:
        """Count and log a call that makes no event."""

    @abstractmethod
    def forgives(self, call: str, error: Exception) -> bool:
        """Note an error; False when it must be raised."""

    @harmless
    @lenient
    def set(
        self,
        distinct_id: Id | None = None,
        properties: Properties | None = None,
        context: Properties | None = None,  # noqa: ARG002 - nothing has read it since posthog 3.12
        timestamp: Time | None = None,
        uuid: str | UUID | None = None,
        disable_geoip: bool | None = None,
    ) -> str | None:
        """
        Set properties of a person: an event ``$set``. Without a person or without properties do nothing.

        The tags of the current context become properties of the person too.
        """
        distinct_id, given = _known_id(distinct_id), with_tags(properties)
        if distinct_id is None or not given:
            return None
        return self._send(
            Capture(
                event="$set",
                distinct_id=distinct_id,
                set=given,
                timestamp=timestamp,
                uuid=uuid,
                disable_geoip=disable_geoip,
            )
        )

    @harmless
    @lenient
    def set_once(
        self,
        distinct_id: Id | None = None,
        properties: Properties | None = None,
        context: Properties | None = None,  # noqa: ARG002 - the same
        timestamp: Time | None = None,
        uuid: str | UUID | None = None,
        disable_geoip: bool | None = None,
    ) -> str | None:
        """Set properties of a person that are not set yet: an event ``$set_once``; else as `set`."""
        distinct_id, given = _known_id(distinct_id), with_tags(properties)
        if distinct_id is None or not given:
            return None
        return self._send(
            Capture(
                event="$set_once",
                distinct_id=distinct_id,
                set_once=given,
                timestamp=timestamp,
                uuid=uuid,
                disable_geoip=disable_geoip,
            )
        )

    @harmless
    def identify(
        self,
        distinct_id: Id | None = None,
        properties: Properties | None = None,
        context: Properties | None = None,  # noqa: ARG002 - the same
        timestamp: Time | None = None,
        uuid: str | UUID | None = None,
        disable_geoip: bool | None = None,
    ) -> str | None:
        """Say who a person is: an event ``$identify``. The posthog package had it until version 5."""
        return self._send(
            Capture(
                event="$identify",
                system=False,
                distinct_id=distinct_id,
                set=properties or {},
                timestamp=timestamp,
                uuid=uuid,
                disable_geoip=disable_geoip,
            )
        )

    @harmless
    def group_identify(
        self,
        group_type: str,
        group_key: Id,
        properties: Properties | None = None,
        timestamp: Any = None,
        uuid: Any = None,
        disable_geoip: Any = None,
        distinct_id: Any = None,
        *older: Any,
        context: Properties | None = None,  # noqa: ARG002 - the same
    ) -> str | None:
        """
        Set properties of a group: an event ``$groupidentify``.

        Without a distinct id it is the context's person's, else nobody's in particular. Until posthog 5 a ``context``
        stood after the properties; such calls are understood.
        """
        timestamp, uuid, disable_geoip, distinct_id = without_context(
            (timestamp, uuid, disable_geoip, distinct_id, *older), 4
        )
        if not group_type or group_key in (None, ""):
            self._refuse("group_identify() without a group_type or a group_key")
            return None
        given = {"$group_type": group_type, "$group_key": group_key, "$group_set": dict(properties or ())}
        return self._send(
            Capture(
                event="$groupidentify",
                system=False,
                distinct_id=_known_id(distinct_id) or new_uuid(),
                properties={**given, **_session()},
                timestamp=timestamp,
                uuid=uuid,
                disable_geoip=disable_geoip,
            )
        )

    @harmless
    def alias(
        self,
        previous_id: Id,
        distinct_id: Id | None = None,
        timestamp: Any = None,
        uuid: Any = None,
        disable_geoip: Any = None,
        *older: Any,
        context: Properties | None = None,  # noqa: ARG002 - the same
    ) -> str | None:
        """
        Say that two ids are one person: an event ``$create_alias``.

        Without a distinct id it is the context's person. Until posthog 5 a ``context`` stood third; such calls are
        understood.
        """
        timestamp, uuid, disable_geoip = without_context((timestamp, uuid, disable_geoip, *older), 3)
        previous, known = id_text(previous_id), id_text(_known_id(distinct_id))
        if previous is None or known is None:
            self._refuse("alias() without a previous_id or a distinct_id")
            return None
        return self._send(
            Capture(
                event="$create_alias",
                system=False,
                distinct_id=previous,
                properties={"distinct_id": previous, "alias": known, **_session()},
                timestamp=timestamp,
                uuid=uuid,
                disable_geoip=disable_geoip,
            )
        )

    @harmless
    def page(
        self,
        distinct_id: Id | None = None,
        url: str | None = None,
        properties: Properties | None = None,
        context: Properties | None = None,  # noqa: ARG002 - the same
        timestamp: Time | None = None,
        uuid: str | UUID | None = None,
        disable_geoip: bool | None = None,
    ) -> str | None:
        """Report that a page was seen: an event ``$pageview``. The posthog package had it until version 5."""
        return self._seen("$pageview", "$current_url", url, distinct_id, properties, timestamp, uuid, disable_geoip)

    @harmless
    def screen(
        self,
        distinct_id: Id | None = None,
        name: str | None = None,
        properties: Properties | None = None,
        context: Properties | None = None,  # noqa: ARG002 - the same
        timestamp: Time | None = None,
        uuid: str | UUID | None = None,
        disable_geoip: bool | None = None,
    ) -> str | None:
        """Report that a screen of an app was seen: an event ``$screen``."""
        return self._seen("$screen", "$screen_name", name, distinct_id, properties, timestamp, uuid, disable_geoip)

    def _seen(
        self,
        event: str,
        name: str,
        what: str | None,
        distinct_id: Id | None,
        properties: Properties | None,
        timestamp: Time | None,
        uuid: str | UUID | None,
        disable_geoip: bool | None,
    ) -> str | None:
        if not isinstance(what, str) or not what:
            self._refuse(f"{event} without its {name}")
            return None
        return self._send(
            Capture(
                event=event,
                system=False,
                distinct_id=distinct_id,
                properties={**(properties or {}), name: what},
                timestamp=timestamp,
                uuid=uuid,
                disable_geoip=disable_geoip,
            )
        )


def with_tags(properties: Properties | None) -> dict[str, Any]:
    """Return properties and, where there is a context, what it says; the properties' own values win."""
    scope = CURRENT.get()
    if scope is None:
        return dict(properties or ())
    tags = scope.all_tags()
    merged = {**tags, **(properties or {}), "$context_tags": list(tags)}
    session = scope.get("session_id")
    if session:
        merged.setdefault("$session_id", session)
    return merged


def id_text(value: object) -> str | None:
    """Return an id as text, None where it is missing or empty."""
    return None if value is None else str(value) or None


def _known_id(distinct_id: Any) -> Any:
    """Return the id, the context's where it is missing, None where neither says who it is."""
    if distinct_id is None or distinct_id == "":
        return get_context_distinct_id() or None
    return distinct_id


def _session() -> dict[str, str]:
    session = get_context_session_id()
    return {"$session_id": str(session)} if session else {}
