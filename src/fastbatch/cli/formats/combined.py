r"""
Access logs in the combined and the common format, as Apache and nginx write them; each line becomes a page event.

What each field of ``host ident user [time] "request" status bytes "referrer" "agent"`` becomes, ``-`` being none:

- host: ``context.ip`` when it is an address, IPv6 included; else the property ``host``.
- ident: nothing; it is never there.
- user: ``userId``, besides the ``anonymousId`` that every event has: the UUIDv5 of host and agent.
- time: ``timestamp``. It is the one field that a line cannot do without.
- request: the properties ``method``, ``path`` and ``search`` (with its ``?``), ``url`` when the target is a whole one;
  the event's name is the path. One that is no request (garbage, TLS bytes) is kept as the property ``request`` under
  the name ``malformed request``, and a missing one is named ``no request``.
- status: the property ``status``, a number.
- bytes: the property ``bytes``, a number; here ``-`` is how Apache writes 0.
- referrer, agent: the property ``referrer``, ``context.userAgent``.
- what follows them: nothing. A line may end anywhere after the bytes; a log that is rotated has such lines.

``\"``, ``\\``, ``\t``, ``\n``, ``\xhh`` and their kin are undone; bytes that are not UTF-8 become U+FFFD.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from fastbatch import Page
from fastbatch.cli.formats.record import NAMESPACE, Lines, Mapping, Record

__all__ = ["is_combined", "read_combined"]

_START = r"(\S+) (\S+) (.*?) \[([^\]]*)\] "
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_NUMBERS = r" (\d{3}|-) (\d+|-)"
_LINE = re.compile(_START + _QUOTED + _NUMBERS + f"(?: {_QUOTED} {_QUOTED}(?: .*)?)?", re.DOTALL)
# For servers that write a quote as it is, and for lines that were cut after the numbers: what is there is taken.
_LENIENT_LINE = re.compile(_START + '"(.*?)"' + _NUMBERS + '(?: "(.*?)"?(?: "(.*?)"?)?| .*)?', re.DOTALL)
# A path, a whole URL, the * of OPTIONS, the host and port of CONNECT; anything else is no request.
_REQUEST = re.compile(
    r"([A-Za-z-]+) (/.*?|[A-Za-z][A-Za-z0-9+.-]*://.*?|\*|(?<=CONNECT )\S+)(?: HTTP/\d(?:\.\d)?)?", re.DOTALL
)
_TARGET = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*://[^/?#]*))?([^?#]*)(\?[^#]*)?(?:#.*)?", re.DOTALL)
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"v": b"\v", b"f": b"\f"}
_TIME = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)", re.ASCII)
_MONTHS: Sequence[str] = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905  # read more easily


def is_combined(line: bytes) -> bool:
    """Return whether a line looks like one of an access log."""
    return _match(line.decode(errors="replace").rstrip("\r\n")) is not None


def read_combined(lines: Lines, _mapping: Mapping) -> Iterator[Record]:
    """Yield a page event for each line."""
    for line in lines:
        text = line.decode(errors="replace").rstrip("\r\n")
        if not text.strip():
            continue
        match = _match(text)
        if match is None:
            yield Record(lines.number, None, "not a line of an access log in combined or common format")
            continue
        try:
            yield Record(lines.number, _page(match, lines.record_id()))
        except ValueError as error:
            yield Record(lines.number, None, str(error))


def _match(text: str) -> re.Match[str] | None:
    return _LINE.fullmatch(text) or _LENIENT_LINE.fullmatch(text)


def _page(match: re.Match[str], message_id: str) -> Page:
    host, _, user, time, request, status, size, referrer, agent = match.groups()
    referrer, agent = _given(referrer), _given(agent)
    properties = _request(_given(request))
    if status != "-":
        properties["status"] = int(status)
    properties["bytes"] = 0 if size == "-" else int(size)
    if referrer:
        properties["referrer"] = referrer
    context: dict[str, Any] = {}
    if host != "-":
        (context if _is_address(host) else properties)["ip" if _is_address(host) else "host"] = host
    if agent:
        context["userAgent"] = agent
    page = {name: properties[name] for name in ("path", "url", "search", "referrer") if name in properties}
    if page:
        context["page"] = page
    return Page(
        user_id=_given(user),
        anonymous_id=_visitor(host, agent or ""),
        name=properties.get("path") or ("malformed request" if "request" in properties else "no request"),
        properties=properties,
        context=context,
        timestamp=_moment(time),
        message_id=message_id,
    )


def _request(request: str | None) -> dict[str, Any]:
    if request is None:
        return {}
    parts = _REQUEST.fullmatch(request)
    target = _TARGET.fullmatch(parts[2]) if parts else None
    if parts is None or target is None:
        return {"request": request}
    origin, path, search = target.groups()
    found = {"method": parts[1], "path": path or "/"}
    if origin:
        found["url"] = parts[2]
    if search:
        found["search"] = search
    return found


def _given(field: str | None) -> str | None:
    if field in (None, "", "-"):
        return None
    if field is None or "\\" not in field:
        return field
    # A byte each: the escapes of a server write the bytes of what may be UTF-8.
    return _ESCAPE.sub(_unescaped, field.encode(errors="replace")).decode(errors="replace")


def _unescaped(match: re.Match[bytes]) -> bytes:
    escaped = match[1]
    if len(escaped) == 3:
        return bytes([int(escaped[1:], 16)])
    return _ESCAPED.get(escaped, escaped)


@functools.lru_cache(maxsize=65536)
def _visitor(host: str, agent: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"{host}\n{agent}".encode(errors="replace").decode()))


@functools.lru_cache(maxsize=65536)
def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@functools.lru_cache(maxsize=1024)
def _moment(text: str) -> datetime:
    parts = _TIME.fullmatch(text)
    if parts is None or parts[2] not in _MONTHS:
        raise ValueError(f"{text!r} is not a time such as 17/May/2015:10:05:03 +0000")
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = parts.groups()
    offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
    zone = timezone(offset if sign == "+" else -offset)
    seconds = min(int(second), 59)  # a leap second is the last moment of its minute
    moment = datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), seconds, tzinfo=zone)
    return moment.astimezone(timezone.utc)
