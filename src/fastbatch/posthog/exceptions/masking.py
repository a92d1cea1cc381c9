"""
Any value as plain JSON values in which nothing secret is left.

What cannot be looked through is hidden rather than shown: too long, too deep, too large, a name or a text that matches.
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
from collections.abc import Iterable
from typing import Any

from fastbatch.posthog.exceptions.patterns import Patterns
from fastbatch.posthog.exceptions.secrets import (
    REDACTED,
    looks_secret,
    without_authorization,
    without_url_credentials,
)

__all__ = ["TOO_LONG", "Mask"]

TOO_LONG = "$$_posthog_value_too_long_$$"
_CIRCULAR = "<circular ref>"
_NOT_VOUCHED_FOR = (REDACTED, TOO_LONG, _CIRCULAR)

LONGEST_TEXT = 2048
MOST_ITEMS = 50
MOST_DEPTH = 12
MOST_NODES = 100
"""Of one value; depth and items alone allow more of them than can be looked at."""

_UNSHOWN = object()
_PACKAGE = __name__.partition(".")[0]

_NAME = re.compile(r"[\w.\-]+")
_METHODS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
    classmethod,
    staticmethod,
    type,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Mask:
    """
    Args:
        hidden: Names and texts that are not shown.
        hides_url_credentials: Whether ``user:password`` of URLs is hidden.
        hides_secrets: Whether texts that look like a credential are hidden.
    """

    hidden: Patterns
    hides_url_credentials: bool = True
    hides_secrets: bool = True

    def apply(self, value: object) -> Any:
        """Return ``value`` masked."""
        return _Walk(self).masked(value, 0)

    def text(self, text: str) -> str:
        """Return a text masked."""
        return TOO_LONG if len(text) > LONGEST_TEXT else self._short_text(text)

    def shown_as(self, value: object) -> str:
        """Return ``repr(value)`` masked, for what has no parts to look at."""
        try:
            text = repr(value)
        except Exception:  # noqa: BLE001 - its own code
            return f"<{type(value).__qualname__}>"
        return REDACTED if len(text) > LONGEST_TEXT else self._short_text(text)

    def _short_text(self, text: str) -> str:
        if self.hidden.match(text) or self.is_secret(text):
            return REDACTED
        return self.without_credentials(text)

    def is_secret(self, text: str) -> bool:
        return self.hides_secrets and looks_secret(text)

    def without_credentials(self, text: str) -> str:
        # URLs first: the other may take a URL's scheme for a credential.
        return without_authorization(without_url_credentials(text) if self.hides_url_credentials else text)


class _Walk:
    """One value's parts, each looked at once."""

    def __init__(self, mask: Mask, seen: set[int] | None = None) -> None:
        self._mask = mask
        self._seen = seen if seen is not None else set()
        self._own: set[int] = set()

    def masked(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._mask.text(str.__str__(value))
        if value is None or isinstance(value, (bool, int, float)):
            return _number(value)
        if depth >= MOST_DEPTH:
            return TOO_LONG
        if id(value) in self._seen or id(value) in self._own:
            return _CIRCULAR
        self._own.add(id(value))
        return TOO_LONG if len(self._seen) + len(self._own) > MOST_NODES else self._parts(value, depth)

    def _parts(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            return TOO_LONG if len(value) > MOST_ITEMS else self._mapping(value.items(), depth)
        names: Any = getattr(value, "_fields", None) if isinstance(value, tuple) else None
        if names is not None:
            return self._named(zip(names, value, strict=False), value, len(value), depth)
        if isinstance(value, (list, tuple)):
            return TOO_LONG if len(value) > MOST_ITEMS else [self.masked(item, depth + 1) for item in value]
        attributes = _attributes(value)
        if attributes is not None:
            return self._named(attributes.items(), value, len(attributes), depth)
        # Its repr may show what its class holds.
        hidden = self._hidden_members(type(value))
        return {**hidden, "__class__": type(value).__qualname__} if hidden else self._mask.shown_as(value)

    def _named(self, items: Iterable[tuple[Any, Any]], value: object, count: int, depth: int) -> Any:
        if count > MOST_ITEMS:
            return TOO_LONG
        return {**self._mapping(items, depth), "__class__": type(value).__qualname__}

    def _mapping(self, items: Iterable[tuple[Any, Any]], depth: int) -> dict[Any, Any]:
        masked: dict[Any, Any] = {}
        for key, value in items:
            try:
                text = key if isinstance(key, str) else str(key)
            except Exception:  # noqa: BLE001 - its own code
                masked[_placeholder(masked)] = REDACTED
                continue
            if len(text) > LONGEST_TEXT:
                masked[_placeholder(masked)] = TOO_LONG
                continue
            is_hidden = self._mask.hidden.match(text)
            shown = self._key(key, text, depth, is_hidden=is_hidden)
            if shown is _UNSHOWN or shown in masked:
                shown = _placeholder(masked)
            masked[shown] = REDACTED if is_hidden else self.masked(value, depth + 1)
        return masked

    def _key(self, key: object, text: str, depth: int, *, is_hidden: bool) -> Any:
        """Return what stands for a key; `_UNSHOWN` where its text must not be shown."""
        is_plain = key is None or isinstance(key, (str, int)) or (isinstance(key, float) and math.isfinite(key))
        is_name = is_plain and (not isinstance(key, str) or _NAME.fullmatch(text) is not None)
        if (is_hidden and not is_name) or self._mask.is_secret(text):
            return _UNSHOWN
        if not is_plain and not self._vouches_for(key, depth):
            return _UNSHOWN
        return self._mask.without_credentials(text) if isinstance(key, str) or not is_plain else key

    def _vouches_for(self, key: object, depth: int) -> bool:
        """Return whether no part of a key that is no plain value needs hiding; its text would show them all."""
        walk = _Walk(self._mask, self._seen | self._own)
        try:
            shown = str(walk.masked(key, depth + 1))
        except Exception:  # noqa: BLE001 - the key's own code
            return False
        return not any(marker in shown for marker in _NOT_VOUCHED_FOR)

    def _hidden_members(self, kind: type) -> dict[str, str]:
        """Return the members of a class that hold a value and have a hidden name; their values are not asked for."""
        hidden: dict[str, str] = {}
        for each in kind.__mro__:
            for name, member in vars(each).items():
                if not isinstance(member, _METHODS) and self._mask.hidden.match(name):
                    hidden[name] = REDACTED
        return hidden


def _number(value: float | None) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    return float(value) if math.isfinite(value) else str(float(value))


def _attributes(value: object) -> dict[str, Any] | None:
    """Return what an object holds by name; None where that is unknown or nothing."""
    if isinstance(value, type) or type(value).__module__.partition(".")[0] == _PACKAGE:
        return None  # a client of ours holds keys, under names that are nobody's business
    try:
        if dataclasses.is_dataclass(value):
            return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        held = getattr(value, "__dict__", None)
    except Exception:  # noqa: BLE001 - its own code
        return None
    return dict(held) if isinstance(held, dict) and held else None


def _placeholder(masked: dict[Any, Any]) -> str:
    number = 0
    while (name := f"$$_posthog_redacted_key_{number}_$$") in masked:
        number += 1
    return name
