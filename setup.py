"""
Decides what this interpreter gets: the native core, and the dependencies that have wheels. Static metadata cannot.

A marker sees neither a compiler nor a free-threaded build. `FASTBATCH_BACKEND=pure` leaves the core out and names no
dependency that is not pure Python: that is how the wheel for every interpreter is made. `FASTBATCH_BACKEND=native`
makes a failed compilation an error. Everything else stands in pyproject.toml.
"""

import os
import platform
import shlex
import subprocess
import sys
import sysconfig
from typing import Any

from setuptools import Extension, setup

BACKEND = os.environ.get("FASTBATCH_BACKEND")
IS_FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
IS_DEBUG_BUILD = hasattr(sys, "gettotalrefcount")

CFFI = "cffi>=1.17"
# Each with the first release that has no wheel of it; there, and on other machines, the standard library stands in.
ACCELERATORS = [
    f"{name}; platform_python_implementation == 'CPython' and python_version < '{release}'"
    " and platform_machine in 'x86_64 aarch64 arm64'"
    for name, release in (("isal>=1.7", "3.16"), ("orjson>=3.10", "3.15"), ("zstandard>=0.23", "3.15"))
]


def has_cffi() -> bool:
    """Return whether cffi can be installed here: it refuses a free-threaded 3.13 and has no wheel for 3.16."""
    oldest = (3, 14) if IS_FREE_THREADED else (3, 10)
    return platform.python_implementation() == "CPython" and oldest <= sys.version_info < (3, 16)


def can_compile() -> bool:
    """Return whether there is a C11 compiler with atomics, and the headers of Python."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    program = "#include <Python.h>\n#include <stdatomic.h>\n#include <sys/mman.h>\n"
    include = f"-I{sysconfig.get_path('include')}"
    command = [*compiler, "-std=c11", include, "-fsyntax-only", "-x", "c", "-"]
    try:
        subprocess.run(command, input=program, check=True, capture_output=True, text=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def quick_track() -> Extension:
    """Return the second binding of the one hot call; without it `fastbatch.core.quick` has a twin in Python."""
    return Extension(
        "fastbatch.core._track",
        ["csrc/python/fb_track.c"],
        include_dirs=["csrc"],
        depends=["csrc/fastbatch.h"],
        define_macros=[("Py_LIMITED_API", "0x030A0000")],
        extra_compile_args=["-std=c11", "-O3", "-Wall", "-Wextra"],
        py_limited_api=True,
        optional=BACKEND != "native",
    )


def native_arguments() -> dict[str, Any]:
    """Return what `setup` is told about the native core. One abi3 wheel serves every release that has a GIL."""
    arguments: dict[str, Any] = {"setup_requires": [CFFI], "cffi_modules": ["csrc/ffi_build.py:ffi"]}
    if not (IS_FREE_THREADED or IS_DEBUG_BUILD):
        arguments["options"] = {"bdist_wheel": {"py_limited_api": "cp310"}}
        arguments["ext_modules"] = [quick_track()]
    return arguments


is_native = BACKEND == "native" or (BACKEND != "pure" and has_cffi() and can_compile())
dependencies = ["urllib3>=2"]
if is_native:
    dependencies.append(CFFI)
else:
    print("fastbatch: the pure-Python backend, no native core (FASTBATCH_BACKEND=native says why)", file=sys.stderr)
if BACKEND != "pure" and not IS_FREE_THREADED:
    dependencies += ACCELERATORS

setup(install_requires=dependencies, **(native_arguments() if is_native else {}))
