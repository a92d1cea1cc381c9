"""Builds the native core and the quick track, when there is a compiler; everything else stands in pyproject.toml."""

import sysconfig

from setuptools import Extension, setup

# Without it `fastbatch.core.quick` has a twin in Python. A free-threaded build has no limited API.
quick_track = Extension(
    "fastbatch.core._track",
    ["csrc/python/fb_track.c"],
    include_dirs=["csrc"],
    depends=["csrc/fastbatch.h"],
    define_macros=[("Py_LIMITED_API", "0x030A0000")],
    extra_compile_args=["-std=c11", "-O3", "-Wall", "-Wextra"],
    py_limited_api=True,
    optional=True,
)

setup(
    cffi_modules=["csrc/ffi_build.py:ffi"],
    ext_modules=[] if sysconfig.get_config_var("Py_GIL_DISABLED") else [quick_track],
)
