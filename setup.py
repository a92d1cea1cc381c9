"""Builds the native core, when there is a compiler; everything else stands in pyproject.toml."""

from setuptools import setup

setup(cffi_modules=["csrc/ffi_build.py:ffi"])
