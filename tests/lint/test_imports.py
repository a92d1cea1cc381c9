"""Import rules that import-linter cannot see: the compiled core has no source file, and C includes are not imports."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.lint

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "fastbatch"


def imported_names(path: Path) -> set[str]:
    """Return the modules and names that a file imports: ``from a import b`` gives ``a`` and ``a.b``."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def test_only_core_native_imports_the_compiled_core() -> None:
    compiled = "fastbatch.core._native"
    importers = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.glob("**/*.py")
        if any(name == compiled or name.startswith(f"{compiled}.") for name in imported_names(path))
    }
    assert importers <= {"core/native.py"}


def test_the_native_core_knows_neither_python_nor_stdio_and_keeps_its_clock_apart() -> None:
    allowed = {"fb_clock.c: <time.h>"}
    found = {
        f"{path.name}: {header}"
        for path in ROOT.glob("csrc/*.[ch]")
        for header in ("<Python.h>", "<stdio.h>", "<time.h>", "<sys/time.h>")
        if f"#include {header}" in path.read_text()
    }
    assert found <= allowed
