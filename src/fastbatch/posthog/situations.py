"""The functions of contexts as methods of a client, whose contexts report exceptions to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastbatch.posthog import contexts

__all__ = ["Situations"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Situations:
    """What `fastbatch.posthog.contexts` offers; the contexts are those of every client."""

    def new_context(self: Any, fresh: bool = False, capture_exceptions: bool | None = None) -> contexts.new_context:
        """Open a context for a ``with`` block; see `fastbatch.posthog.contexts.new_context`."""
        return contexts.new_context(fresh, capture_exceptions, self)

    def scoped(
        self: Any, fresh: bool = False, capture_exceptions: bool | None = None
    ) -> Callable[[_Function], _Function]:
        """Decorate a function: each call has a context of its own."""
        return contexts.scoped(fresh, capture_exceptions, self)

    tag = staticmethod(contexts.tag)
    get_tags = staticmethod(contexts.get_tags)
    identify_context = staticmethod(contexts.identify_context)
    set_context_session = staticmethod(contexts.set_context_session)
    set_context_device_id = staticmethod(contexts.set_context_device_id)
