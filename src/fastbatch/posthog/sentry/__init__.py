"""Sentry: the tag by which its events and PostHog's persons know each other."""

__all__ = ["POSTHOG_ID_TAG"]

POSTHOG_ID_TAG = "posthog_distinct_id"
"""The tag of a Sentry event that says which person of PostHog's it happened to."""
