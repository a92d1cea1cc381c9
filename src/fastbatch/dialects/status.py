"""From a response to a verdict: the table of statuses, the Retry-After header and what the server said."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from fastbatch.typing import Response, Verdict

__all__ = ["SERVER_ERRORS", "StatusTable", "detail_of", "line_of", "retry_after_of"]

SERVER_ERRORS = frozenset(range(500, 600)) - {501, 505}
"""What a later attempt may cure; 501 and 505 say that it never will."""

LONGEST_RETRY_AFTER = 300.0
"""Seconds; more would let one wrong header park a batch for as long as it likes."""

DETAIL_LIMIT = 200
READ_LIMIT = 4096
"""Of a page of text, this much is looked at for a detail."""


@dataclass(frozen=True, slots=True)
class StatusTable:
    """
    What a vendor's statuses mean. Any 2xx is a delivery; what no set names is final.

    Args:
        retry: The same batch may succeed later.
        split: One of the batch's messages, or their sum, is to blame.
        reroute: The vendor's nodes have changed.
        longest_retry_after: What a wait that the server asks for is cut to, seconds.
    """

    retry: frozenset[int] = SERVER_ERRORS | {408, 429}
    split: frozenset[int] = frozenset({400, 413})
    reroute: frozenset[int] = frozenset()
    longest_retry_after: float = LONGEST_RETRY_AFTER

    def verdict(self, response: Response, secret: str = "") -> Verdict:
        """Return what ``response`` means; its detail does not repeat ``secret``."""
        status = response.status
        if 200 <= status < 300 and not _is_refusal(response.body):
            return Verdict("delivered")
        detail = detail_of(response, secret)
        if status in self.retry:
            return Verdict("retry", retry_after=self.retry_after(response), detail=detail)
        if status in self.split:
            return Verdict("split", detail=detail)
        if status in self.reroute:
            return Verdict("reroute", retry_after=self.retry_after(response), detail=detail)
        return Verdict("drop", detail=detail)

    def retry_after(self, response: Response) -> float | None:
        """Return the wait that the server asks for, at most the vendor's longest."""
        asked = retry_after_of(response)
        return None if asked is None else min(asked, self.longest_retry_after)


def _is_refusal(body: bytes) -> bool:
    # The bytes are looked at first, because nearly every answer is a delivery and need not be parsed.
    return b"false" in body and isinstance(said := _object_in(body), dict) and said.get("success") is False


def retry_after_of(response: Response, now: float | None = None) -> float | None:
    """
    Return the wait that the header Retry-After asks for, from 0 to `LONGEST_RETRY_AFTER` seconds.

    Both forms of RFC 9110, section 10.2.3, are read. What is neither is None, as is a header that is missing.
    """
    text = response.headers.get("retry-after", "").strip()
    seconds = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else _seconds_until(text, now)
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _seconds_until(date: str, now: float | None) -> float | None:
    try:
        then = parsedate_to_datetime(date)
        # "-0000" and a missing zone parse as naive; HTTP dates are UTC.
        then = then if then.tzinfo else then.replace(tzinfo=timezone.utc)
        return then.timestamp() - (time.time() if now is None else now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def detail_of(response: Response, secret: str = "") -> str:
    """Return in a line what the server said about itself: printable, short, without ``secret``, never empty."""
    return line_of(_said(response.body), secret) or _phrase(response.status)


def line_of(text: str, secret: str = "") -> str:
    """Return a server's words as one line: printable, short, without ``secret``."""
    line = _printable(text[:READ_LIMIT])
    return (line.replace(secret, "<hidden>") if secret else line)[:DETAIL_LIMIT]


def _said(body: bytes) -> str:
    if body.lstrip()[:1] in (b"{", b"["):
        # Only the members that hold an explanation: the rest may be the payload, sent back.
        said = _object_in(body)
        return _explanation(said) if isinstance(said, dict) else ""
    text = body[:READ_LIMIT].decode("utf-8", "replace")
    if text.lstrip().startswith("<"):
        title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
        return title[1] if title else ""
    return text


def _object_in(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


_EXPLANATIONS = ("message", "error_description", "detail", "error", "msg")


def _explanation(said: dict[str, Any]) -> str:
    inner = said.get("error")
    source = inner if isinstance(inner, dict) else said
    code = source.get("code")
    words = [str(code)[:READ_LIMIT]] if isinstance(code, (str, int)) and not isinstance(code, bool) else []
    message = next((source[key] for key in _EXPLANATIONS if isinstance(source.get(key), str)), "")
    return ": ".join([*words, message[:READ_LIMIT]] if message else words)


def _printable(text: str) -> str:
    """Return ``text`` as one line: a control character in a log could forge a line of it."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _phrase(status: int) -> str:
    if 300 <= status < 400:
        return "redirects are not followed"
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "unknown status"
