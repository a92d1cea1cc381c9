"""
PostHog feature flags.

Definitions are compiled once, when they arrive; evaluating one is then a pure function of a `Subject` and a time:
no lock, no network, nothing shared that changes.
"""
