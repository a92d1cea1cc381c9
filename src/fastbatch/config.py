"""Every setting of a client: its default, what is allowed, and how it is read from the environment."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from fastbatch.errors import ConfigError
from fastbatch.rules import check_settings, shown_setting
from fastbatch.typing import Callback, DeliveryReport, Dialect, Limits, Transport

__all__ = ["Config", "Settings", "settings_from_environment"]

HARD_LIMIT_BYTES = 4 * 1024 * 1024
"""No message and no batch is larger, unless a dialect's own default is."""

LOGGER = logging.getLogger("fastbatch")
ENVIRONMENT_PREFIX = "FASTBATCH_"

NO_SETTINGS = ("FASTBATCH_WRITE_KEY", "FASTBATCH_BACKEND", "FASTBATCH_SHARED_DATA")
"""Variables that mean something else: the key, the core of the whole process, the data of the project's own tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """
    The settings of a client, checked and complete. Durations are seconds, sizes are bytes.

    Three sizes are None until `with_limits` gives them the dialect's default.

    Raises:
        ConfigError: Names the field, the value and what is allowed.
    """

    dialect: str | Dialect = "segment"
    """``"segment"``, ``"rudderstack"``, ``"posthog"``, or an object that follows the `Dialect` Protocol."""
    endpoint: str | None = None
    """Base URL; None is the dialect's own."""

    interval: float = 5.0
    """The longest that a message waits for its batch to fill."""
    batch_size: int | None = None
    """Messages a batch, at most; 1 sends each at once."""
    max_message_bytes: int | None = None
    """Length of an encoded message, at most."""
    max_batch_bytes: int | None = None
    """Length of a whole request body before compression, at most: messages, commas and envelope."""
    max_queue_bytes: int = 64 * 1024 * 1024
    """What the messages that have no outcome yet may occupy, record headers included."""
    on_full: Literal["drop_newest", "drop_oldest", "block", "raise"] = "drop_newest"
    """What becomes of a message that the queue has no room for."""
    block_timeout: float = 10.0
    """With ``on_full="block"``: the longest that a call waits for room."""

    senders: int = 2
    """Threads that send, and so the most requests in flight."""
    compression: Literal["gzip", "zstd", "none"] = "gzip"
    compression_level: int | None = None
    """None is the fastest level that compresses well."""
    request_timeout: float = 10.0
    """The longest that one HTTP attempt may take."""
    retry_after: Callable[[int], float] | None = None
    """``(attempt) -> seconds``: the wait after that attempt, from 1; None is full jitter, at most 30 s."""
    max_attempts: int = 10
    """HTTP tries a batch, at most."""
    delivery_timeout: float | None = None
    """Age of a batch's oldest message from which it is not tried again; None is no limit."""
    close_timeout: float = 10.0
    """What closing at interpreter exit may take."""
    ordering: Literal["user"] | None = None
    """``"user"``: the messages of one user reach the server in the order they were enqueued."""

    default_context: Mapping[str, Any] | None = None
    """Part of every message's context; the message's own keys win."""
    integrations: Mapping[str, Any] | None = None
    """Destinations of every message that names none."""

    callback: Callback | None = None
    on_delivery: Callable[[DeliveryReport], object] | None = None
    logger: logging.Logger = LOGGER
    verbose: bool = False
    """Log each attempt at INFO rather than DEBUG."""
    sync_mode: bool = False
    """Send on the calling thread; the call returns when the message has its outcome."""
    disabled: bool = False
    """Refuse every message, quietly."""
    debug: bool = False
    """Log all there is to say, and show it on standard error unless the program has chosen a place."""
    before_send: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None
    """Sees every message as a dict and returns what is sent instead, or None to drop it."""

    capture_mode: Literal["v0", "v1"] = "v0"
    """PostHog: ``"v1"`` is the wire on which the server judges each event."""
    historical_migration: bool = False
    """PostHog: these are events of the past."""
    disable_geoip: bool | None = None
    """PostHog: the server must not look up where events came from, None is True."""
    super_properties: Mapping[str, Any] | None = None
    """PostHog: part of every event's properties; they win over the event's own."""
    is_server: bool = True
    """PostHog: events say that they come from a server."""

    transport: Transport | None = None
    """None is HTTP by urllib3; one that is given is the program's to close, after the clients that use it."""
    clock: Callable[[], int] = time.time_ns
    """What time it is, nanoseconds since 1970; tests give their own."""
    proxy: str | None = dataclasses.field(default=None, repr=False)
    """URL of a proxy, with its user and password if it needs them; None is HTTP_PROXY, HTTPS_PROXY and NO_PROXY."""
    ca_file: str | None = None
    """PEM file of the certificate authorities to trust instead of the system's."""
    ssl_context: ssl.SSLContext | None = None
    headers: Mapping[str, str] | None = dataclasses.field(default=None, repr=False)
    """Further headers of every request."""

    def __post_init__(self) -> None:
        check_settings(self)

    def with_limits(self, limits: Limits) -> Config:
        """Return this configuration with the sizes that were not given taken from ``limits``."""
        given = {name: getattr(self, name) for name in Limits._fields}
        chosen = {name: default if given[name] is None else given[name] for name, default in limits._asdict().items()}
        cap = max(HARD_LIMIT_BYTES, limits.max_batch_bytes)
        for name in ("max_message_bytes", "max_batch_bytes"):
            if chosen[name] > cap:
                raise ConfigError(name, chosen[name], f"at most {cap} bytes")
        return dataclasses.replace(self, **chosen)

    @property
    def limits(self) -> Limits:
        """The three sizes, which `with_limits` has chosen."""
        sizes = [getattr(self, name) for name in Limits._fields]
        if None in sizes:
            raise ConfigError("batch_size", None, "chosen by `with_limits` first")
        return Limits(*sizes)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all settings."""
        return tuple(field.name for field in dataclasses.fields(cls))

    @classmethod
    def default_of(cls, name: str) -> Any:
        """Return a setting's default."""
        return next(field.default for field in dataclasses.fields(cls) if field.name == name)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Config:
        """
        Build from keyword arguments.

        Raises:
            ConfigError: Also for a name that is no setting.
        """
        for name in settings:
            if name not in cls.names():
                # A misspelt setting may be the one that holds the password.
                raise ConfigError(name, "<hidden>", f"one of the settings {', '.join(cls.names())}")
        return cls(**settings)


