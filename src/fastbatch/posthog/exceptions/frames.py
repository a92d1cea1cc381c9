"""One frame as PostHog shows it: where it is, the lines around it, and whether it is the program's own."""

from __future__ import annotations

import linecache
import os
import re
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

__all__ = ["Budget", "Frames", "cut"]

LINES_AROUND = 5
MOST_LINE_BYTES = 1024
MOST_FRAMES = 200
"""Of one exception. Of a deeper stack, as of a recursion, the outer quarter and the inner rest are kept."""

MOST_CONTEXT_BYTES = 256 * 1024
"""Of source lines in one event, which must fit into 900 KiB; frames beyond it have none."""

_INSTALLED = re.compile(r"[\\/](?:dist|site)-packages[\\/]")


class Budget:
    """What is left of an amount."""

    def __init__(self, amount: int) -> None:
        self.left = amount

    def take(self, amount: int) -> bool:
        """Take ``amount`` if so much is left."""
        if amount > self.left:
            return False
        self.left -= amount
        return True


class Frames:
    """
    Describes the frames of one event.

    Args:
        project_root: What lies below it is the program's own; None for nothing.
        in_app_modules: Modules and packages that are the program's own wherever they lie.
    """

    def __init__(self, project_root: str | None, in_app_modules: Sequence[str] | None) -> None:
        self._root = project_root
        self._modules = tuple(in_app_modules or ())
        self._lines = Budget(MOST_CONTEXT_BYTES)

    def describe(self, frame: FrameType, line: int) -> dict[str, Any]:
        """Return the frame under PostHog's names."""
        path = frame.f_code.co_filename
        module = frame.f_globals.get("__name__")
        module = module if isinstance(module, str) else None
        described: dict[str, Any] = {
            "platform": "python",
            "filename": _short_name(module, path) or None,
            "abs_path": _absolute(path) if path else None,
            "function": frame.f_code.co_name or "<unknown>",
            "module": module,
            "lineno": line,
        }
        described |= self._context(frame, line)
        is_own = self._is_own(module, described["abs_path"])
        if is_own is not None:
            described["in_app"] = is_own
        return described

    def _context(self, frame: FrameType, line: int) -> dict[str, Any]:
        nothing: dict[str, Any] = {"pre_context": [], "context_line": None, "post_context": []}
        try:
            lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
        except Exception:  # noqa: BLE001 - a loader of the program's own
            return nothing
        if not 1 <= line <= len(lines):
            return nothing  # there is no source, or it has changed since it was loaded
        start = max(0, line - 1 - LINES_AROUND)
        shown = [cut(text.strip("\r\n"), MOST_LINE_BYTES) for text in lines[start : line + LINES_AROUND]]
        if not self._lines.take(sum(map(len, shown))):
            return nothing
        at = line - 1 - start
        return {"pre_context": shown[:at], "context_line": shown[at], "post_context": shown[at + 1 :]}

    def _is_own(self, module: str | None, path: str | None) -> bool | None:
        """Return None when nothing tells."""
        if module is not None and any(module == own or module.startswith(own + ".") for own in self._modules):
            return True
        if path is None:
            return None
        if _INSTALLED.search(path):
            return False
        return True if self._root is not None and path.startswith(self._root) else None


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(path)
    except OSError:  # the working directory is gone
        return path


def _short_name(module: str | None, path: str) -> str:
    """Return the path below the folder that the top package lies in."""
    if not path or not module:
        return path
    top = module.partition(".")[0]
    if top == module:
        return os.path.basename(path)
    top_path = getattr(sys.modules.get(top), "__file__", None)
    if not isinstance(top_path, str):
        return path
    folder = os.path.dirname(os.path.dirname(top_path))
    return path[len(folder) :].lstrip(os.sep) if folder and path.startswith(folder) else path


def cut(text: str, most_bytes: int) -> str:
    """Return the text, shortened to as many bytes of UTF-8 and ending in dots where it has more."""
    if len(text) * 4 <= most_bytes:
        return text
    encoded = text.encode("utf-8", "surrogatepass")
    if len(encoded) <= most_bytes:
        return text
    return encoded[: most_bytes - 3].decode("utf-8", "ignore") + "..."
