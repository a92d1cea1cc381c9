"""Bodies as the core builds them, and what the vendors' own SDKs put on the wire."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastbatch.typing import Constants, Dialect, Stamp

SENT_AT = "2026-11-21T10:09:53.445Z"
STAMPED = {
    Stamp.MESSAGE_ID: b"01a1fd95-9b9b-731e-bc15-a940cc2e804b",
    Stamp.ANONYMOUS_ID: b"01a1fd95-9b9b-731e-bc15-ffffffffffff",
    Stamp.TIMESTAMP_MS: b"2026-11-21T10:09:52.945Z",
    Stamp.TIMESTAMP_US: b"2026-11-21T10:09:52.945123Z",
}

Message = tuple[str, dict[str, Any]]


def record(dialect: Dialect, message: Message, constants: Constants) -> bytes:
    """Return one message's frozen bytes."""
    kind, given = message
    fields = dialect.fields(kind, dict(given), constants)
    inner = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()[1:-1]
    parts = dialect.template(kind, frozenset(given), constants)
    return b"".join(part if isinstance(part, bytes) else {**STAMPED, Stamp.FIELDS: inner}[part] for part in parts)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of ``pairs``; no name may be there twice, which json.loads would hide."""
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), f"a name occurs twice in {names}"
    return dict(pairs)


@pytest.fixture
def body_of() -> Callable[..., dict[str, Any]]:
    """A function that frames messages as the core does and parses the body, strictly."""

    def build(
        dialect: Dialect,
        *messages: Message,
        context: dict[str, Any] | None = None,
        integrations: dict[str, Any] | None = None,
        write_key: str = "WK",
    ) -> dict[str, Any]:
        constants = Constants(context or {}, integrations)
        envelope = dialect.envelope(write_key, SENT_AT)
        records = [record(dialect, message, constants) for message in messages]
        assert all(encoded.startswith(b"{") for encoded in records)
        framed = b",".join(envelope.message_head + encoded[1:] for encoded in records)
        parsed = json.loads(envelope.head + framed + envelope.tail, object_pairs_hook=unique)
        assert isinstance(parsed, dict)
        return parsed

    return build


@pytest.fixture
def message_of(body_of: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """A function that returns the one message of a body."""

    def build(dialect: Dialect, kind: str, fields: dict[str, Any], **constants: Any) -> dict[str, Any]:
        only: dict[str, Any] = body_of(dialect, (kind, fields), **constants)["batch"][0]
        return only

    return build


@pytest.fixture(scope="session")
def captures() -> list[dict[str, Any]]:
    """The requests that official SDKs sent to a local sink, one a line."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    path = Path(os.environ.get("FASTBATCH_SHARED_DATA", beside)) / "wire-captures.jsonl"
    if not path.is_file():
        pytest.skip("no wire-captures.jsonl; set FASTBATCH_SHARED_DATA to its folder")
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


@pytest.fixture(scope="session")
def captured(captures: list[dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
    """A function that returns the capture of the SDK with that ``context.library``."""

    def find(library: str) -> dict[str, Any]:
        for capture in captures:
            first = capture["body"]["batch"][0]
            said = first.get("context", {}).get("library", {})
            if f"{said.get('name')}/{said.get('version')}" == library:
                return capture
        raise LookupError(library)

    return find
