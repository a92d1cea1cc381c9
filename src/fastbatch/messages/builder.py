"""A dict whose setters can be chained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Builder"]


class Builder(dict[str, Any]):
    """
    A dict, so that it stands wherever a plain one does; each setter returns the builder itself.

    Thread safety:
        That of a dict.
    """

    __slots__ = ()

    def set(self, name: str, value: Any) -> Self:
        """Set what has no setter of its own."""
        self[name] = value
        return self
