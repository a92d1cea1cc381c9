"""
The types that the parts of fastbatch share, and the Protocols that a third party may implement.

A `Dialect` knows a vendor, a `Transport` knows a network, a `Message` knows its fields; none of them knows the others.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

__all__ = [
    "Attempt",
    "Callback",
    "Constants",
    "DeliveryReport",
    "Dialect",
    "Envelope",
    "Limits",
    "Message",
    "Outcome",
    "QuickForm",
    "Request",
    "Response",
    "Stamp",
    "Template",
    "Transport",
    "Verdict",
]


class Stamp(enum.Enum):
    """What the core writes into a message when it is appended."""

    MESSAGE_ID = 1
    """A UUIDv7, 36 characters."""
    ANONYMOUS_ID = 2
    """Another UUIDv7, 36 characters, never equal to a message id."""
    TIMESTAMP_MS = 3
    """RFC 3339 in UTC with milliseconds: ``2026-11-21T10:09:52.945Z``."""
    TIMESTAMP_US = 4
    """RFC 3339 in UTC with microseconds: ``2026-11-21T10:09:52.945123Z``."""
    FIELDS = 5
    """The caller's encoded fields without their braces; exactly once in a template, unless it has values."""
    VALUE = 6
    """
    In place of the fields: the next element of the caller's encoded array, at most 4: strings that are not empty, then
    an object.

    A client's own, for calls that are made very often: an array is cheaper to build and to encode than an object.
    """
    MEMBERS = 7
    """
    In place of the last value: its members, and the brace that closes them. They continue an object that the template
    has begun, with at least one member of its own: what is constant in it is then never encoded again.
    """


Template: TypeAlias = "tuple[bytes | Stamp, ...]"
"""One message as constant bytes and stamps: ``(b'{"messageId":"', Stamp.MESSAGE_ID, b'",', Stamp.FIELDS, b'}')``."""


class QuickForm(NamedTuple):
    """The form of a message that a client's quick calls send: one array of values, as cheap as can be."""

    template: Template
    reserved: frozenset[str]
    """Keys that the last value must not have, because the template has them or the dialect moves them elsewhere."""


class Envelope(NamedTuple):
    """
    The constant bytes of one request body.

    The body is ``head``, then the messages joined by commas, then ``tail``; ``message_head`` stands in place of each
    message's opening brace, which lets a dialect say something in each message that is known only when it is sent.
    """

    head: bytes
    tail: bytes
    message_head: bytes = b"{"


class Limits(NamedTuple):
    """A vendor's defaults for `Config`: messages a batch, bytes a message, bytes a whole uncompressed body."""

    batch_size: int
    max_message_bytes: int
    max_batch_bytes: int


class Constants(NamedTuple):
    """What a client puts into each of its messages; each a plain dict that the dialect may read and not change."""

    context: Mapping[str, Any]
    """``default_context``."""
    integrations: Mapping[str, Any] | None
    """Default destinations, None when none are set."""


class Attempt(NamedTuple):
    """One HTTP try of a batch."""

    number: int
    """From 1. What is left of a batch counts on; the halves of one that was split begin anew."""
    request_id: str
    """A UUID, the same in all attempts of a batch."""
    created_at: str
    """RFC 3339: when the batch was first framed, the same in all attempts."""
    sent_at: str
    """RFC 3339: when this attempt is made."""
    route: int
    """Which of the dialect's groups the batch belongs to."""


class Request(NamedTuple):
    """One HTTP request; ``body`` is only valid until `Transport.send` returns."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | memoryview
    max_response_bytes: int = 65_536
    """What of the response's body is of use."""


class Response(NamedTuple):
    """
    One HTTP response: ``headers`` with lower-case names, ``body`` cut to `Request.max_response_bytes`.

    ``cut`` says why the body is not whole, as far as that is known: ``"too long"``, ``"timeout"`` or ``"network"``;
    empty otherwise.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: str = ""


Outcome: TypeAlias = Literal["delivered", "retry", "drop", "split", "reroute", "itemized"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What a response means for the batch it answers.

    Args:
        outcome:
            ``delivered``; ``retry`` the whole batch later; ``drop`` it for ``cause``; ``split`` it, because one of its
            messages is to blame (a batch of one is then dropped for ``cause``); ``reroute``: ask `Dialect.reroute`,
            then retry; ``itemized``: ask `Dialect.verdicts` about each message.

        cause: The drop cause, ``rejected`` unless the dialect knows better.

        retry_after: The least wait before the next attempt that the server asked for, seconds.

        detail: What the server said, cut short; it never holds a payload or a key. With ``delivered`` it is a warning.

        is_ambiguous: True when the server may have kept the messages, though it did not say so.
    """

    outcome: Outcome
    cause: str = "rejected"
    retry_after: float | None = None
    detail: str = ""
    is_ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """
    The final word on the messages of one batch; on those with the same word, where the server judged each by itself.

    Args:
        delivered: True when the server has them.
        cause: The drop cause, empty when delivered.
        messages: How many they are.
        attempts: HTTP tries it took, 0 when none was made.
        status: HTTP status of the last response, None when there was none.
        detail: What the server or the transport said about a failure, or its warning about a delivery, cut short.
        body_bytes: Length of the last uncompressed body.
        sent_bytes: Length of the last body as sent.
        seconds: From the first attempt to the final word.
    """

    delivered: bool
    cause: str
    messages: int
    attempts: int
    status: int | None
    detail: str
    body_bytes: int
    sent_bytes: int
    seconds: float


