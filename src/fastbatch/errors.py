"""
The exceptions of fastbatch, all of them below `FastbatchError`.

    FastbatchError
    ├── ConfigError            a setting has a value that is not allowed   (also a ValueError)
    ├── FieldError             a message has a field that is not allowed   (also a ValueError)
    │   └── UnserializableError    a value that has no JSON form
    ├── MessageTooLargeError   an encoded message exceeds its byte limit   (also a ValueError)
    ├── ClosedError            the client was closed
    ├── QueueFullError         the queue is full and ``on_full="raise"``
    ├── TransportError         no response: refused, reset, timed out, ...
    ├── DeliveryError          the final word on a message that was not delivered
    └── FlagsError             feature flags could not be had; raised with ``debug`` only

No message ever holds a write key or the contents of an event beyond the one value that is wrong.
"""

from __future__ import annotations

__all__ = [
    "ClosedError",
    "ConfigError",
    "DeliveryError",
    "FastbatchError",
    "FieldError",
    "FlagsError",
    "MessageTooLargeError",
    "QueueFullError",
    "TransportError",
    "UnserializableError",
]

_SHOWN_VALUE_LIMIT = 80


def shown(value: object) -> str:
    """Return `repr(value)`, cut to a length that fits in a log line."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 the value's own code may raise anything
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _SHOWN_VALUE_LIMIT else text[: _SHOWN_VALUE_LIMIT - 3] + "..."


class FastbatchError(Exception):
    """The base of every exception that fastbatch raises on purpose."""


class ConfigError(FastbatchError, ValueError):
    """
    A setting has a value that is not allowed.

    Args:
        field: Name of the setting.
        value: What was given.
        allowed: What would have been accepted, as a phrase.
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"Config.{field}: {shown(value)} is not allowed; must be {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed


class FieldError(FastbatchError, ValueError):
    """
    A message has a field whose value is missing or not allowed.

    The text starts as the Go SDKs' does: ``Track.event: invalid field value: ''``.

    Args:
        kind: Type of the message, such as ``"Track"``.
        field: Name of the field, a dotted path where the value is nested.
        value: What was given.
        allowed: What would have been accepted, as a phrase.
    """

    def __init__(self, kind: str, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{kind}.{field}: invalid field value: {shown(value)}; must be {allowed}")
        self.kind = kind
        self.field = field
        self.value = value
        self.allowed = allowed


class UnserializableError(FieldError):
    """A message holds a value that has no JSON form: an unknown type, a cycle, too deep a nesting."""


class MessageTooLargeError(FastbatchError, ValueError):
    """
    An encoded message exceeds its byte limit.

    Args:
        size: Length of the encoded message, bytes.
        limit: The longest that would have been accepted, bytes.
    """

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"the encoded message has {size} bytes; at most {limit} are allowed")
        self.size = size
        self.limit = limit


class ClosedError(FastbatchError):
    """The client was closed; it takes no more messages."""

    def __init__(self) -> None:
        super().__init__("the client was closed and takes no more messages")


class QueueFullError(FastbatchError):
    """
    The queue is full and ``on_full`` is ``"raise"``.

    Args:
        limit: The queue's bound, bytes.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"the queue is full: it holds at most {limit} bytes")
        self.limit = limit


class TransportError(FastbatchError):
    """
    A request ended without a response.

    Args:
        reason: What happened, in words that hold no payload and no key.
        possibly_delivered: True when the server may have received the whole request.
        kind: ``"timeout"``, ``"refused"`` when nobody listens there, or ``"network"`` for anything else.
    """

    def __init__(self, reason: str, *, possibly_delivered: bool, kind: str = "network") -> None:
        super().__init__(reason)
        self.possibly_delivered = possibly_delivered
        self.kind = kind


class DeliveryError(FastbatchError):
    """
    The final word on a message that was accepted and not delivered.

    Args:
        cause: The drop cause it is counted under, such as ``"rejected"``.
        status: HTTP status of the last response, None when there was none.
        detail: What the server or the transport said, cut short.
    """

    def __init__(self, cause: str, status: int | None, detail: str) -> None:
        said = f"HTTP {status}" if status is not None else "no response"
        super().__init__(f"not delivered ({cause}, {said}): {detail}")
        self.cause = cause
        self.status = status
        self.detail = detail


class FlagsError(FastbatchError):
    """
    Feature flags, or their definitions, could not be had.

    Args:
        word: What an event calls it in ``$feature_flag_error``: ``timeout``, ``connection_error``, ``quota_limited``,
            ``api_error_<status>`` or ``unknown_error``.
        detail: What happened, in words that hold no key and nothing of a person.
        status: HTTP status, None when there was no answer.
    """

    def __init__(self, word: str, detail: str, status: int | None = None) -> None:
        super().__init__(f"feature flags: {word}: {detail}")
        self.word = word
        self.detail = detail
        self.status = status
