"""Frameworks; each module needs its own."""
