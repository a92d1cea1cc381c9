"""What became of a request, in few words or in one, that hold no payload, no key and no header."""

from __future__ import annotations

import http.client
import os
import socket
import ssl

from fastbatch.transports.deadline import Stage

__all__ = ["kind", "reason"]


def reason(error: BaseException, stage: Stage) -> str:
    """Return what happened in a few words that hold nothing of the request."""
    cause = _root(error)
    return _tls_reason(cause) if isinstance(cause, ssl.SSLError) else _plain_reason(cause, stage)


def kind(error: BaseException) -> str:
    """Return which sort of failure it was: ``timeout``, ``refused`` or ``network``."""
    cause = _root(error)
    if isinstance(cause, TimeoutError):
        return "timeout"
    return "refused" if isinstance(cause, ConnectionRefusedError) else "network"


def _root(error: BaseException) -> BaseException:
    # urllib3 hands on the exception it wraps as an argument here and as the cause there.
    while True:
        inner = next((each for each in error.args if isinstance(each, BaseException)), None) or error.__cause__
        if inner is None:
            return error
        error = inner


def _tls_reason(error: ssl.SSLError) -> str:
    detail = getattr(error, "verify_message", None) or error.reason or type(error).__name__
    return "TLS: " + str(detail).lower().replace("_", " ")


_PHRASES: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "the name of the host cannot be resolved"),
    (ConnectionRefusedError, "connection refused"),
    (http.client.LineTooLong, "the response has too long a line"),
    (http.client.BadStatusLine, "the response is not HTTP"),
    (http.client.HTTPException, "the response has malformed headers"),
    (ssl.CertificateError, "TLS: certificate of another host"),
)


def _plain_reason(error: BaseException, stage: Stage) -> str:
    if isinstance(error, TimeoutError) and error.errno is None:
        return f"timed out while {stage.value}"
    if isinstance(error, http.client.RemoteDisconnected):
        return f"connection closed while {stage.value}"
    for kind, phrase in _PHRASES:
        if isinstance(error, kind):
            return phrase
    if isinstance(error, OSError):
        # Without a number it is http.client's: "Tunnel connection failed: 407 ...".
        words = os.strerror(error.errno).lower() if error.errno else _printable(str(error))
        return f"{words} while {stage.value}"
    return f"{type(error).__name__} while {stage.value}"


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:100]
