"""One page of source rows -> what is to be enqueued. Pure.

key and content hashes -> unchanged rows left out -> mapped -> what may leave -> cut into batches
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from agent.errors import SourceChanged
from agent.mapping.compile import CompiledMapping, Mapped
from agent.mapping.faults import Reject
from agent.mapping.hashes import content_hashes, key_hashes
from agent.model.payload import PayloadTooLarge, encode_dead_letters, encode_records, encode_tombstones
from agent.model.run import rfc3339
from agent.outbox.store import BatchDraft, BatchKind, DeadLetter, Segment
from agent.policy.leave import LeaveFilter, Leaving
from agent.sync.known import Hashes, Known
from drivers.contract import KEY_COLUMN

MIB: Final = 1024 * 1024
MAX_BATCH_BYTES: Final = 8 * MIB  # half of what a frame may carry, so that its header never decides
TOO_LARGE: Final = "too_large"


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What every batch of a stream says about where it comes from."""

    connection: str
    system: str
    stream: str
    entity: str
    send_raw: bool = False

    @property
    def address(self) -> str:
        return f"{self.connection}/{self.stream}"

    def meta(self, run: str, read_at: datetime) -> dict[str, str]:
        return {
            "entity": self.entity,
            "connection": self.connection,
            "system": self.system,
            "sync_run": run,
            "read_at": rfc3339(read_at),
        }


@dataclass(frozen=True, slots=True)
class Recalled:
    """Records that were sent before and may not leave any more: the relay must not go on showing an old form."""

    batch: BatchDraft
    segment: Segment


@dataclass(frozen=True, slots=True)
class Prepared:
    """A page as it goes into the outbox."""

    key_hashes: Hashes  # of every row that was read
    changed_key_hashes: Hashes  # of those new or other than before, mapped and rejected alike
    changed_content_hashes: Hashes
    batches: tuple[BatchDraft, ...]
    dead_letters: tuple[DeadLetter, ...]
    segment: Segment | None
    mapped: int
    withheld: Hashes  # key hashes of what the policy keeps here: of these nothing is stored
    recalled: Recalled | None = None

    @property
    def changed(self) -> int:
        return len(self.changed_key_hashes)

    @property
    def unchanged(self) -> int:
        return len(self.key_hashes) - self.changed - len(self.withheld)


def prepare_page(
    table: pa.Table,
    known: Known,
    mapping: CompiledMapping,
    facts: StreamFacts,
    run: str,
    read_at: datetime,
    *,
    leave: LeaveFilter,
    resend: bool,
) -> Prepared:
    """Leave out what is known already (unless `resend`), map the rest, and cut what may leave into batches.

    A rejected record is remembered by its hash too: it is not rejected again until it changes at the source or is
    requeued. Raises SourceChanged for a page with a key twice, or without a column that the mapping names.
    """
    keys = key_hashes(table[KEY_COLUMN])
    _refuse_repeated_keys(table, keys, facts)
    contents = content_hashes(table)
    changed = np.ones(len(keys), dtype=bool) if resend else known.is_changed(keys, contents)
    if not changed.any():
        return Prepared(keys, keys[:0], contents[:0], (), (), None, 0, keys[:0])
    if not changed.all():
        table = table.filter(pa.array(changed))
    mapped = mapping.apply(table, with_raw=facts.send_raw, hashes=contents[changed])
    keys_here, contents_here = keys[changed], contents[changed]
    leaving = leave.apply(mapped.records)
    stays = _staying(keys_here, known, mapped, leaving, leave)
    meta = facts.meta(run, read_at)
    drafts, too_large = _record_batches(leaving.records, meta)
    letters, told = _letters(mapped.rejects, keys_here[stays], leave)
    if told or too_large:
        payload = encode_dead_letters((*told, *too_large), meta)
        drafts.append(BatchDraft(BatchKind.DEAD_LETTERS, len(told) + len(too_large), payload))
    return Prepared(
        key_hashes=keys,
        changed_key_hashes=keys_here[~stays],
        changed_content_hashes=contents_here[~stays],
        batches=tuple(drafts),
        dead_letters=(*letters, *too_large),
        segment=_segment(table, keys_here, contents_here, ~stays),
        mapped=sum(draft.count for draft in drafts if draft.kind is BatchKind.RECORDS),
        withheld=keys_here[stays],
        recalled=_recalled(table, keys_here, stays & known.is_known(keys_here), read_at, meta)
        if stays.any()
        else None,
    )


