"""
PostHog, called as its own Python package is: ``import fastbatch.posthog as posthog``.

    posthog.api_key = "phc_..."
    posthog.host = "https://eu.i.posthog.com"
    posthog.capture("order paid", distinct_id="user-1", properties={"revenue": 39.95})

The functions here are the methods of one client, `default_client`, which is built at the first call from the settings
below; `disabled`, `debug` and `before_send` are read at every call. A program may build `Posthog` clients of its own.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from fastbatch.config import Config
from fastbatch.flags.provider import FlagDefinitionCacheProvider
from fastbatch.flags.result import FeatureFlagResult
from fastbatch.flags.runtime import FeatureFlagEvaluationRuntime
from fastbatch.flags.snapshot import FeatureFlagEvaluations
from fastbatch.posthog import contexts as _contexts
from fastbatch.posthog.client import Client, Posthog
from fastbatch.posthog.contexts import (
    get_context_device_id,
    get_context_distinct_id,
    get_context_session_id,
    get_tags,
    identify_context,
    new_context,
    scoped,
    set_capture_exception_code_variables_context,
    set_code_variables_detect_secrets_context,
    set_code_variables_ignore_patterns_context,
    set_code_variables_mask_patterns_context,
    set_code_variables_mask_url_credentials_context,
    set_context_device_id,
    set_context_session,
    tag,
)
from fastbatch.posthog.exceptions.origin import Origin
from fastbatch.posthog.exceptions.patterns import IGNORED, MASKED
from fastbatch.posthog.settings import FLAG_SETTINGS, NOT_OFFERED, OWN_SETTINGS, RENAMED
from fastbatch.version import VERSION as __version__  # noqa: N811 - the name that tools look for

__all__ = [
    "Client",
    "FeatureFlagEvaluationRuntime",
    "FeatureFlagEvaluations",
    "FeatureFlagResult",
    "FlagDefinitionCacheProvider",
    "Posthog",
    "__version__",
    "alias",
    "capture",
    "capture_exception",
    "default_client",
    "evaluate_flags",
    "feature_enabled",
    "feature_flag_definitions",
    "flush",
    "get_all_flags",
    "get_all_flags_and_payloads",
    "get_context_device_id",
    "get_context_distinct_id",
    "get_context_session_id",
    "get_feature_flag",
    "get_feature_flag_evaluation_runtime",
    "get_feature_flag_keys_by_evaluation_runtime",
    "get_feature_flag_payload",
    "get_feature_flag_result",
    "get_remote_config_payload",
    "get_tags",
    "group_identify",
    "identify",
    "identify_context",
    "join",
    "load_feature_flags",
    "new_context",
    "page",
    "scoped",
    "screen",
    "set",
    "set_capture_exception_code_variables_context",
    "set_code_variables_detect_secrets_context",
    "set_code_variables_ignore_patterns_context",
    "set_code_variables_mask_patterns_context",
    "set_code_variables_mask_url_credentials_context",
    "set_context_device_id",
    "set_context_session",
    "set_once",
    "setup",
    "shutdown",
    "tag",
]

P = ParamSpec("P")
R = TypeVar("R")

# Settings: what `default_client` is built from at the first call. Each is a setting of `Posthog`; None is its default.

api_key: str | None = None
"""The project's key; ``project_api_key`` is another word for it, and wins."""
project_api_key: str | None = None
host: str | None = None
secret_key: str | None = None
personal_api_key: str | None = None
disabled: bool = False
debug: bool = False
send: bool = True
sync_mode: bool = False
on_error: Callable[[Exception, list[dict[str, Any]]], object] | None = None
before_send: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None
super_properties: Mapping[str, Any] | None = None
disable_geoip: bool = True
is_server: bool = True
historical_migration: bool = False
capture_mode: str | None = None
poll_interval: float = FLAG_SETTINGS["poll_interval"][0]
enable_local_evaluation: bool = True
feature_flags_request_timeout_seconds: float = FLAG_SETTINGS["feature_flags_request_timeout_seconds"][0]
feature_flags_request_max_retries: int = FLAG_SETTINGS["feature_flags_request_max_retries"][0]
flag_definition_cache_provider: Any = None
capture_trace_context: bool = False
project_root: str | None = None
in_app_modules: Sequence[str] | None = None
log_captured_exceptions: bool = False
enable_exception_autocapture: bool = False
enable_exception_autocapture_rate_limiting: bool = False
exception_autocapture_bucket_size: float = OWN_SETTINGS["exception_autocapture_bucket_size"][0]
exception_autocapture_refill_rate: float = OWN_SETTINGS["exception_autocapture_refill_rate"][0]
exception_autocapture_refill_interval_seconds: float = OWN_SETTINGS["exception_autocapture_refill_interval_seconds"][0]
capture_exception_code_variables: bool = False
code_variables_mask_patterns: Sequence[str] = MASKED
code_variables_ignore_patterns: Sequence[str] = IGNORED
code_variables_mask_url_credentials: bool = True
code_variables_detect_secrets: bool = True
metrics: None = None
traces: None = None
privacy_mode: bool = False
enable_full_ai_capture: bool = False

