"""
Where an id falls between 0 and 1 for a flag: the hash that all PostHog SDKs and the server share.

``h = (first 60 bits of SHA-1(key + "." + id + salt)) / 2**60`` as a float. Rollout asks whether ``h > limit``; a float
is monotonous in its digest, so the question is put to the digest's bytes instead, against a bound that is computed
once. The answers are those of the floats, to the last bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from operator import ge, gt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["VARIANT_SALT", "above", "at_least", "digest", "flag_hash", "fraction", "holdout_hash", "seed"]

VARIANT_SALT: Final = b"variant"

_BITS = 60
_UNIT = 2.0**-_BITS
"""SDKs divide by the float of 2**60 - 1, which is 2**60."""


def seed(prefix: str) -> _Hash:
    """Return the hash of ``prefix``, to be copied and continued with an id: faster than to start anew."""
    return hashlib.sha1(prefix.encode(), usedforsecurity=False)


def digest(seeded: _Hash, rest: bytes) -> bytes:
    """Return the digest of a seed's prefix and ``rest``."""
    copy = seeded.copy()
    copy.update(rest)
    return copy.digest()


def fraction(digest_: bytes) -> float:
    """Return where a digest falls, from 0 to 1."""
    return (int.from_bytes(digest_[:8], "big") >> 4) * _UNIT


def flag_hash(key: str, bucketing_id: str, salt: str = "") -> float:
    """Return where an id falls for a flag; the salt is ``variant`` for the choice of a variant."""
    return fraction(digest(seed(f"{key}."), f"{bucketing_id}{salt}".encode()))


def holdout_hash(bucketing_id: str) -> float:
    """Return where an id falls among those that are held out of experiments."""
    return fraction(digest(seed("holdout-"), bucketing_id.encode()))


@lru_cache(maxsize=4096)
def above(limit: float) -> bytes | None:
    """Return the least digest whose fraction is above ``limit``; None when there is none."""
    return _least(gt, limit)


@lru_cache(maxsize=4096)
def at_least(limit: float) -> bytes | None:
    """Return the least digest whose fraction is ``limit`` or more; None when there is none."""
    return _least(ge, limit)


def _least(compare: Callable[[float, float], bool], limit: float) -> bytes | None:
    low, high = 0, 1 << _BITS
    while low < high:
        middle = (low + high) // 2
        if compare(middle * _UNIT, limit):
            high = middle
        else:
            low = middle + 1
    # Eight bytes that are no longer than a digest: a digest that begins with them is not less than they are.
    return None if low == 1 << _BITS else (low << 4).to_bytes(8, "big")
