"""Seeded numbers for whole columns: the same seed, topic and id give the same number on every machine, for ever.

A generator's state would make a record depend on the records made before it; a hash lets any page be made alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ids = npt.NDArray[np.int64]

# Steele, Lea and Flood, "Fast splittable pseudorandom number generators": the constants of splitmix64.
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True, slots=True)
class Chance:
    seed: int
    table: str

    def bits(self, topic: str, ids: Ids) -> npt.NDArray[np.uint64]:
        salt = np.array([crc32(f"{self.table}/{topic}".encode()) | (self.seed << 32)], dtype=np.uint64)
        return _mix(_mix(ids.astype(np.uint64)) ^ _mix(salt))

    def below(self, topic: str, ids: Ids, limit: int | Ids) -> Ids:
        """From 0 up to, not including, `limit`."""
        return (self.bits(topic, ids) % np.asarray(limit).astype(np.uint64)).astype(np.int64)

    def share(self, topic: str, ids: Ids, percent: int) -> npt.NDArray[np.bool_]:
        """True for about that many in a hundred."""
        return self.below(topic, ids, 100) < percent

    def pick(self, topic: str, ids: Ids, words: Sequence[str | None]) -> pa.Array:
        return take(words, self.below(topic, ids, len(words)))


def take(words: Sequence[str | None], index: Ids) -> pa.Array:
    return pa.array(words, pa.string()).take(pa.array(index))


def _mix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    with np.errstate(over="ignore"):  # arithmetic modulo 2**64 is the point
        value = value + _STEP
        value = (value ^ (value >> np.uint64(30))) * _MIX_1
        value = (value ^ (value >> np.uint64(27))) * _MIX_2
        return value ^ (value >> np.uint64(31))
