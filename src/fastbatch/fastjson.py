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

loads: Callable[[bytes], Any] = json.loads if orjson is None else orjson.loads
"""Return what JSON bytes stand for; raises ValueError."""
