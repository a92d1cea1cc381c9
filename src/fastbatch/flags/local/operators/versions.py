"""The ``semver_`` operators: each allows the versions of a range, or all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastbatch.flags.local.context import MISSING, Context, Matcher
from fastbatch.flags.local.doubt import CONTEXT, Doubt
from fastbatch.flags.local.operators.maker import Maker, UnusableError
from fastbatch.flags.local.semver import Range, Version, version

__all__ = ["comparing", "ranging"]


def comparing(compare: Callable[[Version, Version], bool]) -> Maker:
    """Make the operator for ``compare(property, value)``."""

    def make(key: str, value: Any) -> Matcher:
        bound = _usable(version, value)
        return _matcher(key, lambda given: compare(given, bound))

    return make


def ranging(range_of: Callable[[str], Range]) -> Maker:
    """Make the operator for what a value like ``~1.2`` allows."""

    def make(key: str, value: Any) -> Matcher:
        low, high = _usable(range_of, value)
        return _matcher(key, lambda given: low <= given < high)

    return make


def _usable(parse: Callable[[str], Any], value: Any) -> Any:
    try:
        return parse(str(value))
    except ValueError as error:
        raise UnusableError("its value is no version") from error


def _matcher(key: str, allows: Callable[[Version], bool]) -> Matcher:
    """Return the matcher of a test; a property that is null meets none."""

    def match(properties: Mapping[str, Any], _: Context) -> bool | Doubt:
        given = properties.get(key, MISSING)
        if given is None:
            return False
        if given is MISSING:
            return CONTEXT
        try:
            parsed = version(str(given))
        except ValueError:
            return CONTEXT
        return allows(parsed)

    return match
