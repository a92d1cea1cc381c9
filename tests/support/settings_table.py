"""What can be said of each setting without a person: what docs/guide/configuration.md has to say."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any, NamedTuple

from fastbatch import config, dialects
from fastbatch.config import Config
from fastbatch.rules import RULES
from fastbatch.typing import Limits

DIALECTS = {"Segment": dialects.Segment(), "RudderStack": dialects.RudderStack(), "PostHog": dialects.PostHog()}


class Facts(NamedTuple):
    """The first columns of one row, as Markdown."""

    name: str
    default: str
    allowed: str
    environment: str


def facts() -> list[Facts]:
    """Return the rows, in the order of `Config`."""
    return [
        Facts(f"`{field.name}`", _default(field), _allowed(field.name), _environment(field.name))
        for field in dataclasses.fields(Config)
    ]


def _default(field: dataclasses.Field[Any]) -> str:
    if field.name in Limits._fields:
        values = {name: getattr(dialect.limits, field.name) for name, dialect in DIALECTS.items()}
        if len(set(values.values())) == 1:
            return _number(next(iter(values.values())))
        return ", ".join(f"{name} {_number(value)}" for name, value in values.items())
    if isinstance(field.default, logging.Logger):
        return f'`logging.getLogger("{field.default.name}")`'
    if callable(field.default):
        return f"`{field.default.__module__}.{field.default.__name__}`"
    if isinstance(field.default, (int, float)) and not isinstance(field.default, bool):
        return _number(field.default)
    text = f'"{field.default}"' if isinstance(field.default, str) else repr(field.default)
    return f"`{text}`" if isinstance(field.default, str) else text


def _number(value: float) -> str:
    return f"{value:,}".replace(",", " ")


def _allowed(name: str) -> str:
    _, allowed = RULES[name]
    return allowed.replace("'", "`") if "one of" in allowed else allowed


def _environment(name: str) -> str:
    kinds = {
        "number": config._INTEGERS | config._SECONDS,
        "true, false": config._BOOLEANS,
        "JSON": config._OBJECTS,
        "text": config._TEXTS,
    }
    return next((kind for kind, names in kinds.items() if name in names), "no")
