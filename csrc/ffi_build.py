"""
Declares the native core to cffi, out of the one header that Python sees.

setup.py asks for it where there is a compiler. Should the compilation fail all the same, setuptools warns and
`fastbatch.core.pure` takes over, unless FASTBATCH_BACKEND=native insists.
"""

import os
import re
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).parent


def declarations(header: str) -> str:
    """Return the part of the header between its two cdef marks, without comments."""
    part = header.partition("/* cdef: begin */")[2].partition("/* cdef: end */")[0]
    return re.sub(r"/\*.*?\*/", "", part, flags=re.DOTALL)


ffi = FFI()
ffi.cdef(declarations((HERE / "fastbatch.h").read_text()))
ffi.set_source(
    "fastbatch.core._native",
    '#include "fastbatch.h"',
    # Relative to the project's root, where setuptools runs.
    sources=[f"csrc/{path.name}" for path in sorted(HERE.glob("*.c"))],
    include_dirs=["csrc"],
    depends=[f"csrc/{path.name}" for path in sorted(HERE.glob("*.h"))],
    extra_compile_args=["-std=c11", "-O3", "-Wall", "-Wextra", "-Wno-unused-parameter"],
    optional=os.environ.get("FASTBATCH_BACKEND") != "native",
)
