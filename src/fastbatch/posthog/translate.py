"""What a program gave as settings, sorted by whose they are."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from fastbatch.config import LOGGER, Config
from fastbatch.dialects.posthog import ingestion_host
from fastbatch.errors import ConfigError
from fastbatch.pipeline.notices import say
from fastbatch.posthog.outcomes import PerBatch
from fastbatch.posthog.settings import CAPTURE_MODES, FLAG_SETTINGS, NOT_OFFERED, OWN_SETTINGS, RENAMED, Rule

__all__ = ["Translated", "translated"]


class Translated(NamedTuple):
    """Three parts; the last two are complete, their defaults included."""

    client: dict[str, Any]
    """Settings of `Config`."""
    flags: dict[str, Any]
    own: dict[str, Any]


def translated(settings: Mapping[str, Any]) -> Translated:
    """
    Sort what a program gave.

    Raises:
        ConfigError: For a name that is no setting, a value that is not allowed, and two names for one thing.
    """
    client: dict[str, Any] = {"dialect": "posthog"}
    given_as: dict[str, str] = {}
    if "dialect" in settings:
        raise ConfigError("dialect", "<hidden>", "left out: a Posthog speaks PostHog's")
    for name, value in settings.items():
        if name in RENAMED or name in Config.names():
            _put(client, given_as, name, value)
        elif name in NOT_OFFERED:
            if value != NOT_OFFERED[name]:
                raise ConfigError(name, "<hidden>", f"{NOT_OFFERED[name]!r}: fastbatch does not offer this")
        elif name not in OWN_SETTINGS and name not in FLAG_SETTINGS and name != "on_error":
            raise ConfigError(name, "<hidden>", f"one of the settings {', '.join(_names())}")
    _put_on_error(client, settings.get("on_error"))
    _put_from_environment(client)
    _check(client, given_as)
    return Translated(client, _complete(settings, FLAG_SETTINGS), _complete(settings, OWN_SETTINGS))


def _names() -> list[str]:
    return sorted({*RENAMED, *Config.names(), *OWN_SETTINGS, *FLAG_SETTINGS, "on_error"})


def _put(client: dict[str, Any], given_as: dict[str, str], name: str, value: Any) -> None:
    target, convert = RENAMED.get(name, (name, None))
    if value is None and convert is not None:
        return  # as the posthog package's own defaults are
    if target in given_as:
        raise ConfigError(name, "<hidden>", f"left out when {given_as[target]} is given, which means the same")
    given_as[target] = name
    client[target] = value if convert is None else convert(name, value)
    if target == "endpoint" and isinstance(client[target], str):
        client[target] = ingestion_host(client[target])
    if target == "capture_mode":
        client[target] = _capture_mode(value)


def _capture_mode(value: Any) -> Any:
    text = getattr(value, "value", value)  # the posthog package has an Enum of them
    return CAPTURE_MODES.get(text.strip().lower(), value) if isinstance(text, str) else value


def _put_on_error(client: dict[str, Any], on_error: Any) -> None:
    if on_error is None:
        return
    if not callable(on_error):
        raise ConfigError("on_error", on_error, "a function of an exception and a list of messages, or None")
    per_batch = PerBatch(on_error, client.get("callback"), client.get("on_delivery"))
    client.update(callback=per_batch, on_delivery=per_batch.report)


def _put_from_environment(client: dict[str, Any]) -> None:
    # A misspelt variable must not keep a deployed program from starting.
    text = os.environ.get("POSTHOG_CAPTURE_MODE", "").strip()
    if not text or client.get("capture_mode") is not None:
        if client.get("capture_mode", "") is None:
            del client["capture_mode"]
        return
    mode = CAPTURE_MODES.get(text.lower())
    if mode is None:
        logger = client.get("logger", LOGGER)
        say(logger, logging.WARNING, "POSTHOG_CAPTURE_MODE is none of %s and is not used", ", ".join(CAPTURE_MODES))
    else:
        client["capture_mode"] = mode


def _check(client: dict[str, Any], given_as: dict[str, str]) -> None:
    try:
        Config.from_settings(client)
    except ConfigError as error:
        # By the name that the program used.
        name = given_as.get(error.field, error.field)
        raise error if name == error.field else ConfigError(name, error.value, error.allowed) from None


def _complete(settings: Mapping[str, Any], table: Mapping[str, tuple[Any, Rule]]) -> dict[str, Any]:
    complete = {}
    for name, (default, (is_allowed, allowed)) in table.items():
        value = settings.get(name)
        if value is not None and not is_allowed(value):
            raise ConfigError(name, value, allowed)
        complete[name] = default if value is None else value
    return complete
