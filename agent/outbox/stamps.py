"""How times, hashes and check values are stored in SQLite's signed integers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, SupportsInt

import orjson
import xxhash

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND


def maybe_micros(moment: datetime | None) -> int | None:
    return None if moment is None else to_micros(moment)


def maybe_moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def to_signed(unsigned: SupportsInt) -> int:
    unsigned = int(unsigned)  # numpy's own integers overflow below
    return unsigned - 2**64 if unsigned >= 2**63 else unsigned


def to_unsigned(signed: int) -> int:
    return signed + 2**64 if signed < 0 else signed


def check_values(*values: str | int | None) -> int:
    """Hash the columns of a row, so that a flipped bit in one of them is noticed."""
    return check_bytes(orjson.dumps(values))


def check_bytes(*blobs: bytes) -> int:
    hasher = xxhash.xxh3_64()
    for blob in blobs:
        hasher.update(blob)
    return to_signed(hasher.intdigest())
