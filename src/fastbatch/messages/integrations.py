"""The destinations of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbatch.messages.builder import Builder

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Integrations"]


class Integrations(Builder):
    """
    Where the server sends a message on to.

    Shape:
        ``Integrations().disable_all().enable("Amplitude")`` is ``{"All": false, "Amplitude": true}``
    """

    __slots__ = ()

    def enable_all(self) -> Self:
        return self.enable("All")

    def disable_all(self) -> Self:
        return self.disable("All")

    def enable(self, name: str) -> Self:
        return self.set(name, True)

    def disable(self, name: str) -> Self:
        return self.set(name, False)
