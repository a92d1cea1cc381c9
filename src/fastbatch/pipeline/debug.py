"""Makes all that fastbatch logs visible, for a program that asks for it."""

from __future__ import annotations

import logging

__all__ = ["show"]


def show(logger: logging.Logger) -> None:
    """
    Let ``logger`` pass on everything, to standard error where nobody has chosen a place for it.

    Other loggers, and the root, stay as they are.
    """
    if not isinstance(logger, logging.Logger):
        return  # something of the program's own, that decides for itself
    logger.setLevel(logging.DEBUG)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s: %(message)s"))
        logger.addHandler(handler)
