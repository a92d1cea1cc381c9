"""The traits of a user or a group."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from fastbatch.messages.builder import Builder

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Traits"]


class Traits(Builder):
    """
    What is known of a user or a group.

    Shape:
        ``Traits().set_first_name("Ada").set("plan", "pro")`` is ``{"firstName": "Ada", "plan": "pro"}``
    """

    __slots__ = ()

    def set_address(self, address: str | Mapping[str, Any]) -> Self:
        return self.set("address", address)

    def set_age(self, age: int) -> Self:
        return self.set("age", age)

    def set_avatar(self, avatar: str) -> Self:
        return self.set("avatar", avatar)

    def set_birthday(self, birthday: date | str) -> Self:
        return self.set("birthday", birthday)

    def set_created_at(self, created_at: datetime | str) -> Self:
        return self.set("createdAt", created_at)

    def set_description(self, description: str) -> Self:
        return self.set("description", description)

    def set_email(self, email: str) -> Self:
        return self.set("email", email)

    def set_first_name(self, first_name: str) -> Self:
        return self.set("firstName", first_name)

    def set_gender(self, gender: str) -> Self:
        return self.set("gender", gender)

    def set_last_name(self, last_name: str) -> Self:
        return self.set("lastName", last_name)

    def set_name(self, name: str) -> Self:
        return self.set("name", name)

    def set_phone(self, phone: str) -> Self:
        return self.set("phone", phone)

    def set_title(self, title: str) -> Self:
        return self.set("title", title)

    def set_username(self, username: str) -> Self:
        return self.set("username", username)

    def set_website(self, website: str) -> Self:
        return self.set("website", website)
