"""
The settings of `Posthog` besides those of `fastbatch.Config`: names of the posthog package, defaults, what is allowed.

`fastbatch.posthog.translate` sorts what a program gave by these tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from fastbatch.config import Settings
from fastbatch.errors import ConfigError
from fastbatch.flags.provider import FlagDefinitionCacheProvider
from fastbatch.posthog.exceptions.patterns import IGNORED, MASKED, Patterns
from fastbatch.posthog.outcomes import DryRun

__all__ = ["CAPTURE_MODES", "FLAG_SETTINGS", "NOT_OFFERED", "OWN_SETTINGS", "RENAMED", "PosthogSettings", "Rule"]


class PosthogSettings(Settings, total=False):
    """The keyword arguments of `Posthog`, besides its keys."""

    flush_at: int
    flush_interval: float
    gzip: bool
    max_retries: int
    max_queue_size: int
    timeout: float
    thread: int
    send: bool
    on_error: Callable[[Exception, list[dict[str, Any]]], object] | None
    capture_compression: str | None

    secret_key: str | None
    poll_interval: float
    feature_flags_request_timeout_seconds: float
    feature_flags_request_max_retries: int
    enable_local_evaluation: bool
    flag_definition_cache_provider: FlagDefinitionCacheProvider | None
    flag_fallback_cache_url: str | None

    enable_exception_autocapture: bool
    enable_exception_autocapture_rate_limiting: bool
    exception_autocapture_bucket_size: float
    exception_autocapture_refill_rate: float
    exception_autocapture_refill_interval_seconds: float
    log_captured_exceptions: bool
    project_root: str | None
    in_app_modules: Sequence[str] | None
    capture_trace_context: bool
    capture_exception_code_variables: bool
    code_variables_mask_patterns: Sequence[str] | None
    code_variables_ignore_patterns: Sequence[str] | None
    code_variables_mask_url_credentials: bool | None
    code_variables_detect_secrets: bool | None


# Names of the posthog package for what `Config` calls otherwise.

BYTES_PER_EVENT = 4096
"""What ``max_queue_size`` counts an event as; the queue here has bytes, and an event of PostHog's takes about 1000."""
LEAST_QUEUE_BYTES = 4 * 1024 * 1024
MOST_QUEUE_BYTES = 1024 * 1024 * 1024


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _queue_bytes(name: str, events: Any) -> int:
    if not _whole(events, 1):
        raise ConfigError(name, events, "a whole number of events, at least 1")
    return min(max(int(events) * BYTES_PER_EVENT, LEAST_QUEUE_BYTES), MOST_QUEUE_BYTES)


def _attempts(name: str, retries: Any) -> int:
    if not _whole(retries, 0):
        raise ConfigError(name, retries, "a whole number of retries, zero or more")
    return int(retries) + 1


def _compression(name: str, value: Any) -> str:
    if isinstance(value, bool) and name == "gzip":
        return "gzip" if value else "none"
    text = getattr(value, "value", value)
    if name == "gzip" or not isinstance(text, str):
        raise ConfigError(name, value, "True or False" if name == "gzip" else "one of 'gzip', 'zstd', 'none'")
    return {"identity": "none"}.get(text.strip().lower(), text.strip().lower())


def _dry_run(name: str, value: Any) -> DryRun | None:
    if not isinstance(value, bool):
        raise ConfigError(name, value, "True or False")
    return None if value else DryRun()


def _as_it_is(name: str, value: Any) -> Any:  # noqa: ARG001 - the others need the name
    return value


RENAMED: dict[str, tuple[str, Callable[[str, Any], Any]]] = {
    "host": ("endpoint", _as_it_is),
    "flush_at": ("batch_size", _as_it_is),
    "flush_interval": ("interval", _as_it_is),
    "max_queue_size": ("max_queue_bytes", _queue_bytes),
    "max_retries": ("max_attempts", _attempts),
    "timeout": ("request_timeout", _as_it_is),
    "thread": ("senders", _as_it_is),
    "gzip": ("compression", _compression),
    "capture_compression": ("compression", _compression),
    "send": ("transport", _dry_run),
}

CAPTURE_MODES = {"v0": "v0", "legacy": "v0", "v1": "v1", "analytics_v1": "v1"}


# The face's own settings, with their defaults and what is allowed.

Rule: TypeAlias = "tuple[Callable[[Any], bool], str]"


def _number(value: object, low: float, high: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _are_texts(value: object) -> bool:
    return not isinstance(value, str) and isinstance(value, Sequence) and all(isinstance(item, str) for item in value)


def _are_patterns(value: Any) -> bool:
    try:
        return _are_texts(value) and bool(Patterns(value))
    except re.error:
        return False


_BOOL: Rule = (lambda v: isinstance(v, bool), "True or False")
_SECONDS: Rule = (lambda v: _number(v, 0, 86_400), "a number of seconds from 0 to 86400")
_TOKENS: Rule = (lambda v: _number(v, 0, 100), "a number from 0 to 100")
_TEXT: Rule = (lambda v: isinstance(v, str), "text, or None")
_NAMES: Rule = (_are_texts, "a list of names of modules, or None")
_PATTERNS: Rule = (_are_patterns, "a list of regular expressions, or None")


def _is_provider(value: object) -> bool:
    return isinstance(value, FlagDefinitionCacheProvider)


OWN_SETTINGS: dict[str, tuple[Any, Rule]] = {
    "enable_exception_autocapture": (False, _BOOL),
    "enable_exception_autocapture_rate_limiting": (False, _BOOL),
    "exception_autocapture_bucket_size": (50, _TOKENS),
    "exception_autocapture_refill_rate": (10, _TOKENS),
    "exception_autocapture_refill_interval_seconds": (10, _SECONDS),
    "log_captured_exceptions": (False, _BOOL),
    "project_root": (None, _TEXT),
    "in_app_modules": (None, _NAMES),
    "capture_trace_context": (False, _BOOL),
    "capture_exception_code_variables": (False, _BOOL),
    "code_variables_mask_patterns": (MASKED, _PATTERNS),
    "code_variables_ignore_patterns": (IGNORED, _PATTERNS),
    "code_variables_mask_url_credentials": (True, _BOOL),
    "code_variables_detect_secrets": (True, _BOOL),
}
"""Default and rule of each; None stands for the default."""

FLAG_SETTINGS: dict[str, tuple[Any, Rule]] = {
    "poll_interval": (30.0, (lambda v: _number(v, 0.001, 86_400), "a number of seconds, more than 0")),
    "feature_flags_request_timeout_seconds": (
        3.0,
        (lambda v: _number(v, 0.001, 600), "a number of seconds, more than 0"),
    ),
    "feature_flags_request_max_retries": (1, (lambda v: _whole(v, 0) and v <= 9, "a whole number from 0 to 9")),
    "enable_local_evaluation": (True, _BOOL),
    "flag_definition_cache_provider": (
        None,
        (_is_provider, "an object with the methods of fastbatch.flags.provider.FlagDefinitionCacheProvider, or None"),
    ),
    "flag_fallback_cache_url": (None, _TEXT),
}

NOT_OFFERED: dict[str, Any] = {
    "privacy_mode": False,
    "enable_full_ai_capture": False,
    "metrics": None,
    "traces": None,
    "app_host": None,
    "email_request_timeout_seconds": 15,
    "email_request_max_retries": 2,
    "migrated_from": None,
}
"""Of products that fastbatch leaves alone; their defaults are taken, so that programs may name them."""