class Settings(TypedDict, total=False):
    """The settings of `Config` as keyword arguments."""

    dialect: str | Dialect
    endpoint: str | None
    interval: float
    batch_size: int | None
    max_message_bytes: int | None
    max_batch_bytes: int | None
    max_queue_bytes: int
    on_full: Literal["drop_newest", "drop_oldest", "block", "raise"]
    block_timeout: float
    senders: int
    compression: Literal["gzip", "zstd", "none"]
    compression_level: int | None
    request_timeout: float
    retry_after: Callable[[int], float] | None
    max_attempts: int
    delivery_timeout: float | None
    close_timeout: float
    ordering: Literal["user"] | None
    default_context: Mapping[str, Any] | None
    integrations: Mapping[str, Any] | None
    callback: Callback | None
    on_delivery: Callable[[DeliveryReport], object] | None
    logger: logging.Logger
    verbose: bool
    sync_mode: bool
    disabled: bool
    debug: bool
    before_send: Callable[[dict[str, Any]], dict[str, Any] | None] | None
    capture_mode: Literal["v0", "v1"]
    historical_migration: bool
    disable_geoip: bool | None
    super_properties: Mapping[str, Any] | None
    is_server: bool
    transport: Transport | None
    clock: Callable[[], int]
    proxy: str | None
    ca_file: str | None
    ssl_context: ssl.SSLContext | None
    headers: Mapping[str, str] | None


def settings_from_environment(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """
    Return the settings that the environment names, ``FASTBATCH_BATCH_SIZE=500`` as ``{"batch_size": 500}``.

    Numbers and booleans (``true``, ``false``, ``1``, ``0``) are read as such; ``default_context``, ``integrations``,
    ``headers`` and ``super_properties`` are JSON objects. `NO_SETTINGS` are left out.

    Raises:
        ConfigError: For a value that cannot be read, a setting that only a program can give, or a name that is none.
    """
    environment = os.environ if environment is None else environment
    settings = {}
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in NO_SETTINGS:
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name not in Config.names():
            # A misspelt setting may be the one that holds the password.
            names = f"{', '.join(NO_SETTINGS[:2])}, or {ENVIRONMENT_PREFIX} and one of {', '.join(_READABLE).upper()}"
            raise ConfigError(variable, "<hidden>", names)
        settings[name] = _read(name, text)
    return settings


_INTEGERS = frozenset(
    {
        "batch_size",
        "max_message_bytes",
        "max_batch_bytes",
        "max_queue_bytes",
        "senders",
        "compression_level",
        "max_attempts",
    }
)
_SECONDS = frozenset({"interval", "block_timeout", "request_timeout", "delivery_timeout", "close_timeout"})
_BOOLEANS = frozenset(
    {"verbose", "sync_mode", "disabled", "debug", "historical_migration", "disable_geoip", "is_server"}
)
_OBJECTS = frozenset({"default_context", "integrations", "headers", "super_properties"})
_TEXTS = frozenset({"dialect", "endpoint", "on_full", "compression", "ordering", "proxy", "ca_file", "capture_mode"})
_READABLE = sorted(_INTEGERS | _SECONDS | _BOOLEANS | _OBJECTS | _TEXTS)
_WORDS_OF_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _read(name: str, text: str) -> Any:
    if name in _TEXTS:
        return text
    try:
        if name in _INTEGERS:
            return int(text)
        if name in _SECONDS:
            return float(text)
        if name in _BOOLEANS:
            return _WORDS_OF_TRUTH[text.strip().lower()]
        if name in _OBJECTS:
            return json.loads(text)
    except (ValueError, KeyError):
        kinds = {_INTEGERS: "a whole number", _SECONDS: "a number of seconds", _BOOLEANS: "true or false"}
        wanted = next((word for names, word in kinds.items() if name in names), "a JSON object")
        raise ConfigError(name, shown_setting(name, text), f"{wanted} in the environment") from None
    raise ConfigError(name, "<hidden>", "set in the program, not in the environment")
