"""The vendors' wires. To add one, write a file with a subclass of `BaseDialect` and name it in `_DIALECTS`."""

from __future__ import annotations

from collections.abc import Callable

from fastbatch.config import Config
from fastbatch.dialects.base import BaseDialect
from fastbatch.dialects.posthog import PostHog
from fastbatch.dialects.posthog_v1 import PostHogV1
from fastbatch.dialects.rudderstack import RudderStack
from fastbatch.dialects.segment import Segment
from fastbatch.errors import ConfigError
from fastbatch.typing import Dialect

__all__ = ["BaseDialect", "PostHog", "PostHogV1", "RudderStack", "Segment", "resolve"]

POSTHOG_SETTINGS = ("capture_mode", "historical_migration", "disable_geoip", "super_properties", "is_server")
"""Those of `Config` that mean something to PostHog alone."""


def _posthog(config: Config) -> PostHog:
    kind = PostHogV1 if config.capture_mode == "v1" else PostHog
    return kind(
        historical_migration=config.historical_migration,
        disable_geoip=config.disable_geoip is not False,
        super_properties=config.super_properties,
        is_server=config.is_server,
    )


_DIALECTS: dict[str, Callable[[Config], Dialect]] = {
    "segment": lambda _: Segment(),
    "rudderstack": lambda _: RudderStack(),
    "posthog": _posthog,
}


def resolve(dialect: str | Dialect, config: Config | None = None) -> Dialect:
    """
    Return a new dialect of that name, or the object itself.

    Args:
        dialect: As in `Config`.
        config: Where the dialect's own settings are; None is its defaults.

    Raises:
        ConfigError: For a name that no dialect has, a class in place of its instance, or a setting of another dialect.
    """
    config = config or Config()
    if isinstance(dialect, (str, type)) and dialect not in _DIALECTS:
        names = ", ".join(map(repr, _DIALECTS))
        raise ConfigError("dialect", dialect, f"one of {names}, or an object that follows the Dialect Protocol")
    if dialect != "posthog":
        _refuse_posthogs(config, isinstance(dialect, str))
    return _DIALECTS[dialect](config) if isinstance(dialect, str) else dialect


def _refuse_posthogs(config: Config, is_name: bool) -> None:
    for name in POSTHOG_SETTINGS:
        value = getattr(config, name)
        if value != Config.default_of(name):
            where = "with another dialect than 'posthog'" if is_name else "here: give it to the dialect's constructor"
            raise ConfigError(name, value, f"left out {where}")
