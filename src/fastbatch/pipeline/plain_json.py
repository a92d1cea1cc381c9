"""
JSON in plain Python: the readable model of what the fast encoder writes, byte for byte.

It is used where orjson is missing, and for what orjson refuses: keys that are no text, integers beyond 64 bits, lone
surrogates. It is also what knows the path of a value that has no JSON form.
"""

from __future__ import annotations

import json.encoder
import re
from collections.abc import Callable, Iterator
from enum import EnumMeta
from typing import Any

from fastbatch.errors import UnserializableError
from fastbatch.pipeline.coerce import coerce

__all__ = ["MAX_DEPTH", "encode_plainly", "title"]

MAX_DEPTH = 254
"""How many objects and arrays may stand in one another: orjson's own limit. Like orjson we do not count tuples."""

_MAX_COERCIONS = 255
_MAX_PATH_LENGTH = 120
_SURROGATE = re.compile("[\ud800-\udfff]")

_TYPES_WITH_JSON_FORM = "of a type that has a JSON form"
_KEY_TYPES = "a dict whose keys are text, numbers, None or coerced to one of these"


class _Refusal(Exception):  # noqa: N818 - never leaves this file; `UnserializableError` does
    """A value has no JSON form; each level that the exception passes adds its step to the path, innermost first."""

    def __init__(self, kind: type, allowed: str) -> None:
        super().__init__(allowed)
        self.kind = kind
        self.allowed = allowed
        self.path: list[str | int] = []


def encode_plainly(fields: dict[str, Any], kind: str) -> bytes:
    """
    Return ``fields`` as one JSON object: compact, UTF-8.

    Raises:
        UnserializableError: Names the path and the type of a value that has no JSON form.
    """
    parts: list[str] = []
    try:
        _write(fields, parts.append, MAX_DEPTH)
    except _Refusal as refusal:
        path = _path_text(refusal.path)
        raise UnserializableError(title(kind), path, refusal.kind, refusal.allowed) from refusal.__cause__
    except RecursionError as error:
        allowed = "nested less deeply, or encoded by a caller that is"
        raise UnserializableError(title(kind), "fields", dict, allowed) from error
    return "".join(parts).encode()


def _write(value: object, put: Callable[[str], object], room: int) -> None:
    if type(value) not in _BUILTINS:
        value = _as_builtin(value)
    text_of = _SCALARS.get(type(value))
    if text_of is not None:
        put(text_of(value))
        return
    room -= type(value) is not tuple
    if room < 0:
        raise _Refusal(type(value), f"without a cycle and nested at most {MAX_DEPTH} deep")
    steps = _object_steps(value) if isinstance(value, dict) else _array_steps(value)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    put(opening)
    separator = ""
    for prefix, step, item in steps:
        put(separator + prefix)
        separator = ","
        try:
            _write(item, put, room)
        except _Refusal as refusal:
            refusal.path.append(step)
            raise
    put(closing)


def _object_steps(value: dict[Any, Any]) -> Iterator[tuple[str, str | int, object]]:
    # Copied first, so that another thread's changes cannot come in between. Of keys with the same text the last wins.
    named = {_key_text(key): item for key, item in tuple(value.items())}
    for name, item in named.items():
        yield _quoted(name) + ":", name, item


def _array_steps(value: Any) -> Iterator[tuple[str, str | int, object]]:
    for index, item in enumerate(tuple(value)):
        yield "", index, item


def _as_builtin(value: object) -> object:
    for _ in range(_MAX_COERCIONS + 1):
        if type(value) in _BUILTINS:
            return value
        value = _step_nearer(value)
    raise _Refusal(type(value), _TYPES_WITH_JSON_FORM)


def _step_nearer(value: object) -> object:
    kind = type(value)
    # As orjson does: an Enum comes before the builtin that it derives from, and a subclass is read past its overrides.
    if type(kind) is not EnumMeta:
        for builtin, read in _READ_SUBCLASS.items():
            if issubclass(kind, builtin):
                return read(value)
    try:
        return coerce(value)
    except Exception as error:
        raise _Refusal(kind, _TYPES_WITH_JSON_FORM) from error


def _key_text(key: object) -> str:
    scalar = key if type(key) is str else _as_builtin(key)
    if isinstance(scalar, str):
        return _well_formed(scalar)
    text_of = _SCALARS.get(type(scalar))
    if text_of is None:
        raise _Refusal(type(key), _KEY_TYPES)
    return text_of(scalar)


def _well_formed(text: str) -> str:
    """Return ``text`` with surrogate pairs joined and lone surrogates replaced by U+FFFD."""
    if text.isascii() or not _SURROGATE.search(text):  # nearly always
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


_escaped = json.encoder.encode_basestring  # In C where CPython has it; it escapes what orjson escapes, and so


def _quoted(text: str) -> str:
    return _escaped(_well_formed(text))


def _integer_text(value: int) -> str:
    try:
        return int.__repr__(value)
    except ValueError as error:  # Python refuses thousands of digits
        raise _Refusal(int, "an integer of fewer digits") from error


def _float_text(value: float) -> str:
    """Return the shortest digits that read back as ``value``, in orjson's layout, which differs below 0.0001."""
    if value - value != 0:  # not finite
        return "null"
    text = float.__repr__(value)
    mantissa, minus, exponent = text.partition("e-")
    if not minus:
        return text
    if exponent != "05":
        return f"{mantissa}e-{exponent.lstrip('0')}"
    sign = "-" if value < 0 else ""
    return f"{sign}0.0000{mantissa.lstrip('-').replace('.', '')}"


def _step_text(step: str | int) -> str:
    return f".{step}" if isinstance(step, str) and step.isprintable() else f"[{step!r}]"


def _path_text(steps: list[str | int]) -> str:
    path = "".join(map(_step_text, reversed(steps))).removeprefix(".")
    if len(path) <= _MAX_PATH_LENGTH:
        return path
    half = _MAX_PATH_LENGTH // 2
    return f"{path[:half]}...{path[-half:]}"


def title(kind: str) -> str:
    """Return the name of a kind of message in errors: ``GroupIdentify`` for ``group_identify``."""
    return "".join(word[:1].upper() + word[1:] for word in kind.split("_"))


_SCALARS: dict[type, Callable[[Any], str]] = {
    str: _quoted,
    int: _integer_text,
    float: _float_text,
    bool: lambda value: "true" if value else "false",
    type(None): lambda value: "null",  # noqa: ARG005 - all of them take a value
}

_BUILTINS = frozenset({*_SCALARS, dict, list, tuple})

_READ_SUBCLASS: dict[type, Callable[[Any], object]] = {
    str: str.__str__,
    int: int.__int__,
    dict: lambda value: dict(dict.items(value)),
    list: lambda value: list(list.__iter__(value)),
}
