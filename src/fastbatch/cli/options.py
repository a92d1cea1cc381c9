"""
The options that commands share, and the settings that they make.

A setting comes from its option, else from the environment (``FASTBATCH_BATCH_SIZE``), else it is the default.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from fastbatch.config import Config, settings_from_environment

__all__ = ["client_options", "endpoint_option", "settings_from", "write_key_option"]

Command = TypeVar("Command", bound=Callable[..., Any])

_TUNING = (
    click.option("--batch-size", type=click.IntRange(1, 100_000), help="Messages a request, at most."),
    click.option("--compression", type=click.Choice(["gzip", "zstd", "none"]), help="Of request bodies."),
    click.option("--senders", type=click.IntRange(1, 64), help="Threads that send, and so requests in flight."),
    click.option("--interval", type=click.FloatRange(0, min_open=True), help="Seconds that a message waits, at most."),
)

_WIRE = (
    click.option("--dialect", metavar="NAME", help="segment (the default), rudderstack or posthog."),
    click.option("--capture-mode", type=click.Choice(["v0", "v1"]), help="PostHog's wire; v0 is the default."),
)

endpoint_option = click.option(
    "--endpoint", metavar="URL", help="Base URL of the server, without /v1/batch or /batch/."
)


def write_key_option(default: str | None = None) -> Callable[[Command], Command]:
    """Return the option for the write key, which is required when it has no default."""
    # To click, default=None is a default.
    rule: dict[str, Any] = {"required": True} if default is None else {"default": default}
    return click.option(
        "--write-key", "-k", metavar="KEY", envvar="FASTBATCH_WRITE_KEY", show_envvar=True, help="Write key.", **rule
    )


def client_options(command: Command) -> Command:
    """Add the options for a client's settings."""
    return functools.reduce(lambda decorated, option: option(decorated), (*_TUNING[::-1], *_WIRE[::-1]), command)


def settings_from(given: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    """
    Return the settings of a client: ``defaults``, over them the environment, over that what was ``given``.

    Raises:
        ConfigError: For one that is not allowed.
    """
    settings = {**defaults, **settings_from_environment()}
    settings.update({name: value for name, value in given.items() if value is not None})
    Config.from_settings(settings)
    return settings
