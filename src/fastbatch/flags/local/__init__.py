"""
Feature flags decided here, by their definitions: pure functions, without a lock, a thread or a request.

Definitions are compiled once, when they arrive; evaluating one is then a function of a `Subject` and a time.
"""
