"""One level of context, and which one is current: each thread has its own, a task starts with its creator's."""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import Any

__all__ = ["CURRENT", "Scope", "leave"]


class Scope:
    """
    What one ``with`` block says. What it does not say is for the scope around it to say, unless it is fresh.

    Args:
        outer: The scope around it.
        is_fresh: True to inherit nothing from it.
    """

    __slots__ = ("_parent", "outer", "tags", "values")

    def __init__(self, outer: Scope | None, *, is_fresh: bool) -> None:
        self.outer = outer
        self._parent = None if is_fresh else outer
        self.tags: dict[str, Any] = {}
        self.values: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """Return the nearest value of ``name``, None when nobody set one."""
        scope: Scope | None = self
        while scope is not None:
            value = scope.values.get(name)
            if value is not None:
                return value
            scope = scope._parent  # noqa: SLF001 - our own kind
        return None

    def all_tags(self) -> dict[str, Any]:
        """Return the tags of this scope and those around it, the inner ones winning, as a dict of the caller's own."""
        chain: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            chain.append(scope)
            scope = scope._parent  # noqa: SLF001 - our own kind
        tags: dict[str, Any] = {}
        for each in reversed(chain):
            tags.update(each.tags)
        return tags


CURRENT: ContextVar[Scope | None] = ContextVar("fastbatch_posthog_scope", default=None)
"""The innermost scope; None outside any."""


def leave(scope: Scope) -> None:
    """Have ``scope`` be no longer around what runs; nothing happens where it is not, as in another task."""
    current = CURRENT.get()
    if current is scope:
        CURRENT.set(scope.outer)
        return
    # It ends before one within it, as that of a generator may: the inner one then ends in what is around both.
    while current is not None and current.outer is not scope:
        current = current.outer
    if current is not None:
        current.outer = scope.outer


def _forget_after_fork() -> None:
    # A worker that was forked while a request was handled does not work for that request's user.
    CURRENT.set(None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
