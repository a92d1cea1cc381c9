"""
The command `fastbatch`.

click and rich come with the extra ``cli``. Nothing imports them before `main` has seen that they are there.
"""

from __future__ import annotations

import importlib.util
import sys

__all__ = ["main"]

_NEEDED = ("click", "rich")


def main() -> None:
    """Run the command line and exit."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"fastbatch: the command line needs {' and '.join(missing)}; to get it: pip install 'fastbatch[cli]'")
    from fastbatch.cli.app import app  # noqa: PLC0415  # it imports click

    app(prog_name="fastbatch")
