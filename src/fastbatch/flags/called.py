"""Which reads of flags were reported already: a bounded memory that forgets the oldest first."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Mapping
from typing import Any

__all__ = ["BYTES_PER_READ", "READS", "CalledReads", "read_key"]

READS = 250_000
"""How many different reads are remembered. A little more, and the hash table below would have twice the size."""
BYTES_PER_READ = 110
"""
What one of them costs at most: a number of 32 bytes, 8 bytes for its age, and its share of a hash table that has two
places of 16 bytes for each, twice over while it is built anew. `bench/flag_memory.py` measures it.
"""


_60_BITS = (1 << 60) - 1
"""What an integer of 32 bytes holds; one of 64 bits takes half as much again."""


def read_key(distinct_id: str, device_id: str | None, groups: Mapping[str, Any] | None, *what: object) -> int:
    """
    Return the 60-bit number of a read: of whom, and ``what`` was read, such as a flag's key and its value.

    Strings hash with a secret of the process, so that nobody can make two reads collide; by chance, with all places
    taken, fewer than one read in 10^12 is taken for another.
    """
    if groups:
        of_groups = sorted((str(kind), str(key)) for kind, key in groups.items())
        return hash((distinct_id, device_id, *what, *of_groups)) & _60_BITS
    return hash((distinct_id, device_id, *what)) & _60_BITS


class CalledReads:
    """
    A set of numbers with room for ``limit`` of them, in which a new one takes the place of the oldest.

    Thread safety:
        Any thread, any method. ``known`` is for the quick look without a lock: what is in it was reported.

    Args:
        limit: How many reads are remembered.
    """

    def __init__(self, limit: int = READS) -> None:
        self._limit = limit
        self.known: set[int] = set()
        self._by_age = array("q")
        self._next = 0
        self.renew()

    def add(self, key: int) -> bool:
        """Remember a read; False when it is known, and so nothing is to be reported."""
        with self._lock:
            if key in self.known:
                return False
            if len(self._by_age) < self._limit:
                self._by_age.append(key)
            else:
                # It may be in there again, after `forget`: then it is forgotten once more, and reported once more.
                self.known.discard(self._by_age[self._next])
                self._by_age[self._next] = key
                self._next = (self._next + 1) % self._limit
            self.known.add(key)
            return True

    def forget(self, key: int) -> None:
        """Forget a read whose report was not taken, so that the next one tries again."""
        with self._lock:
            self.known.discard(key)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self.known.clear()
            self._by_age = array("q")
            self._next = 0

    def renew(self) -> None:
        """What a forked child does before anything else: what was reported stays so, the lock may be anybody's."""
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.known)