class Message(Protocol):
    """
    What `Client.enqueue` takes.

    ``kind`` is the vendor's word for it (``"track"``). `fields` checks the message and returns what the caller gave,
    under the names of Segment's specification (``userId``, ``event``, ``properties``, ``messageId``, ``timestamp``,
    ``context``, ``integrations``, ...), without those that were not given.

    Raises `FieldError` from `fields` when a field is missing or not allowed.
    """

    kind: ClassVar[str]

    def fields(self) -> dict[str, Any]: ...


class Dialect(Protocol):
    """
    One vendor's wire rules; `fastbatch.dialects.base.BaseDialect` has the defaults. Each client has its own instance.

    Attributes:
        name: The word for it in ``Client(dialect=...)``.
        endpoint: Default base URL.
        limits: Defaults of the sizes.
        compressions: Values of ``compression`` that the vendor's servers take.
        routes: Into how many groups a batch is divided; 1 is: not at all.
        keeps_envelope: True when the envelope says when the batch was first framed, in every attempt, and False when it
            says when the attempt is made.
        max_response_bytes: How much of a response's body `verdict` wants to see.
    """

    name: str
    endpoint: str
    limits: Limits
    compressions: frozenset[str]
    routes: int
    keeps_envelope: bool
    max_response_bytes: int

    def url(self, endpoint: str) -> str:
        """Return the URL that batches are POSTed to, given the base URL."""
        ...

    def headers(self, write_key: str) -> dict[str, str]:
        """Return the headers of every request: authorization, content type, user agent."""
        ...

    def template(self, kind: str, given: frozenset[str], constants: Constants) -> Template:
        """
        Return the bytes around a message's fields, given which of `Message.fields` are present.

        What is present in ``given`` stands in the fields and must not be stamped again.
        """
        ...

    def fields(self, kind: str, fields: dict[str, Any], constants: Constants) -> dict[str, Any]:
        """
        Return the fields under this vendor's names; ``fields`` is a dict of our own and may be changed.

        What becomes of a field depends on which fields there are, not on their values.
        """
        ...

    def draft(self, kind: str, fields: dict[str, Any], constants: Constants) -> dict[str, Any]:
        """Return the fields as ``before_send`` shall see them; the same as `fields` where the vendor has one form."""
        ...

    def revise(self, draft: Mapping[str, Any], message: dict[str, Any]) -> dict[str, Any]:
        """
        Return the whole message that is sent, given what ``before_send`` was shown and what it returned.

        What it raises costs the message.
        """
        ...

    def quick(self, kind: str, constants: Constants) -> QuickForm | None:
        """Return the form of the commonest message of this kind, None where there is none."""
        ...

    def envelope(self, write_key: str, sent_at: str) -> Envelope:
        """
        Return the body's constant bytes; their lengths never vary.

        ``sent_at`` (RFC 3339) is when the request is made, or when the batch first was, see ``keeps_envelope``.
        """
        ...

    def verdict(self, response: Response) -> Verdict:
        """Return what ``response`` means."""
        ...

    def verdicts(self, response: Response, messages: Sequence[bytes]) -> list[Verdict]:
        """
        Return what ``response`` means for each of these messages, after a verdict of ``itemized``.

        Each is ``delivered``, ``retry`` or ``drop``.
        """
        ...

    def route(self, message: bytes) -> int:
        """Return the group of an encoded message, below ``routes``; asked only when ``routes`` is more than 1."""
        ...

    def attempt_headers(self, attempt: Attempt) -> Mapping[str, str]:
        """Return the headers that this attempt's request has besides `headers`."""
        ...

    def reroute(self, ask: Callable[[str, str], Response], endpoint: str) -> None:
        """
        Bring ``routes`` up to date after a ``reroute`` verdict.

        ``ask(method, url)`` makes one request with this dialect's headers; it raises `TransportError`. What this raises
        is logged, and the batch is tried again by the old routes.
        """
        ...


@runtime_checkable
class Transport(Protocol):
    """
    Carries a request to a server. Called by many threads at once, and by every client that it is given to.

    Who makes one closes it: a client does so with its own, and leaves to the program what the program gave it.
    """

    def send(self, request: Request, timeout: float) -> Response:
        """
        Return the response, whatever its status, within ``timeout`` seconds.

        Raises:
            TransportError: When there was no response.
        """
        ...

    def close(self) -> None:
        """Let go of connections; called by whoever made it, when no client uses it any more."""
        ...


class Callback(Protocol):
    """Hears of each message's outcome, on a thread of fastbatch's own. The message is a fresh dict, as it was sent."""

    def success(self, message: dict[str, Any]) -> None: ...

    def failure(self, message: dict[str, Any], error: Exception) -> None: ...
