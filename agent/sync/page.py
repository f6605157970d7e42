"""One page of source rows -> what is to be enqueued. Pure.

key and content hashes -> unchanged rows left out -> mapped -> cut into batches
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa

from agent.errors import SourceChanged
from agent.mapping.compile import CompiledMapping
from agent.mapping.faults import Reject
from agent.mapping.hashes import content_hashes, key_hashes
from agent.model.payload import PayloadTooLarge, encode_dead_letters, encode_records
from agent.model.run import rfc3339
from agent.outbox.store import BatchDraft, BatchKind, DeadLetter, Segment
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
class Prepared:
    """A page as it goes into the outbox."""

    key_hashes: Hashes  # of every row that was read
    changed_key_hashes: Hashes  # of those new or other than before, mapped and rejected alike
    changed_content_hashes: Hashes
    batches: tuple[BatchDraft, ...]
    dead_letters: tuple[DeadLetter, ...]
    segment: Segment | None
    mapped: int

    @property
    def changed(self) -> int:
        return len(self.changed_key_hashes)

    @property
    def unchanged(self) -> int:
        return len(self.key_hashes) - self.changed


def prepare_page(
    table: pa.Table,
    known: Known,
    mapping: CompiledMapping,
    facts: StreamFacts,
    run: str,
    read_at: datetime,
    *,
    resend: bool,
) -> Prepared:
    """Leave out what is known already (unless `resend`), map the rest, and cut it into batches.

    A rejected record is remembered by its hash too: it is not rejected again until it changes at the source or is
    requeued. Raises SourceChanged for a page with a key twice, or without a column that the mapping names.
    """
    keys = key_hashes(table[KEY_COLUMN])
    _refuse_repeated_keys(table, keys, facts)
    contents = content_hashes(table)
    changed = np.ones(len(keys), dtype=bool) if resend else known.is_changed(keys, contents)
    if not changed.any():
        return Prepared(keys, keys[:0], contents[:0], (), (), None, 0)
    if not changed.all():
        table = table.filter(pa.array(changed))
    mapped = mapping.apply(table, with_raw=facts.send_raw, hashes=contents[changed])
    meta = facts.meta(run, read_at)
    drafts, too_large = _record_batches(mapped.records, meta)
    letters = (*(_letter(reject) for reject in mapped.rejects), *too_large)
    if letters:
        drafts.append(BatchDraft(BatchKind.DEAD_LETTERS, len(letters), encode_dead_letters(letters, meta)))
    segment = Segment(keys[changed], contents[changed], table[KEY_COLUMN].combine_chunks(), removed=False)
    return Prepared(
        key_hashes=keys,
        changed_key_hashes=keys[changed],
        changed_content_hashes=contents[changed],
        batches=tuple(drafts),
        dead_letters=letters,
        segment=segment,
        mapped=sum(draft.count for draft in drafts if draft.kind is BatchKind.RECORDS),
    )


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


def _letter(reject: Reject) -> DeadLetter:
    return DeadLetter(reject.key, reject.field, reject.reason, reject.message, reject.raw_hash, reject.raw)


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
