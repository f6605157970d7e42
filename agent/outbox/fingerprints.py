"""Merging segments of fingerprints: pure array work, newest wins (docs/adr/0003)."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.intp]

UNKNOWN_CONTENT: Final = np.uint64(0)
NO_HASHES: Final[Hashes] = np.empty(0, dtype=np.uint64)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One segment's hashes, ascending by key hash, each key once."""

    key_hashes: Hashes
    content_hashes: Hashes
    removed: bool

    def between(self, low: int, high: int) -> tuple[Part, Positions]:
        """The rows whose key hashes lie in that range, bounds included, and their places; copies, as small as they are."""
        start = int(np.searchsorted(self.key_hashes, np.uint64(low), side="left"))
        end = int(np.searchsorted(self.key_hashes, np.uint64(high), side="right"))
        hashes, contents = self.key_hashes[start:end].copy(), self.content_hashes[start:end].copy()
        return Part(hashes, contents, self.removed), np.arange(start, end)


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """The newest of every key, ascending; `origin` is its position in the concatenated parts."""

    key_hashes: Hashes
    content_hashes: Hashes
    removed: npt.NDArray[np.bool_]
    origin: Positions


def newest_of_each(key_hashes: Hashes) -> Positions:
    """Positions of the last occurrence of every key, ascending by key hash."""
    # Reversed and stable: of equal keys the last one comes first.
    backwards = np.argsort(key_hashes[::-1], kind="stable")
    order = len(key_hashes) - 1 - backwards
    return order[_firsts(key_hashes[order])]


def merge(newest_first: Sequence[Part]) -> Merged:
    key_hashes = _concatenated([part.key_hashes for part in newest_first])
    order = np.argsort(key_hashes, kind="stable")
    origin = order[_firsts(key_hashes[order])]
    removed = np.repeat(
        np.array([part.removed for part in newest_first], dtype=np.bool_),
        [len(part.key_hashes) for part in newest_first],
    )
    return Merged(
        key_hashes=key_hashes[origin],
        content_hashes=_concatenated([part.content_hashes for part in newest_first])[origin],
        removed=removed[origin],
        origin=origin,
    )


def cut(rows: int, *, at_most: int) -> Iterator[slice]:
    """Cut a sorted array into pieces of nearly equal size, which are ranges of keys."""
    pieces = -(-rows // at_most)
    for piece in range(pieces):
        yield slice(rows * piece // pieces, rows * (piece + 1) // pieces)


def key_ranges(rows: int, *, at_most: int) -> Iterator[tuple[int, int]]:
    """Cut the space of hashes, over which keys spread evenly, into ranges of about so many rows."""
    ranges = max(1, -(-rows // at_most))
    for number in range(ranges):
        yield 2**64 * number // ranges, 2**64 * (number + 1) // ranges - 1


def choose_generations(rows_newest_first: Sequence[int]) -> int:
    """Say how many of the newest generations to merge.

    A generation joins while it is at most twice what is merged already: every key is then rewritten a number of
    times that grows with the logarithm of the stream, not with its length.
    """
    merged = 0
    for taken, rows in enumerate(rows_newest_first):
        if taken >= 2 and rows > 2 * merged:  # noqa: PLR2004 - fewer than two are nothing to merge
            return taken
        merged += rows
    return len(rows_newest_first)


def positions_of(wanted: Hashes, key_hashes: Hashes) -> tuple[Positions, Positions]:
    """Where the wanted keys are: positions in `wanted` and in the ascending `key_hashes`."""
    if len(key_hashes) == 0 or len(wanted) == 0:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    places = np.minimum(np.searchsorted(key_hashes, wanted), len(key_hashes) - 1)
    hits = np.flatnonzero(key_hashes[places] == wanted)
    return hits, places[hits]


def pack_hashes(hashes: Hashes) -> bytes:
    return np.ascontiguousarray(hashes, dtype="<u8").tobytes()


def unpack_hashes(blob: bytes) -> Hashes:
    return np.frombuffer(blob, dtype="<u8").astype(np.uint64, copy=False)


def as_strings(keys: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One contiguous array with 64-bit offsets: a stream's keys together may pass 2 GiB."""
    whole = keys.combine_chunks() if isinstance(keys, pa.ChunkedArray) else keys
    return whole.cast(pa.large_string())


def pack_keys(keys: pa.Array) -> bytes:
    table = pa.table({"key": keys.cast(pa.large_string())})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return sink.getvalue()


def unpack_keys(blob: bytes) -> pa.Array:
    with pa.ipc.open_stream(blob) as reader:
        return as_strings(reader.read_all().column("key"))


def _concatenated(arrays: Sequence[Hashes]) -> Hashes:
    return np.concatenate(arrays) if arrays else NO_HASHES


def _firsts(ascending: Hashes) -> npt.NDArray[np.bool_]:
    first = np.ones(len(ascending), dtype=np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    return first
