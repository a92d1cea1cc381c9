"""What vendors have in common: a dialect is one file that subclasses `BaseDialect` and says what is different."""
# ruff: noqa: ARG002 - a method here has the arguments that a subclass needs

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from fastbatch.dialects.status import StatusTable
from fastbatch.errors import ConfigError, FieldError
from fastbatch.typing import (
    Attempt,
    Constants,
    Envelope,
    Limits,
    QuickForm,
    Response,
    Stamp,
    Template,
    Verdict,
)
from fastbatch.version import VERSION

__all__ = ["LIBRARY", "USER_AGENT", "BaseDialect", "to_json"]

LIBRARY = {"name": "fastbatch", "version": VERSION}
"""``context.library`` of every message."""

USER_AGENT = f"fastbatch/{VERSION}"

_SETTING_OF = {"context": "default_context"}
"""Which setting a constant member comes from, where the names differ."""


class BaseDialect:
    """
    The wire of Segment's family: Basic authorization, ``POST /v1/batch``, messages joined under ``batch``.

    A subclass names itself and its endpoint, and overrides what its vendor does differently. A client has an
    instance of its own.
    """

    name: str
    endpoint: str
    path: str = "/v1/batch"
    """What follows the base URL."""
    limits: Limits = Limits(batch_size=250, max_message_bytes=32_768, max_batch_bytes=512_000)
    compressions: frozenset[str] = frozenset({"gzip", "none"})
    routes: int = 1
    keeps_envelope: bool = False
    max_response_bytes: int = 65_536
    statuses: StatusTable = StatusTable()

    renames: Mapping[str, str] = {}
    """Fields that have another name on this wire."""
    reserved: frozenset[str] = frozenset({"type"})
    """Fields that the dialect alone writes; a caller's are left out."""
    foreign: Mapping[str, str] = {"capture": "posthog", "group_identify": "posthog"}
    """Kinds of message that this vendor's servers do not know, and the dialect that does."""

    _write_key: str = ""

    def base_url(self, endpoint: str) -> str:
        """
        Return ``endpoint`` without the dialect's own path.

        Vendors' documents give base URLs with ``/v1`` and without it, and some SDKs take one, some the other.
        """
        parts = urlsplit(endpoint)
        path = parts.path.rstrip("/")
        own = self.path.rstrip("/")
        while own and not path.endswith(own):
            own = own.rpartition("/")[0]
        return urlunsplit((parts.scheme, parts.netloc, path.removesuffix(own).rstrip("/"), "", ""))

    def url(self, endpoint: str) -> str:
        """Return the URL that batches are POSTed to."""
        return self.base_url(endpoint) + self.path

    def headers(self, write_key: str) -> dict[str, str]:
        """Return the headers of every request; the key is remembered so that no verdict repeats it."""
        self._write_key = write_key
        credentials = base64.b64encode(f"{write_key}:".encode()).decode("ascii")
        return {
            "Authorization": f"Basic {credentials}",
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
        }

    def members(self, kind: str, constants: Constants) -> dict[str, object]:
        """
        Return what a message has besides its type and the caller's fields: stamps and constant values.

        The names are those of `Message.fields`; a member that the caller gave stands back for the caller's.
        """
        members: dict[str, object] = {
            "messageId": Stamp.MESSAGE_ID,
            "timestamp": Stamp.TIMESTAMP_MS,
            "context": self._context(constants, {}),
        }
        if constants.integrations is not None:
            members["integrations"] = dict(constants.integrations)
        return members

    def template(self, kind: str, given: frozenset[str], constants: Constants) -> Template:
        """
        Return the bytes around a message's fields: first the stamps, then the fields, then the constants.

        Raises:
            ConfigError: When a constant has no JSON form.
        """
        parts: list[bytes | Stamp] = []
        text, end = b'{"type":' + to_json(kind, "type"), b"}"
        constant = b""
        for name, value in self.members(kind, constants).items():
            if name in given - self.reserved:
                continue
            key = b"," + to_json(self.renames.get(name, name), name) + b":"
            if isinstance(value, Stamp):
                parts += [text + key + b'"', value]
                text = b'"'
            else:
                constant += key + to_json(value, _SETTING_OF.get(name, name))
        return (*parts, text + b",", Stamp.FIELDS, constant + end)

    def fields(self, kind: str, fields: dict[str, Any], constants: Constants) -> dict[str, Any]:
        """
        Return the fields under this vendor's names, with our library and the default context in their context.

        Raises:
            FieldError: For a message of another vendor's, which the servers would take and throw away.
        """
        if kind in self.foreign:
            allowed = f"a message that the dialect {self.name!r} knows; {self.foreign[kind]!r} knows this one"
            raise FieldError(kind.title().replace("_", ""), "kind", kind, allowed)
        for name in self.reserved:
            fields.pop(name, None)
        if "context" in fields:
            fields["context"] = self._context(constants, fields["context"])
        for name, renamed in self.renames.items():
            if name in fields:
                fields[renamed] = fields.pop(name)
        return fields

    def draft(self, kind: str, fields: dict[str, Any], constants: Constants) -> dict[str, Any]:
        """Return the fields as they are sent."""
        return self.fields(kind, fields, constants)

    def revise(self, draft: Mapping[str, Any], message: dict[str, Any]) -> dict[str, Any]:
        """Return the message as it is."""
        return message

    def quick(self, kind: str, constants: Constants) -> QuickForm | None:
        """Return None: a client finds out for itself whether `fields` leaves a common message as it is."""
        return None

    def _context(self, constants: Constants, given: Mapping[str, Any]) -> dict[str, Any]:
        return {**constants.context, **given, "library": dict(LIBRARY)}

    def envelope(self, write_key: str, sent_at: str) -> Envelope:
        """Return the body's constant bytes: the messages, then ``sentAt``."""
        return Envelope(head=b'{"batch":[', tail=b'],"sentAt":' + to_json(sent_at, "sentAt") + b"}")

    def verdict(self, response: Response) -> Verdict:
        """Return what ``response`` means by `statuses`."""
        return self.statuses.verdict(response, self._write_key)

    def verdicts(self, response: Response, messages: Sequence[bytes]) -> list[Verdict]:
        """Return the same for all."""
        return [self.verdict(response)] * len(messages)

    def route(self, message: bytes) -> int:
        """Return the one group there is."""
        return 0

    def attempt_headers(self, attempt: Attempt) -> Mapping[str, str]:
        """Return no further headers."""
        return {}

    def reroute(self, ask: Callable[[str, str], Response], endpoint: str) -> None:
        """Do nothing: there is one route."""


def to_json(value: object, setting: str) -> bytes:
    """
    Return ``value`` as compact JSON.

    Raises:
        ConfigError: Under the name ``setting``, when it has no JSON form.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(setting, value, f"a value that has a JSON form ({error})") from None