_SETTINGS = {*Config.names(), *RENAMED, *OWN_SETTINGS, *FLAG_SETTINGS, *NOT_OFFERED}
_SETTINGS |= {"on_error", "personal_api_key", "secret_key"}
# The last two are Segment's; one of them has the name of a package below this one.
_SETTINGS -= {"disabled", "dialect", "default_context", "integrations"}

default_client: Posthog | None = None
"""The client of this module; None before the first call."""

_applied: tuple[Posthog | None, bool, bool, Any] = (None, False, False, None)
_building = threading.RLock()


def _renew_after_fork() -> None:
    global _building  # noqa: PLW0603 - another thread may have held it when the process was forked
    _building = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_after_fork)


def setup() -> Posthog:
    """
    Return the client of this module, built now if this is the first call.

    Raises:
        ConfigError: When a setting is not allowed.
    """
    global _applied  # noqa: PLW0603 - what the client was told last
    client = default_client or _build()
    if (client, disabled, debug, before_send) != _applied:
        client.disabled = disabled or not client.api_key
        client.debug = debug
        client.before_send = before_send
        _applied = client, disabled, debug, before_send
    return client


def _build() -> Posthog:
    global default_client  # noqa: PLW0603 - it is part of the interface
    with _building:
        if default_client is None:
            values = globals()
            given = {name: values[name] for name in _SETTINGS if values.get(name) is not None}
            key = (project_api_key or "").strip() or api_key
            default_client = Posthog(key, **given)
        return default_client


def _of_default_client(
    method: Callable[Concatenate[Posthog, P], R], named: int = 0, names: Sequence[str] = ()
) -> Callable[P, R]:
    """
    Return a method of `Posthog` as a function: the method of the default client.

    Args:
        method: The method.
        named: How many arguments it takes by position, where it takes further ones by name alone.
        names: Those further ones, in the order in which the posthog package's function takes them by position.
    """
    name = method.__name__

    @functools.wraps(method)
    def function(*args: Any, **kwargs: Any) -> Any:
        if names and len(args) > named:
            kwargs.update(zip(names, args[named:], strict=False))
            args = args[:named]
        return getattr(setup(), name)(*args, **kwargs)

    return function


if TYPE_CHECKING:
    capture = Posthog().capture  # in both of its forms
else:
    capture = _of_default_client(Posthog.capture)
capture_exception = _of_default_client(Posthog.capture_exception)
set = _of_default_client(Posthog.set)  # noqa: A001 - the posthog package's name
set_once = _of_default_client(Posthog.set_once)
alias = _of_default_client(Posthog.alias)
group_identify = _of_default_client(Posthog.group_identify)
identify = _of_default_client(Posthog.identify)
page = _of_default_client(Posthog.page)
screen = _of_default_client(Posthog.screen)
flush = _of_default_client(Posthog.flush)
join = _of_default_client(Posthog.join)
shutdown = _of_default_client(Posthog.shutdown)

_USER = ("groups", "person_properties", "group_properties", "only_evaluate_locally")
_READ = (*_USER, "send_feature_flag_events", "disable_geoip", "device_id")
_ALL = (*_USER, "disable_geoip", "device_id", "flag_keys_to_evaluate")

feature_enabled = _of_default_client(Posthog.feature_enabled, 2, _READ)
get_feature_flag = _of_default_client(Posthog.get_feature_flag, 2, _READ)
get_feature_flag_result = _of_default_client(Posthog.get_feature_flag_result, 2, _READ)
get_feature_flag_payload = _of_default_client(Posthog.get_feature_flag_payload, 2, ("match_value", *_READ))
get_all_flags = _of_default_client(Posthog.get_all_flags, 1, _ALL)
get_all_flags_and_payloads = _of_default_client(Posthog.get_all_flags_and_payloads, 1, _ALL)
evaluate_flags = _of_default_client(Posthog.evaluate_flags, 1, (*_USER, "disable_geoip", "flag_keys", "device_id"))
get_remote_config_payload = _of_default_client(Posthog.get_remote_config_payload)
load_feature_flags = _of_default_client(Posthog.load_feature_flags)
feature_flag_definitions = _of_default_client(Posthog.feature_flag_definitions)
get_feature_flag_evaluation_runtime = _of_default_client(Posthog.get_feature_flag_evaluation_runtime)
get_feature_flag_keys_by_evaluation_runtime = _of_default_client(Posthog.get_feature_flag_keys_by_evaluation_runtime)


class _DefaultClient:
    """This module as contexts see it: one that captures nothing builds no client."""

    @property
    def enable_exception_autocapture(self) -> bool:
        return (default_client or _SELF).enable_exception_autocapture

    def capture_caught(self, exception: Any, origin: Origin, /) -> str | None:
        return setup().capture_caught(exception, origin)


_SELF = sys.modules[__name__]
_contexts.use_default_client(_DefaultClient())
