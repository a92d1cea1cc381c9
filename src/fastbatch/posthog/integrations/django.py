"""
Django: a context around every request, and the exceptions of views as events.

    MIDDLEWARE = [..., "fastbatch.posthog.integrations.django.PosthogContextMiddleware"]

Settings, all optional:

    POSTHOG_MW_CLIENT                    the `Posthog` that captures exceptions; else the module's own
    POSTHOG_MW_CAPTURE_EXCEPTIONS        True; False for none; None for what the client says
    POSTHOG_MW_CAPTURE_TRACING_HEADERS   True; whether X-POSTHOG-DISTINCT-ID and X-POSTHOG-SESSION-ID are believed
    POSTHOG_MW_REQUEST_FILTER            request -> bool; False leaves a request alone
    POSTHOG_MW_EXTRA_PROPERTIES          request -> further properties; once POSTHOG_MW_EXTRA_TAGS
    POSTHOG_MW_PROPERTIES_MAP            properties -> properties; once POSTHOG_MW_TAG_MAP
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

from fastbatch.config import LOGGER
from fastbatch.pipeline.notices import say
from fastbatch.posthog import contexts
from fastbatch.posthog.client import Posthog
from fastbatch.posthog.exceptions.origin import Origin
from fastbatch.posthog.integrations.headers import apply_headers, cleaned

try:
    from asgiref.sync import iscoroutinefunction, markcoroutinefunction
    from django.conf import settings
    from django.core.exceptions import SuspiciousOperation
except ImportError as error:  # pragma: no cover - tests run it in a process of its own
    raise ImportError("fastbatch.posthog.integrations.django needs Django 4.2 or later: pip install django") from error

__all__ = ["PosthogContextMiddleware"]

_ORIGIN = Origin("error", "django.middleware", {"type": "middleware", "handled": False})

_Person: TypeAlias = "tuple[str | None, str | None]"
"""Id and e-mail address of who is logged in."""
_NOBODY: _Person = (None, None)


class PosthogContextMiddleware:
    """
    Gives every event that a view captures the request's person, session and properties. For WSGI and for ASGI.

    Args:
        get_response: What handles the request, as Django gives it.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        self._is_async: bool = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        self.client: Posthog | None = _setting("CLIENT", _is_client)
        self.capture_exceptions: bool | None = _exceptions_setting()
        self.capture_tracing_headers: bool = _headers_setting()
        self.request_filter: Callable[[Any], Any] | None = _setting("REQUEST_FILTER", callable)
        self.extra_properties: Callable[[Any], Any] | None = _setting("EXTRA_PROPERTIES", callable, "EXTRA_TAGS")
        self.properties_map: Callable[[Any], Any] | None = _setting("PROPERTIES_MAP", callable, "TAG_MAP")

    def __call__(self, request: Any) -> Any:
        """Handle a request in a context of its own."""
        if self._is_async:
            return self._handle(request)
        if not self._wants(request):
            return self.get_response(request)
        with self._context():
            self._describe(request, _asked(_person_of, request, _NOBODY))
            return self.get_response(request)

    async def _handle(self, request: Any) -> Any:
        if not self._wants(request):
            return await self.get_response(request)
        with self._context():
            self._describe(request, await _person_of_async(request))
            return await self.get_response(request)

    def process_exception(self, request: Any, exception: BaseException) -> None:
        """Capture what a view raised: Django makes a response of it before it could leave the context."""
        wanted = self.capture_exceptions
        if not self._wants(request) or not (contexts.captures_by_default(self.client) if wanted is None else wanted):
            return
        contexts.report(exception, self.client, _ORIGIN)

    def _context(self) -> contexts.new_context:
        return contexts.new_context(capture_exceptions=self.capture_exceptions, client=self.client)

    def _wants(self, request: Any) -> bool:
        return self.request_filter is None or bool(_asked(self.request_filter, request, True))

    def _describe(self, request: Any, person: _Person) -> None:
        user_id, email = person
        apply_headers(request.headers.get, are_read=self.capture_tracing_headers, user_id=user_id)
        for name, value in self._properties(request, email).items():
            contexts.tag(name, value)

    def _properties(self, request: Any, email: str | None) -> Mapping[str, Any]:
        agent = cleaned(request.headers.get("User-Agent"))
        known = {
            "email": email,
            "$current_url": _url_of(request),
            "$request_method": request.method,
            "$request_path": request.path,
            "$ip": cleaned(request.headers.get("X-Forwarded-For")),
            "$user_agent": agent,
            "$raw_user_agent": agent,
        }
        properties = {name: value for name, value in known.items() if value}
        if self.extra_properties is not None:
            properties.update(_asked(self.extra_properties, request, None) or {})
        if self.properties_map is None:
            return properties
        # One that fails may be there to hide something: nothing is said then.
        mapped = _asked(self.properties_map, properties, None)
        return mapped if isinstance(mapped, Mapping) else {}


def _url_of(request: Any) -> str | None:
    try:
        return str(request.build_absolute_uri())
    except SuspiciousOperation:  # a Host header that is not allowed: a view that does not care must still answer
        return None


def _asked(function: Callable[[Any], Any], about: Any, otherwise: Any) -> Any:
    """Return what a function of the program's says, ``otherwise`` when it fails: the request must be answered."""
    try:
        return function(about)
    except Exception as error:  # noqa: BLE001 - the program's own code
        name = getattr(function, "__qualname__", type(function).__name__)
        say(LOGGER, logging.ERROR, "%s raised %s while a request was described", name, type(error).__name__)
        return otherwise


def _person_of(request: Any) -> _Person:
    return _described(getattr(request, "user", None))


def _described(user: Any) -> _Person:
    is_known = getattr(user, "is_authenticated", False)
    if not (is_known() if callable(is_known) else is_known):
        return _NOBODY
    key, email = getattr(user, "pk", None), getattr(user, "email", None)
    return None if key is None else str(key), str(email) if email else None


async def _person_of_async(request: Any) -> _Person:
    # `request.user` would ask the database, which an event loop must not wait for.
    ask = getattr(request, "auser", None)
    if ask is None:
        return _NOBODY
    try:
        return _described(await cast("Callable[[], Awaitable[Any]]", ask)())
    except Exception as error:  # noqa: BLE001 - the same
        say(LOGGER, logging.ERROR, "auser raised %s while a request was described", type(error).__name__)
        return _NOBODY


def _setting(name: str, is_allowed: Callable[[Any], bool], older_name: str = "") -> Any:
    """Return a setting, None where it is missing or something else."""
    value = getattr(settings, f"POSTHOG_MW_{name}", None)
    if value is None and older_name:
        value = getattr(settings, f"POSTHOG_MW_{older_name}", None)
    return value if value is not None and is_allowed(value) else None


def _is_client(value: object) -> bool:
    return isinstance(value, Posthog)


def _exceptions_setting() -> bool | None:
    value = getattr(settings, "POSTHOG_MW_CAPTURE_EXCEPTIONS", True)
    return value if value is None or isinstance(value, bool) else True


def _headers_setting() -> bool:
    value = getattr(settings, "POSTHOG_MW_CAPTURE_TRACING_HEADERS", None)
    older = getattr(settings, "POSTHOG_MW_TRUST_TRACING_HEADERS", None)
    if older is not None:
        text = "POSTHOG_MW_TRUST_TRACING_HEADERS is deprecated; use POSTHOG_MW_CAPTURE_TRACING_HEADERS instead"
        warnings.warn(text, DeprecationWarning, stacklevel=3)
    chosen = older if value is None else value
    return True if chosen is None else chosen is True
