"""Fingerprint segments in the file: append, read the newest of each key, merge old ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, TypeVar

import apsw
import numpy as np
import pyarrow as pa
import structlog

from agent.outbox import streams
from agent.outbox.database import Database
from agent.outbox.fingerprints import (
    NO_HASHES,
    UNKNOWN_CONTENT,
    Hashes,
    Merged,
    Part,
    Positions,
    as_strings,
    choose_generations,
    cut,
    key_ranges,
    merge,
    newest_of_each,
    pack_hashes,
    pack_keys,
    positions_of,
    unpack_hashes,
    unpack_keys,
)
from agent.outbox.limits import BASE_SEGMENT_ROWS
from agent.outbox.stamps import check_bytes
from agent.outbox.streams import StreamRow
from agent.outbox.values import Fingerprints, FingerprintsDamaged, Segment

PAGE_ROWS: Final = 2_048  # of a segment that one page of the usual size wrote
MERGED_ROWS: Final = 32_768  # merged at a time, in some 10 MiB

T = TypeVar("T")

log = structlog.get_logger(__name__)


class _SegmentDamaged(Exception):
    def __init__(self, segment_id: int) -> None:
        self.segment_id = segment_id


@dataclass(frozen=True, slots=True)
class _Head:
    id: int
    generation: int
    removed: bool
    rows: int


def add(db: Database, stream: StreamRow, segment: Segment) -> None:
    if len(segment.key_hashes) == 0:
        return
    order = newest_of_each(np.asarray(segment.key_hashes, dtype=np.uint64))
    keys = as_strings(segment.keys).take(pa.array(order))
    part = Part(
        np.asarray(segment.key_hashes, dtype=np.uint64)[order],
        np.asarray(segment.content_hashes, dtype=np.uint64)[order],
        segment.removed,
    )
    _write(db, stream.id, part, keys, generation=None)


def load(db: Database, name: str) -> Fingerprints:
    def newest() -> Fingerprints:
        stream = _find(db, name)
        if stream is None:
            return Fingerprints(NO_HASHES, NO_HASHES)
        merged = merge([_read(db, stream, head) for head in _heads(db, stream)])
        present = ~merged.removed
        return Fingerprints(merged.key_hashes[present], merged.content_hashes[present])

    return _around_damage(db, name, newest)


def keys_of(db: Database, name: str, key_hashes: Hashes) -> dict[int, str]:
    """Look keys up by their hash, newest segment first; only segments with a hit have their keys read."""
    try:
        return _keys_of(db, name, np.unique(np.asarray(key_hashes, dtype=np.uint64)))
    except _SegmentDamaged as damage:
        _drop_damaged(db, name, damage.segment_id)
        raise FingerprintsDamaged(where=name) from damage


def _keys_of(db: Database, name: str, wanted: Hashes) -> dict[int, str]:
    stream = _find(db, name)
    keys: dict[int, str] = {}
    if stream is None:
        return keys
    for head in _heads(db, stream):
        if len(wanted) == 0:
            break
        hits, places = positions_of(wanted, _read(db, stream, head).key_hashes)
        if len(hits) == 0:
            continue
        texts = _read_keys(db, head).take(pa.array(places)).to_pylist()
        keys.update(zip(wanted[hits].tolist(), texts, strict=True))
        wanted = np.delete(wanted, hits)
    return keys


def compact(db: Database, name: str, *, above: int) -> None:
    """Merge the newest segments into few, in one transaction, once there are more than `above`."""

    def merge_newest() -> None:
        stream = _find(db, name)
        if stream is None:
            return
        heads = _heads(db, stream)
        if len(heads) > above:
            _merge_heads(db, stream, heads)

    _around_damage(db, name, merge_newest)


def _merge_heads(db: Database, stream: StreamRow, heads: Sequence[_Head]) -> None:
    generations = [list(group) for _, group in groupby(heads, key=lambda head: head.generation)]
    taken = choose_generations([sum(head.rows for head in group) for group in generations])
    chosen = [head for group in generations[:taken] for head in group]
    # An older segment may still hold a removed key. And while tombstones are unacked they may yet be lost, and
    # then must be found again.
    drop_removed = taken == len(generations) and not _has_pending(db, stream)
    with db.transaction():
        kept = _write_merged(db, stream, chosen, removed=False)
        if not drop_removed and any(head.removed for head in chosen):
            kept += _write_merged(db, stream, chosen, removed=True)
        for head in chosen:
            _forget(db, head.id)
    log.info("fingerprints_compacted", stream=stream.name, segments=len(chosen), keys=kept)


def _write_merged(db: Database, stream: StreamRow, heads: Sequence[_Head], *, removed: bool) -> int:
    """One range of keys after the other, so that a stream of any length is merged in the memory of one range."""
    generation: int | None = None
    kept = 0
    spans: dict[int, tuple[int, int]] = {}
    pages: dict[int, tuple[Part, pa.Array]] = {}  # small ones lie in every range, and are read once
    for low, high in key_ranges(sum(head.rows for head in heads), at_most=MERGED_ROWS):
        parts, texts = [], []
        for head in heads:
            first, last = spans.get(head.id, (low, high))
            if head.rows and first <= high and last >= low:
                whole, names = pages.get(head.id) or (_read(db, stream, head), None)
                spans[head.id] = int(whole.key_hashes[0]), int(whole.key_hashes[-1])
                part, places = whole.between(low, high)
                if names is None and len(part.key_hashes):
                    names = _read_keys(db, head)
                    if head.rows <= PAGE_ROWS:
                        pages[head.id] = whole, names
                if names is not None and len(part.key_hashes):
                    parts.append(part)
                    texts.append(names.take(pa.array(places)))
        if parts:
            merged, keys = merge(parts), pa.concat_arrays(texts)
            rows = np.flatnonzero(merged.removed == removed)
            kept += len(rows)
            generation = _write_pieces(db, stream, merged, keys, rows, removed, generation)
    return kept


def _write_pieces(
    db: Database,
    stream: StreamRow,
    merged: Merged,
    keys: pa.Array,
    rows: Positions,
    removed: bool,  # noqa: FBT001 - passed on
    generation: int | None,
) -> int | None:
    for piece in cut(len(rows), at_most=BASE_SEGMENT_ROWS):
        chosen = rows[piece]
        part = Part(merged.key_hashes[chosen], merged.content_hashes[chosen], removed)
        texts = keys.take(pa.array(merged.origin[chosen]))
        generation = _write(db, stream.id, part, texts, generation=generation)
    return generation


def _write(db: Database, stream_id: int, part: Part, keys: pa.Array, *, generation: int | None) -> int:
    """Write one segment; without a generation it begins its own."""
    segment_id = (db.value("SELECT seq FROM sqlite_sequence WHERE name = 'segment'") or 0) + 1
    generation = generation or segment_id
    hashes, contents, texts = pack_hashes(part.key_hashes), pack_hashes(part.content_hashes), pack_keys(keys)
    db.run(
        "INSERT INTO segment (id, stream, generation, removed, rows, check_hash, key_hashes, content_hashes)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            segment_id,
            stream_id,
            generation,
            int(part.removed),
            len(part.key_hashes),
            check_bytes(hashes, contents),
            hashes,
            contents,
        ),
    )
    db.run(
        "INSERT INTO segment_keys (id, check_hash, keys) VALUES (?, ?, ?)",
        (segment_id, check_bytes(texts), texts),
    )
    return generation


def _heads(db: Database, stream: StreamRow) -> list[_Head]:
    """Every segment of the stream, newest first, from the index alone."""
    rows = db.all(
        "SELECT id, generation, removed, rows FROM segment INDEXED BY segment_of_stream"
        " WHERE stream = ? ORDER BY id DESC",
        (stream.id,),
    )
    return [_Head(row[0], row[1], bool(row[2]), row[3]) for row in rows]


def _read(db: Database, stream: StreamRow, head: _Head) -> Part:
    row = _intact(
        head,
        lambda: db.one("SELECT check_hash, key_hashes, content_hashes FROM segment WHERE id = ?", (head.id,)),
    )
    if check_bytes(row[1], row[2]) != row[0]:
        raise _SegmentDamaged(head.id)
    key_hashes = unpack_hashes(row[1])
    if head.id <= stream.expired_segment:
        return Part(key_hashes, np.full(len(key_hashes), UNKNOWN_CONTENT), head.removed)
    return Part(key_hashes, unpack_hashes(row[2]), head.removed)


def _read_keys(db: Database, head: _Head) -> pa.Array:
    row = _intact(head, lambda: db.one("SELECT check_hash, keys FROM segment_keys WHERE id = ?", (head.id,)))
    if check_bytes(row[1]) != row[0]:
        raise _SegmentDamaged(head.id)
    return unpack_keys(row[1])


def _intact(head: _Head, read: Callable[[], tuple[int, bytes, bytes] | None]) -> tuple[int, bytes, bytes]:
    try:
        row = read()
    except apsw.CorruptError as error:
        raise _SegmentDamaged(head.id) from error
    if row is None:
        raise _SegmentDamaged(head.id)
    return row


def _around_damage(db: Database, name: str, work: Callable[[], T]) -> T:
    """Do `work`; a segment that turns out damaged is dropped, its stream read again, and the work done without it."""
    while True:  # ends: every turn but the last drops a segment
        try:
            return work()
        except _SegmentDamaged as damage:
            _drop_damaged(db, name, damage.segment_id)


def _drop_damaged(db: Database, name: str, segment_id: int) -> None:
    log.error("fingerprint_segment_damaged", stream=name, segment=segment_id)
    with db.transaction() as change:
        stream = streams.find_or_add(db, change, name)
        _forget(db, segment_id)
        streams.restart(db, stream, tombstones_lost=False)
        streams.count_damage(change, stream)
        streams.save(db, stream)


def _forget(db: Database, segment_id: int) -> None:
    db.run("DELETE FROM segment WHERE id = ?", (segment_id,))
    db.run("DELETE FROM segment_keys WHERE id = ?", (segment_id,))


def _has_pending(db: Database, stream: StreamRow) -> bool:
    return bool(db.value("SELECT 1 FROM batch WHERE stream = ? AND settled_at IS NULL LIMIT 1", (stream.id,)))


def _find(db: Database, name: str) -> StreamRow | None:
    with db.transaction() as change:
        return streams.find(db, change, name)
