"""Every setting of a client: its default, what is allowed, and how it is read from the environment."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import os
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict
from urllib.parse import urlsplit

from fastbatch.errors import ConfigError
from fastbatch.typing import Callback, DeliveryReport, Dialect, Limits, Transport

__all__ = ["Config", "Settings", "settings_from_environment"]

HARD_LIMIT_BYTES = 4 * 1024 * 1024
"""No message and no batch is larger, unless a dialect's own default is."""

QUEUE_LIMIT_BYTES = 1024 * 1024 * 1024
LOGGER = logging.getLogger("fastbatch")
ENVIRONMENT_PREFIX = "FASTBATCH_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """
    The settings of a client, checked and complete. Durations are seconds, sizes are bytes.

    Three sizes are None until `with_limits` gives them the dialect's default.

    Raises:
        ConfigError: Names the field, the value and what is allowed.
    """

    dialect: str | Dialect = "segment"
    """``"segment"``, ``"rudderstack"``, or an object that follows the `Dialect` Protocol."""
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

    transport: Transport | None = None
    """None is HTTP by urllib3."""
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
    transport: Transport | None
    clock: Callable[[], int]
    proxy: str | None
    ca_file: str | None
    ssl_context: ssl.SSLContext | None
    headers: Mapping[str, str] | None


def settings_from_environment(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """
    Return the settings that the environment names, ``FASTBATCH_BATCH_SIZE=500`` as ``{"batch_size": 500}``.

    Numbers and booleans (``true``, ``false``, ``1``, ``0``) are read as such; ``default_context``, ``integrations`` and
    ``headers`` are JSON objects. ``FASTBATCH_WRITE_KEY`` and ``FASTBATCH_BACKEND`` are not settings and are left out.

    Raises:
        ConfigError: For a value that cannot be read, or a setting that only a program can give.
    """
    environment = os.environ if environment is None else environment
    settings = {}
    for variable, text in environment.items():
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if variable.startswith(ENVIRONMENT_PREFIX) and name in Config.names():
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
_BOOLEANS = frozenset({"verbose", "sync_mode", "disabled"})
_OBJECTS = frozenset({"default_context", "integrations", "headers"})
_TEXTS = frozenset({"dialect", "endpoint", "on_full", "compression", "ordering", "proxy", "ca_file"})
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
        raise ConfigError(name, _shown(name, text), f"{wanted} in the environment") from None
    raise ConfigError(name, "<hidden>", "set in the program, not in the environment")


# What each setting allows. One table; `check_settings` walks it.


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _at_least(low: int, high: int | None = None) -> tuple[Callable[[Any], bool], str]:
    if high is None:
        return lambda v: _is_int(v) and v >= low, f"a whole number, at least {low}"
    return lambda v: _is_int(v) and low <= v <= high, f"a whole number from {low} to {high}"


def _seconds(*, zero: bool) -> tuple[Callable[[Any], bool], str]:
    def check(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            return False
        return value >= 0 if zero else value > 0

    return check, "a finite number of seconds, " + ("zero or more" if zero else "more than zero")


def _one_of(*words: str | None) -> tuple[Callable[[Any], bool], str]:
    return lambda v: v in words if v is None or isinstance(v, str) else False, "one of " + ", ".join(map(repr, words))


def _or_none(rule: tuple[Callable[[Any], bool], str]) -> tuple[Callable[[Any], bool], str]:
    check, allowed = rule
    return lambda v: v is None or check(v), f"{allowed}, or None"


def _of_type(kind: type, phrase: str) -> tuple[Callable[[Any], bool], str]:
    return lambda v: isinstance(v, kind), phrase


def _is_url(value: Any) -> bool:
    if not isinstance(value, str) or any(character <= " " for character in value):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_endpoint(value: Any) -> bool:
    # A query or a fragment would swallow the path that the dialect appends; a password would be shown and not be sent.
    if not _is_url(value):
        return False
    parts = urlsplit(value)
    return not parts.query and not parts.fragment and "@" not in parts.netloc


def _is_header_map(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        _is_header_name(name) and _is_header(text) for name, text in value.items()
    )


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FRAMING_HEADERS = frozenset({"content-length", "transfer-encoding", "content-encoding", "host", "connection"})
"""They say how the request is framed, which is ours to know; another value breaks every request."""


def _is_header_name(name: Any) -> bool:
    return isinstance(name, str) and bool(_HEADER_NAME.fullmatch(name)) and name.lower() not in _FRAMING_HEADERS


def _is_header(text: Any) -> bool:
    # A line break here would let a value become a header of its own.
    return isinstance(text, str) and text.isascii() and text.isprintable()


def _has_methods(*names: str) -> Callable[[Any], bool]:
    return lambda value: all(callable(getattr(value, name, None)) for name in names)


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "dialect": (
        lambda v: isinstance(v, str) or _has_methods("template", "envelope", "verdict")(v),
        "the name of a dialect, or an object that follows the Dialect Protocol",
    ),
    "endpoint": _or_none((_is_endpoint, "an http or https URL with a host and without password, query or fragment")),
    "interval": _seconds(zero=False),
    "batch_size": _or_none(_at_least(1, 100_000)),
    "max_message_bytes": _or_none(_at_least(1)),
    "max_batch_bytes": _or_none(_at_least(1)),
    "max_queue_bytes": _at_least(1024, QUEUE_LIMIT_BYTES),
    "on_full": _one_of("drop_newest", "drop_oldest", "block", "raise"),
    "block_timeout": _seconds(zero=True),
    "senders": _at_least(1, 64),
    "compression": _one_of("gzip", "zstd", "none"),
    "compression_level": _or_none(_at_least(0, 22)),
    "request_timeout": _seconds(zero=False),
    "retry_after": _or_none((callable, "a function from the attempt's number to seconds")),
    "max_attempts": _at_least(1),
    "delivery_timeout": _or_none(_seconds(zero=False)),
    "close_timeout": _seconds(zero=True),
    "ordering": _one_of(None, "user"),
    "default_context": _or_none(_of_type(Mapping, "a mapping")),
    "integrations": _or_none(_of_type(Mapping, "a mapping")),
    "callback": _or_none((_has_methods("success", "failure"), "an object with the methods success and failure")),
    "on_delivery": _or_none((callable, "a function of a DeliveryReport")),
    "logger": (_has_methods("log", "isEnabledFor"), "a logging.Logger"),
    "verbose": _of_type(bool, "True or False"),
    "sync_mode": _of_type(bool, "True or False"),
    "disabled": _of_type(bool, "True or False"),
    "transport": _or_none((_has_methods("send", "close"), "an object that follows the Transport Protocol")),
    "clock": (callable, "a function that returns nanoseconds since 1970"),
    "proxy": _or_none((_is_url, "an http or https URL with a host")),
    "ca_file": _or_none((lambda v: isinstance(v, str) and os.path.isfile(v), "the path of a PEM file")),
    "ssl_context": _or_none(_of_type(ssl.SSLContext, "an ssl.SSLContext")),
    "headers": _or_none(
        (_is_header_map, "a mapping of names, none that frames the request, to printable ASCII values")
    ),
}

_SECRET = frozenset({"proxy", "headers", "endpoint"})
"""Settings that may hold a password, so that their value is not shown."""


def _shown(name: str, value: object) -> object:
    return "<hidden>" if name in _SECRET and (name != "endpoint" or "@" in str(value)) else value


def check_settings(config: Config) -> None:
    """Raise `ConfigError` for the first setting of ``config`` that is not allowed."""
    for name, (is_allowed, allowed) in _RULES.items():
        value = getattr(config, name)
        if not is_allowed(value):
            raise ConfigError(name, _shown(name, value), allowed)
    if config.ca_file is not None and config.ssl_context is not None:
        raise ConfigError("ca_file", config.ca_file, "None when ssl_context is given")
