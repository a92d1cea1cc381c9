"""What PostHog is told of the machine and the library that an event comes from."""

from __future__ import annotations

import functools
import os
import platform
import sys
from typing import Any

from fastbatch.version import VERSION

__all__ = ["LIBRARY_PROPERTIES", "release_properties", "system_properties"]

LIBRARY_PROPERTIES = {"$lib": "fastbatch", "$lib_version": VERSION}


@functools.lru_cache(maxsize=1)
def system_properties() -> dict[str, str]:
    """Return the interpreter and the operating system, under the names of PostHog's own Python client."""
    return {
        "$python_runtime": platform.python_implementation(),
        "$python_version": ".".join(map(str, sys.version_info[:3])),
        **_os_properties(sys.platform),
    }


def release_properties() -> dict[str, str]:
    """Return the release that the environment names; an event may name another."""
    release = os.environ.get("POSTHOG_RELEASE_ID", "").strip()
    return {"$release_id": release} if release else {}


def _os_properties(name: str) -> dict[str, str]:
    distribution = ""
    if name.startswith("win"):
        system, version = "Windows", platform.win32_ver()[0]
    elif name == "darwin":
        system, version = "Mac OS X", platform.mac_ver()[0]
    elif name.startswith("linux"):
        release = _linux_release()
        system, version, distribution = "Linux", release.get("VERSION_ID", ""), release.get("NAME", "")
    else:
        system, version = ("FreeBSD" if name.startswith("freebsd") else name), platform.release()
    properties = {"$os": system, "$os_version": version}
    return {**properties, "$os_distro": distribution} if distribution else properties


def _linux_release() -> dict[str, Any]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}
