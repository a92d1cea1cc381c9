"""Which proxy a URL is reached through, and what the proxy wants to be told."""

from __future__ import annotations

import base64
import urllib.request
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

__all__ = ["Proxy", "proxy_for"]


class Proxy(NamedTuple):
    """A proxy's URL without the credentials, and the value of Proxy-Authorization that they make."""

    url: str
    authorization: str | None


def proxy_for(url: str, chosen: str | None) -> Proxy | None:
    """
    Return the proxy for ``url``, None when it is reached directly.

    Args:
        url: Where the request goes.
        chosen: The proxy that the program chose, which the environment then has no say in.

    Raises:
        ValueError: When the proxy's URL makes no sense.
    """
    address = chosen if chosen is not None else _from_environment(url)
    return _parse(address) if address else None


def _from_environment(url: str) -> str | None:
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def _parse(address: str) -> Proxy:
    # "proxy:3128" is common in the environment; without a scheme it would read as one.
    parts = urlsplit(address if "://" in address else f"http://{address}")
    if not parts.hostname:
        raise ValueError("the proxy's URL has no host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    url = f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")
    return Proxy(url, _authorization(parts.username, parts.password))


def _authorization(user: str | None, password: str | None) -> str | None:
    if not user:
        return None
    credentials = f"{unquote(user)}:{unquote(password or '')}".encode()
    return f"Basic {base64.b64encode(credentials).decode('ascii')}"
