"""
orjson where it is installed and welcome, else None.

A free-threaded interpreter does not even import it: that would bring the GIL back for the whole program.
"""

from __future__ import annotations

import json
import sysconfig
from collections.abc import Callable
from types import ModuleType
from typing import Any

__all__ = ["loads", "orjson"]

orjson: ModuleType | None = None
if not sysconfig.get_config_var("Py_GIL_DISABLED"):
    try:
        import orjson
    except ImportError:
        orjson = None

_loads_fast: Callable[[bytes], Any] = json.loads if orjson is None else orjson.loads


def loads(data: bytes) -> Any:
    """Return what JSON bytes stand for; raises ValueError."""
    try:
        return _loads_fast(data)
    except ValueError:
        # orjson also refuses what is JSON: numbers beyond the range of a float, which our encoder writes.
        return json.loads(data)
