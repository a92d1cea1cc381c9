"""
Fields to JSON bytes: the moment at which an event stops being the caller's.

Two encoders write the same bytes. orjson is several times faster; the plain one needs nothing and takes what orjson
refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastbatch.errors import FieldError
from fastbatch.fastjson import orjson
from fastbatch.pipeline.coerce import coerce
from fastbatch.pipeline.plain_json import encode_plainly, title

__all__ = ["DUMPS_ARGUMENTS", "IS_FAST", "dumps", "encode", "encode_fields", "encode_plainly"]

_OPTIONS = 0 if orjson is None else orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS

dumps: Callable[..., bytes] | None = None if orjson is None else orjson.dumps
"""orjson's own, for the one call that is made once an event: ``dumps(values, *DUMPS_ARGUMENTS)``; None without it."""
DUMPS_ARGUMENTS: tuple[Callable[[Any], Any], int] = (coerce, _OPTIONS)

IS_FAST = dumps is not None
"""Whether orjson is used."""


def _encode_fast(fields: dict[str, Any], kind: str) -> bytes:
    try:
        return dumps(fields, coerce, _OPTIONS)  # type: ignore[misc]  # chosen only where it is not None
    except TypeError as error:  # all that orjson raises
        cause = error.__cause__
        if cause is not None and not isinstance(cause, Exception):
            raise cause from None  # Ctrl-C while a value's own code ran, which orjson wraps like any other
        return encode_plainly(fields, kind)


encode: Callable[[dict[str, Any], str], bytes] = _encode_fast if IS_FAST else encode_plainly
"""
Return ``fields`` as one JSON object: compact, UTF-8, strict (RFC 8259).

Nothing of ``fields`` is kept or changed. ``kind`` is `Message.kind`, for the text of errors.

Raises:
    UnserializableError: Names the path and the type of a value that has no JSON form.
"""


def encode_fields(fields: dict[str, Any], kind: str) -> bytes:
    """
    Return what goes into a template; as `encode`, but a message without any field is none.

    Raises:
        FieldError: When there is none.
    """
    data = encode(fields, kind)
    if data == b"{}":
        raise FieldError(title(kind), "fields", {}, "an object that is not empty")
    return data
