"""`capture`: the call that is made once an event, in both of its forms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, overload
from uuid import UUID

from fastbatch.client import Client
from fastbatch.core.quick_capture import capture_quickly
from fastbatch.errors import FieldError
from fastbatch.messages import Capture
from fastbatch.messages.checks import Id
from fastbatch.posthog.arguments import NOT_GIVEN, capture_arguments
from fastbatch.posthog.contexts import get_context_distinct_id
from fastbatch.posthog.ids import new_uuid
from fastbatch.posthog.people import Properties, Time, id_text, with_tags
from fastbatch.posthog.scope import CURRENT
from fastbatch.posthog.tracing import span_properties

__all__ = ["Capturing"]


class Capturing(ABC):
    """What a `Posthog` does most."""

    client: Client
    _traces: bool
    _may_be_quick: bool
    """Whether nothing is asked of a common call but to be sent."""

    @abstractmethod
    def _send(self, message: Capture) -> str | None:
        """Enqueue a message whose uuid and time are still as the program gave them."""

    @abstractmethod
    def _refuse(self, why: str) -> None:
        """Count and log a call that makes no event."""

    @abstractmethod
    def _count_disabled(self) -> None:
        """Count a call of a disabled client."""

    @abstractmethod
    def advise_of(self, call: str, unknown: Iterable[str]) -> None:
        """Tell of arguments that a call has not."""

    @property
    @abstractmethod
    def disabled(self) -> bool:
        """Whether calls do nothing."""

    @abstractmethod
    def _of_flags(self, *arguments: Any) -> dict[str, Any]:
        """Return what an event says of flags."""

    @abstractmethod
    def forgives(self, call: str, error: Exception) -> bool:
        """Note an error; False when it must be raised."""

    @overload
    def capture(
        self,
        event: str,
        /,
        *,
        distinct_id: Id | None = None,
        properties: Properties | None = None,
        timestamp: Time | None = None,
        uuid: str | UUID | None = None,
        groups: Mapping[str, Any] | None = None,
        flags: Any = None,
        send_feature_flags: bool | Mapping[str, Any] | None = None,
        disable_geoip: bool | None = None,
    ) -> str | None: ...
    @overload
    def capture(
        self,
        distinct_id: Id,
        event: str,
        /,
        properties: Properties | None = None,
        context: Properties | None = None,
        timestamp: Time | None = None,
        uuid: str | UUID | None = None,
        groups: Mapping[str, Any] | None = None,
        send_feature_flags: bool | Mapping[str, Any] | None = None,
        disable_geoip: bool | None = None,
        *,
        flags: Any = None,
    ) -> str | None: ...
    @overload
    def capture(
        self,
        distinct_id: Id | None = None,
        /,
        *,
        event: str,
        properties: Properties | None = None,
        timestamp: Time | None = None,
        uuid: str | UUID | None = None,
        groups: Mapping[str, Any] | None = None,
        flags: Any = None,
        send_feature_flags: bool | Mapping[str, Any] | None = None,
        disable_geoip: bool | None = None,
    ) -> str | None: ...
    @overload
    def capture(
        self,
        *,
        event: str,
        distinct_id: Id | None = None,
        properties: Properties | None = None,
        timestamp: Time | None = None,
        uuid: str | UUID | None = None,
        groups: Mapping[str, Any] | None = None,
        flags: Any = None,
        send_feature_flags: bool | Mapping[str, Any] | None = None,
        disable_geoip: bool | None = None,
    ) -> str | None: ...
    def capture(  # noqa: PLR0913, PLR0917 - programs give them by position
        self,
        first: Any = NOT_GIVEN,
        second: Any = NOT_GIVEN,
        properties: Properties | None = None,
        context: Any = None,  # noqa: ARG002 - nothing has read it since posthog 3.12
        timestamp: Any = None,
        uuid: Any = None,
        groups: Mapping[str, Any] | None = None,
        send_feature_flags: Any = None,
        disable_geoip: bool | None = None,
        *more: Any,
        event: Any = NOT_GIVEN,
        distinct_id: Any = NOT_GIVEN,
        flags: Any = None,
        **unknown: Any,
    ) -> str | None:
        """
        Report that something happened: ``capture(event, distinct_id=..., properties=...)``.

        Also ``capture(distinct_id, event, properties)``, as it was until posthog 5; `fastbatch.posthog.arguments` says
        how the two are told apart.

        Args:
            distinct_id: Who did it. None is the current context's person; when that has none either, the event gets a
                random id and says that it is no person's: ``$process_person_profile`` is False.
            properties: What else there is to say; tags of the current context are added.
            timestamp: When it happened; None is now.
            uuid: The event's id; None makes one. One that is no UUID is replaced.
            groups: Key of the group of each type that the event belongs to.
            flags: What `evaluate_flags` returned: its values become properties.
            send_feature_flags: True or options: evaluates the flags now. Older than ``flags``, and slower.
            disable_geoip: Whether the server must not look up where it came from; None is the client's setting.

        Returns:
            The event's uuid; None when it was refused, or when the client is disabled.
        """
        try:
            if (
                self._may_be_quick
                and event is NOT_GIVEN
                and flags is None
                and uuid is None
                and timestamp is None
                and groups is None
                and disable_geoip is None
                and not send_feature_flags
                and not (more or unknown)
                and type(properties) is dict
                and CURRENT.get() is None
            ):
                # The commonest call, without a step that it can do without.
                if second is NOT_GIVEN:
                    name, person = first, distinct_id
                else:
                    name, person = second, first if distinct_id is NOT_GIVEN else None
                if type(name) is str and type(person) is str and person:
                    made = new_uuid()
                    is_taken = capture_quickly(self.client, made, person, name, properties)
                    if is_taken is not None:
                        return made if is_taken else None
            if self.disabled:
                self._count_disabled()
                return None
            if more or unknown:
                self._leave_out(more, unknown)
            event, distinct_id = self._meant(first, second, event, distinct_id)
            person, given = self._about(distinct_id, properties)
            if flags is not None or send_feature_flags:
                asked = send_feature_flags, id_text(person), groups, disable_geoip, flags
                given = {**self._of_flags(*asked), **given}
            message = Capture(event=event, distinct_id=person, properties=given, groups=groups or None)
            message.timestamp, message.uuid, message.disable_geoip = timestamp, uuid, disable_geoip
            return self._send(message)
        except Exception as error:
            if not self.forgives("capture", error):
                raise
            return None

    def _about(self, distinct_id: Any, properties: Properties | None) -> tuple[Any, dict[str, Any]]:
        """Return who an event is about, and what it says with all that the context says."""
        given = with_tags(properties)
        if distinct_id is None or distinct_id == "":
            distinct_id = get_context_distinct_id() or None
        if distinct_id is None:
            distinct_id = new_uuid()
            given.setdefault("$process_person_profile", False)
        return distinct_id, {**span_properties(), **given} if self._traces else given

    def _leave_out(self, more: tuple[Any, ...], unknown: Iterable[str]) -> None:
        if more:
            raise TypeError(f"capture() takes at most 9 arguments by position, and {9 + len(more)} were given")
        self.advise_of("capture", unknown)

    def _meant(self, first: Any, second: Any, event: Any, distinct_id: Any) -> tuple[Any, Any]:
        try:
            return capture_arguments(first, second, event, distinct_id)
        except FieldError as error:
            self._refuse(f"{error.kind}.{error.field}")
            raise
