"""The templates of a client's messages: as many as its messages have kinds and sets of fields, or as a core holds."""

from __future__ import annotations

import secrets
import threading

from fastbatch.core.interface import MAX_TEMPLATES
from fastbatch.core.stamp import rfc3339, uuid7
from fastbatch.pipeline.engine import Engine
from fastbatch.typing import Constants, Dialect, Stamp, Template

__all__ = ["WHOLE", "Templates", "composed"]

WHOLE: Template = (b"{", Stamp.FIELDS, b"}")
"""The template of a message in which nothing is left to stamp."""

_STAMPED = frozenset({"messageId", "timestamp", "context", "integrations", "anonymousId"})
"""Fields that a dialect supplies where the caller does not."""


class Templates:
    """
    Finds the template of a message, and its number in every core.

    Args:
        engine: Whose cores they are.
        dialect: The client's own.
        constants: The client's own.

    Thread safety:
        Any number of threads.
    """

    def __init__(self, engine: Engine, dialect: Dialect, constants: Constants) -> None:
        self._engine = engine
        self._dialect = dialect
        self._constants = constants
        self._numbers: dict[Template, int] = {}
        self._found: dict[tuple[str, frozenset[str]], tuple[int | None, Template]] = {}
        # Reentrant: a destructor that reports something may interrupt us.
        self._lock = threading.RLock()
        self.whole = self._engine.add_template(WHOLE)
        """The number of `WHOLE`."""

    def find(self, kind: str, given: frozenset[str]) -> tuple[int | None, Template]:
        """
        Return the template for a message of this kind with these fields, and its number.

        The number is None when the cores have no room for it: such a message has to be composed, and sent whole.
        """
        key = kind, given & _STAMPED
        found = self._found.get(key)
        if found is None:
            template = self._dialect.template(kind, key[1], self._constants)
            found = self.number_of(template), template
            if len(self._found) < MAX_TEMPLATES:
                self._found[key] = found
        return found

    def number_of(self, template: Template) -> int | None:
        """Return the number of a template, None when the cores have no room for it."""
        with self._lock:
            number = self._numbers.get(template)
            if number is None and len(self._numbers) < MAX_TEMPLATES - 1:  # the one more is `WHOLE`
                number = self._numbers[template] = self._engine.add_template(template)
            return number


def composed(template: Template, fields: bytes, now_ns: int) -> bytes:
    """Return the message that a core would make of encoded fields."""
    return b"".join(part if isinstance(part, bytes) else _stamped(part, fields, now_ns) for part in template)


def _stamped(stamp: Stamp, fields: bytes, now_ns: int) -> bytes:
    if stamp is Stamp.FIELDS:
        return fields[1:-1]
    if stamp in (Stamp.MESSAGE_ID, Stamp.ANONYMOUS_ID):
        return uuid7(now_ns, secrets.randbits(62)).encode()
    return rfc3339(now_ns, 3 if stamp is Stamp.TIMESTAMP_MS else 6).encode()
