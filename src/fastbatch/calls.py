"""The calls named after messages, in the argument orders of the Python peers; each makes a message and enqueues it."""
# ruff: noqa: PLR0913, PLR0917 - the peers' programs give them by position

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastbatch.messages import Alias, Group, Identify, Page, Screen, Track
from fastbatch.messages.checks import Id
from fastbatch.typing import Message

__all__ = ["Calls"]


class Calls(ABC):
    """What a client offers besides `enqueue`."""

    @abstractmethod
    def enqueue(self, message: Message) -> bool:
        """Take a message for delivery."""

    def track(
        self,
        user_id: Id | None = None,
        event: str | None = None,
        properties: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        timestamp: datetime | str | None = None,
        anonymous_id: Id | None = None,
        integrations: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> bool:
        """
        Report that a user did something.

        Returns and raises as `enqueue` does; the arguments are those of `Track`.
        """
        return self.enqueue(
            Track(
                user_id=user_id,
                event=event,
                properties=properties,
                context=context,
                timestamp=timestamp,
                anonymous_id=anonymous_id,
                integrations=integrations,
                message_id=message_id,
            )
        )

    def identify(
        self,
        user_id: Id | None = None,
        traits: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        timestamp: datetime | str | None = None,
        anonymous_id: Id | None = None,
        integrations: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> bool:
        """Report who a user is; see `Identify` and `enqueue`."""
        return self.enqueue(
            Identify(
                user_id=user_id,
                traits=traits,
                context=context,
                timestamp=timestamp,
                anonymous_id=anonymous_id,
                integrations=integrations,
                message_id=message_id,
            )
        )

    def group(
        self,
        user_id: Id | None = None,
        group_id: Id | None = None,
        traits: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        timestamp: datetime | str | None = None,
        anonymous_id: Id | None = None,
        integrations: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> bool:
        """Report which group a user belongs to; see `Group` and `enqueue`."""
        return self.enqueue(
            Group(
                user_id=user_id,
                group_id=group_id,
                traits=traits,
                context=context,
                timestamp=timestamp,
                anonymous_id=anonymous_id,
                integrations=integrations,
                message_id=message_id,
            )
        )

    def alias(
        self,
        previous_id: Id | None = None,
        user_id: Id | None = None,
        context: Mapping[str, Any] | None = None,
        timestamp: datetime | str | None = None,
        integrations: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> bool:
        """Report that two ids are one user; see `Alias` and `enqueue`."""
        return self.enqueue(
            Alias(
                previous_id=previous_id,
                user_id=user_id,
                context=context,
                timestamp=timestamp,
                integrations=integrations,
                message_id=message_id,
            )
        )

    def page(
        self,
        user_id: Id | None = None,
        category: str | None = None,
        name: str | None = None,
        properties: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        timestamp: datetime | str | None = None,
        anonymous_id: Id | None = None,
        integrations: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> bool:
        """Report that a user saw a page; see `Page` and `enqueue`."""
        return self.enqueue(
            Page(
                user_id=user_id,
                category=category,
                name=name,
                properties=properties,
                context=context,
                timestamp=timestamp,
                anonymous_id=anonymous_id,
                integrations=integrations,
                message_id=message_id,
            )
        )

    def screen(
        self,
        user_id: Id | None = None,
        category: str | None = None,
        name: str | None = None,
        properties: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        timestamp: datetime | str | None = None,
        anonymous_id: Id | None = None,
        integrations: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> bool:
        """Report that a user saw a screen of an app; see `Screen` and `enqueue`."""
        return self.enqueue(
            Screen(
                user_id=user_id,
                category=category,
                name=name,
                properties=properties,
                context=context,
                timestamp=timestamp,
                anonymous_id=anonymous_id,
                integrations=integrations,
                message_id=message_id,
            )
        )
