"""
The queue of encoded messages, native where it was built, else in Python: one interface, the same bytes.

``FASTBATCH_BACKEND=native`` or ``pure`` chooses; left alone, the native core is taken where it is there.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from fastbatch.core import pure
from fastbatch.core.interface import Core, core_seed

__all__ = ["BACKEND", "NATIVE_PROBLEM", "Core", "core_seed", "new_core"]

NATIVE_PROBLEM: str | None = None
"""Why the native core is not there, None when it is."""

_new_native: Callable[[int, int, int], Core] | None = None
try:
    from fastbatch.core.native import NativeCore

    _new_native = NativeCore
except ImportError as error:
    NATIVE_PROBLEM = str(error)

_HOW_TO_GET_IT = "install a C compiler and Python's headers (Debian: gcc, python3-dev), then reinstall fastbatch"


def _choose() -> str:
    wanted = os.environ.get("FASTBATCH_BACKEND", "")
    if wanted not in ("", "native", "pure"):
        raise ImportError(f"FASTBATCH_BACKEND is {wanted!r}; must be 'native' or 'pure'")
    if wanted == "native" and NATIVE_PROBLEM is not None:
        raise ImportError(f"FASTBATCH_BACKEND=native, but {NATIVE_PROBLEM}; to get it, {_HOW_TO_GET_IT}")
    return wanted or ("pure" if NATIVE_PROBLEM else "native")


BACKEND = _choose()


def new_core(max_queue_bytes: int, max_message_bytes: int, seed: int) -> Core:
    """Return an empty core of the backend in use; see `Core`."""
    if BACKEND == "native" and _new_native is not None:
        return _new_native(max_queue_bytes, max_message_bytes, seed)
    return pure.PureCore(max_queue_bytes, max_message_bytes, seed)
