"""What each setting allows: one table, and the functions that read it."""

from __future__ import annotations

import math
import os
import re
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from fastbatch.errors import ConfigError
from fastbatch.typing import Dialect

__all__ = ["RULES", "check_settings", "checked_key", "checked_timeout", "shown_setting"]

QUEUE_LIMIT_BYTES = 1024 * 1024 * 1024


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


RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "dialect": (
        lambda v: isinstance(v, str) or any(_has_methods(name)(v) for name in ("template", "envelope", "verdict")),
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
    "debug": _of_type(bool, "True or False"),
    "capture_mode": _one_of("v0", "v1"),
    "historical_migration": _of_type(bool, "True or False"),
    "disable_geoip": _or_none(_of_type(bool, "True or False")),
    "super_properties": _or_none(_of_type(Mapping, "a mapping")),
    "is_server": _of_type(bool, "True or False"),
    "before_send": _or_none((callable, "a function from an event to an event or None")),
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


def shown_setting(name: str, value: object) -> object:
    return "<hidden>" if name in _SECRET and (name != "endpoint" or "@" in str(value)) else value


def check_settings(config: Any) -> None:
    """Raise `ConfigError` for the first setting of ``config``, a `Config`, that is not allowed."""
    for name, (is_allowed, allowed) in RULES.items():
        value = getattr(config, name)
        if not is_allowed(value):
            raise ConfigError(name, shown_setting(name, value), allowed)
    _check_dialect(config.dialect)
    if config.ca_file is not None and config.ssl_context is not None:
        raise ConfigError("ca_file", config.ca_file, "None when ssl_context is given")


def _check_dialect(dialect: object) -> None:
    if isinstance(dialect, (str, type)):  # a class in place of its instance has another error
        return
    lacks = sorted(
        name
        for name in {*Dialect.__annotations__, *vars(Dialect)}
        if not name.startswith("_") and not _has_member(dialect, name)
    )
    if lacks:
        allowed = f"an object that follows the Dialect Protocol, of which this one lacks {', '.join(lacks)}"
        raise ConfigError("dialect", dialect, f"{allowed}; `BaseDialect` has defaults for most")


def _has_member(dialect: object, name: str) -> bool:
    return callable(getattr(dialect, name, None)) if name in vars(Dialect) else hasattr(dialect, name)


def checked_key(write_key: object) -> str:
    """Return the key; the `ConfigError` for another does not show it."""
    if not isinstance(write_key, str) or not write_key or not write_key.isprintable() or not write_key.isascii():
        raise ConfigError("write_key", "<hidden>", "printable ASCII text that is not empty")
    return write_key


def checked_timeout(timeout: object) -> float | None:
    """Return what a wait may take, seconds, cut to what locks can wait."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout >= 0:
        raise ConfigError("timeout", timeout, "a number of seconds, zero or more, or None")
    return min(float(timeout), threading.TIMEOUT_MAX / 2)