def kept_here(table: pa.Table, known: Known, mapping: CompiledMapping, leave: LeaveFilter) -> Hashes:
    """The key hashes of those rows that stay under the rule and that the relay has never heard of."""
    keys = key_hashes(table[KEY_COLUMN])
    if not leave.chooses:
        return keys[:0]
    mapped = mapping.apply(table, with_raw=False, hashes=content_hashes(table))
    stays = _staying(keys, known, mapped, leave.apply(mapped.records), leave)
    return keys[stays & ~known.is_known(keys)]


def _staying(
    keys: Hashes, known: Known, mapped: Mapped, leaving: Leaving, leave: LeaveFilter
) -> npt.NDArray[np.bool_]:
    """Which of these records stay: those that the rule's rows leave out, and rejects of which that cannot be told."""
    stays = np.zeros(len(keys), dtype=bool)
    if leaving.kept is not None:
        stays |= np.isin(keys, mapped.key_hashes[~leaving.kept])
    if leave.chooses and mapped.rejects:
        # The relay knows of a rejected record only if it was sent before; its key is nothing new to it then.
        stays |= ~np.isin(keys, mapped.key_hashes) & ~known.is_known(keys)
    return stays


def _segment(table: pa.Table, keys: Hashes, contents: Hashes, sent: npt.NDArray[np.bool_]) -> Segment | None:
    if not sent.any():
        return None
    names = table[KEY_COLUMN].combine_chunks()
    return Segment(
        keys[sent], contents[sent], names if sent.all() else names.filter(pa.array(sent)), removed=False
    )


def _recalled(
    table: pa.Table, keys: Hashes, sent_before: npt.NDArray[np.bool_], now: datetime, meta: dict[str, str]
) -> Recalled | None:
    if not sent_before.any():
        return None
    names = table[KEY_COLUMN].combine_chunks().filter(pa.array(sent_before))
    hashes = keys[sent_before]
    return Recalled(
        BatchDraft(BatchKind.TOMBSTONES, len(names), encode_tombstones(names, now, meta)),
        Segment(hashes, np.zeros_like(hashes), names, removed=True),
    )


def _letters(
    rejects: tuple[Reject, ...], stays: Hashes, leave: LeaveFilter
) -> tuple[list[DeadLetter], list[DeadLetter]]:
    """The letters as they are kept here, and those of them that the relay may be told of, as they leave."""
    if not rejects:
        return [], []
    # A rule that holds something back holds for what is stored too: then the source row is not kept.
    kept = [_letter(reject, with_raw=leave.is_identity) for reject in rejects]
    silent = np.isin(key_hashes(pa.array([reject.key for reject in rejects], pa.string())), stays)
    told = [
        replace(letter, raw_hash=leave.stamp(letter.raw_hash))
        for letter, hushed in zip(kept, silent, strict=True)
        if not hushed
    ]
    return kept, told


def _record_batches(records: pa.Table, meta: dict[str, str]) -> tuple[list[BatchDraft], list[DeadLetter]]:
    """Encode records; what is too large for one batch is halved until it fits, or is one record that never will."""
    if not records.num_rows:
        return [], []
    try:
        payload = encode_records(records, meta)
        if len(payload) <= MAX_BATCH_BYTES:
            return [BatchDraft(BatchKind.RECORDS, records.num_rows, payload)], []
    except PayloadTooLarge:
        pass
    if records.num_rows == 1:
        return [], [_oversized(records)]
    half = records.num_rows // 2
    first, letters = _record_batches(records.slice(0, half), meta)
    second, more = _record_batches(records.slice(half), meta)
    return first + second, letters + more


def _oversized(record: pa.Table) -> DeadLetter:
    return DeadLetter(
        key=record["key"][0].as_py(),
        field="",
        reason=TOO_LARGE,
        message=f"the record is larger than the {MAX_BATCH_BYTES // MIB} MiB that a batch may hold",
        raw_hash=int(record["content_hash"][0].as_py()),
        raw=b"",
    )


def _letter(reject: Reject, *, with_raw: bool) -> DeadLetter:
    raw = reject.raw if with_raw else b""
    return DeadLetter(reject.key, reject.field, reject.reason, reject.message, reject.raw_hash, raw)


def _refuse_repeated_keys(table: pa.Table, keys: Hashes, facts: StreamFacts) -> None:
    if len(np.unique(keys)) == len(keys):
        return
    values, counts = np.unique(keys, return_counts=True)
    twice = int(np.flatnonzero(keys == values[counts > 1][0])[0])
    raise SourceChanged(
        f"the source returned the key {table[KEY_COLUMN][twice].as_py()!r} more than once in one page",
        where=facts.address,
        hint="Name all columns that make a record unique in the stream's `key`, or correct its query.",
    )
