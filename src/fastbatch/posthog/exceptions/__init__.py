"""Exceptions as PostHog's error tracking wants them."""
