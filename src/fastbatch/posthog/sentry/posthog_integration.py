"""
Links the errors that Sentry takes with the persons that PostHog knows.

    from fastbatch.posthog.sentry.posthog_integration import PostHogIntegration

    PostHogIntegration.organization = "acme"
    sentry_sdk.init(dsn=..., integrations=[PostHogIntegration()])
    sentry_sdk.set_tag(POSTHOG_ID_TAG, "user-1")        # or the middleware in `fastbatch.posthog.sentry.django`

An error that has the tag gets another one, the address of the person in PostHog, and PostHog gets an ``$exception``
with the address of the error in Sentry. Events go through the module's own client, `fastbatch.posthog.default_client`.
"""

from __future__ import annotations

import logging
from typing import Any, ClassVar
from urllib.parse import quote

import fastbatch.posthog
from fastbatch.pipeline.notices import say
from fastbatch.posthog.sentry import POSTHOG_ID_TAG

try:
    import sentry_sdk
    from sentry_sdk.integrations import Integration
    from sentry_sdk.scope import add_global_event_processor
    from sentry_sdk.utils import Dsn
except ImportError as error:  # pragma: no cover - tests run it in a process of its own
    raise ImportError("fastbatch.posthog.sentry needs the Sentry SDK: pip install sentry-sdk") from error

__all__ = ["PostHogIntegration"]

_DEFAULT_HOST = "https://us.i.posthog.com"
_LOGGER = logging.getLogger("fastbatch")


class PostHogIntegration(Integration):
    """
    Attributes:
        organization: The organization's name in Sentry; without it PostHog gets no address of the error.
        project_id: The project's number; None is that of Sentry's DSN.
        prefix: Base of Sentry's addresses.
    """

    identifier = "posthog-python"

    organization: ClassVar[str | None] = None
    project_id: ClassVar[str | int | None] = None
    prefix: ClassVar[str] = "https://sentry.io/organizations/"

    @staticmethod
    def setup_once() -> None:
        """Listen to every event of the process, which Sentry asks for once."""
        add_global_event_processor(_process)


def _process(event: Any, hint: Any) -> Any:  # noqa: ARG001 - Sentry's signature
    client = sentry_sdk.get_client()
    if client.get_integration(PostHogIntegration) is None or event.get("level") != "error":
        return event
    try:
        _link(event, client.dsn)
    except Exception as error:  # noqa: BLE001 - an error report must not be lost because of us
        say(_LOGGER, logging.ERROR, "an error in Sentry was not linked with PostHog: %s", type(error).__name__)
    return event


def _link(event: dict[str, Any], dsn: str | None) -> None:
    tags = event.get("tags") or {}
    distinct_id = tags.get(POSTHOG_ID_TAG)
    if not distinct_id:
        return
    host = (fastbatch.posthog.host or _DEFAULT_HOST).rstrip("/")
    tags["PostHog URL"] = f"{host}/person/{quote(str(distinct_id), safe='')}"
    properties = {"$sentry_event_id": event["event_id"], "$sentry_exception": event.get("exception")}
    integration = PostHogIntegration
    project_id = integration.project_id or (Dsn(dsn).project_id if dsn else None)
    if integration.organization and project_id:
        where = f"{integration.prefix}{integration.organization}/issues/"
        properties["$sentry_url"] = f"{where}?project={project_id}&query={event['event_id']}"
    fastbatch.posthog.capture("$exception", distinct_id=distinct_id, properties=properties)
