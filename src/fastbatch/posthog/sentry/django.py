"""
Django: tells Sentry which person of PostHog's a request is of.

    MIDDLEWARE = [..., "fastbatch.posthog.sentry.django.PosthogDistinctIdMiddleware"]
    POSTHOG_DJANGO = {"distinct_id": lambda request: request.user and request.user.distinct_id}
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from fastbatch.pipeline.notices import say
from fastbatch.posthog.sentry import POSTHOG_ID_TAG

try:
    import sentry_sdk
    from django.conf import settings
except ImportError as error:  # pragma: no cover - tests run it in a process of its own
    raise ImportError(
        "fastbatch.posthog.sentry.django needs Django and the Sentry SDK: pip install django sentry-sdk"
    ) from error

__all__ = ["PosthogDistinctIdMiddleware"]

_LOGGER = logging.getLogger("fastbatch")


class PosthogDistinctIdMiddleware:
    """
    Tags what happens while a request is handled.

    Args:
        get_response: What handles the request, as Django gives it.
    """

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        chosen = getattr(settings, "POSTHOG_DJANGO", None) or {}
        self._ask: Callable[[Any], Any] | None = chosen.get("distinct_id")

    def __call__(self, request: Any) -> Any:
        """Handle a request within a scope of Sentry's of its own."""
        with sentry_sdk.isolation_scope() as scope:
            distinct_id = self._distinct_id(request)
            if distinct_id:
                scope.set_tag(POSTHOG_ID_TAG, distinct_id)
            return self.get_response(request)

    def _distinct_id(self, request: Any) -> Any:
        if self._ask is None:
            return None
        try:
            return self._ask(request)
        except Exception as error:  # noqa: BLE001 - the program's own function; the request goes on
            say(_LOGGER, logging.ERROR, "POSTHOG_DJANGO distinct_id raised %s", type(error).__name__)
            return None
