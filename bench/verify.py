"""Decodes the bodies that a sink kept and proves what arrived: every event exactly once, and unharmed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import workload

try:
    from orjson import loads
except ImportError:
    from json import loads


@dataclass
class Proof:
    """What was found in the bodies of one run; `perfect` when it is what was sent."""

    expected: int
    requests: int = 0
    received: int = 0
    unique_ids: int = 0
    without_id: int = 0
    duplicates: int = 0
    missing: int = 0
    foreign: int = 0
    """Messages whose sequence number nobody sent."""
    damaged: int = 0
    """Messages whose properties are not those of their sequence number."""
    sent_bytes: int = 0
    """Bodies as sent."""
    body_bytes: int = 0
    """Bodies before compression."""

    @property
    def perfect(self) -> bool:
        """True when each expected event arrived once, unharmed, under an id of its own."""
        wrong = self.duplicates + self.missing + self.foreign + self.damaged + self.without_id
        return wrong == 0 and self.received == self.expected == self.unique_ids

    def as_dict(self) -> dict[str, Any]:
        """Return all figures and the judgement, ready for JSON."""
        return {**asdict(self), "perfect": self.perfect}


def decompressed(encoding: str, body: bytes | bytearray) -> bytes | bytearray:
    """Return a body without its Content-Encoding."""
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "zstd":
        import zstandard

        return zstandard.ZstdDecompressor().decompressobj().decompress(bytes(body))
    if encoding:
        raise ValueError(f"the sink knows no Content-Encoding {encoding!r}")
    return body


def prove(bodies: Iterable[tuple[str, bytes | bytearray]], expected: int) -> Proof:
    """Return what ``bodies``, pairs of Content-Encoding and body, hold of ``expected`` events."""
    proof = Proof(expected)
    times_seen = bytearray(expected)
    ids: set[str] = set()
    for encoding, body in bodies:
        plain = decompressed(encoding, body)
        proof.requests += 1
        proof.sent_bytes += len(body)
        proof.body_bytes += len(plain)
        for message in loads(plain)["batch"]:
            _count(message, proof, times_seen, ids)
    proof.unique_ids = len(ids)
    proof.missing = times_seen.count(0)
    return proof


def _count(message: dict[str, Any], proof: Proof, times_seen: bytearray, ids: set[str]) -> None:
    proof.received += 1
    message_id = message.get("messageId") or message.get("uuid")
    if message_id:
        ids.add(message_id)
    else:
        proof.without_id += 1
    properties = message.get("properties", {})
    sequence = properties.get("seq")
    if not isinstance(sequence, int) or not 0 <= sequence - workload.FIRST_SEQUENCE < len(times_seen):
        proof.foreign += 1
        return
    index = sequence - workload.FIRST_SEQUENCE
    if times_seen[index]:
        proof.duplicates += 1
    times_seen[index] = 1
    # PostHog's client adds properties of its own, hence a subset.
    if not workload.properties(sequence).items() <= properties.items() or not _is_of_user(message, sequence):
        proof.damaged += 1


def _is_of_user(message: dict[str, Any], sequence: int) -> bool:
    named = message.get("userId") or message.get("distinct_id")
    return named == workload.user(sequence) and message.get("event") == workload.EVENT_NAME


def main() -> None:
    """Check the checker: a perfect run is perfect, and each kind of harm is noticed."""
    messages = [workload.finished_message(workload.FIRST_SEQUENCE + index) for index in range(100)]

    def proof_of(batch: list[dict[str, Any]]) -> Proof:
        return prove([("gzip", gzip.compress(json.dumps({"batch": batch}).encode()))], 100)

    harmed = {**messages[5], "properties": {**messages[5]["properties"], "items": 77}}
    checks = {
        "perfect": proof_of(messages).perfect,
        "missing": proof_of(messages[1:]).missing == 1,
        "duplicates": proof_of([*messages, messages[0]]).duplicates == 1,
        "foreign": proof_of([*messages, {"type": "track", "messageId": "x"}]).foreign == 1,
        "damaged": proof_of([*messages[:5], harmed, *messages[6:]]).damaged == 1,
        "without_id": proof_of([{**messages[0], "messageId": None}, *messages[1:]]).without_id == 1,
        "shared id": not proof_of([{**messages[0], "messageId": messages[1]["messageId"]}, *messages[1:]]).perfect,
    }
    if not all(checks.values()):
        raise SystemExit(f"the checker is blind: {checks}")
    print("the checker notices: " + ", ".join(checks))


if __name__ == "__main__":
    main()
