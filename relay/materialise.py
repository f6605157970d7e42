"""Batches into the record index, in the order of their positions.

What is written here can be made again, so it gives way: while batches arrive it waits, until it has fallen so far
behind that readers would notice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

import pyarrow as pa
import structlog

from agent.clock import Clock
from agent.errors import GroundwireError
from agent.model.run import rfc3339
from relay.documents import BatchGone, Documents, OpenBatch, without_content
from relay.observing import Observer, Round
from relay.store.base import (
    BatchHeader,
    Changes,
    DeadLetterRow,
    RecordColumns,
    RecordIndex,
    RemovedKeys,
    RunRow,
    Scope,
    Store,
    to_micros,
)
from relay.telling import BatchTeller

log = structlog.get_logger()

MIB: Final = 1024 * 1024
ROUND_BATCHES: Final = 64  # of one transaction of the index
ROUND_BYTES: Final = 8 * MIB  # of their payloads; some 60 MiB when open
QUIET_SECONDS: Final = 0.3  # without an arrival before the index is worked on; pages of one run come closer
MAX_LAG: Final = 256  # batches; further behind, the index no longer gives way
PAUSE_SECONDS: Final = 5.0  # after a failure
UNREADABLE_BATCH: Final = "unreadable_batch"  # reason of the dead letter that stands for a whole batch
LETTER_REMEDIES: Final = {
    UNREADABLE_BATCH: "A whole batch arrived and cannot be read; the letter stands for all of it and has no key. Re-sync "
    "the stream in full (`groundwire resync`), which brings its records again. Deletions that only this batch told are "
    "known to nobody: of a batch of tombstones restore the relay's backup of before."
}
_CODE_COLUMNS: Final = {"purchase_order": "order_no"}  # the others call it `code`


class Arrivals(Protocol):
    """What of the ingest the materialiser watches."""

    appended: asyncio.Event
    last_arrival: float

    @property
    def busy(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Lag:
    position: int
    last: int

    @property
    def batches(self) -> int:
        return self.last - self.position


class Materialiser:
    def __init__(
        self,
        store: Store,
        index: RecordIndex,
        documents: Documents,
        arrivals: Arrivals,
        *,
        clock: Clock,
        observer: Observer | None = None,
        teller: BatchTeller | None = None,
    ) -> None:
        self._teller = teller
        self._observer = observer or Observer()
        self._store = store
        self._index = index
        self._documents = documents
        self._arrivals = arrivals
        self._clock = clock
        self.healthy = True
        self._rebuild_wanted = False
        documents.on_spoilt = index.on_damage = arrivals.appended.set

    async def run(self) -> None:
        while True:
            self._arrivals.appended.clear()  # whatever is wanted from here on is looked at behind this round
            try:
                await self._heal()
                await self._work_off()
            except GroundwireError as error:
                self._note(error)
                await self._clock.sleep(PAUSE_SECONDS)
            else:
                self._note(None)
                await self._arrivals.appended.wait()

    async def _heal(self) -> None:
        """Make the index again where it cannot be read, or says what the store does not bear out."""
        if self._index.damaged:
            log.warning("index_made_anew", reason="damaged")
            await self._index.remake()
            self._rebuild_wanted = True
        elif self._rebuild_wanted:
            log.info("index_made_anew", reason="asked for")
        lag = await self.lag()
        if lag.batches < 0:
            # The store was put back from a copy: the index speaks of batches that are no longer there.
            log.warning("index_ahead_of_store", position=lag.position, last=lag.last)
        elif not self._rebuild_wanted and not any(p <= lag.position for p in self._documents.spoilt):
            return
        self._documents.spoilt.clear()
        await self.rebuild()

    async def lag(self) -> Lag:
        return Lag(await self._index.position(), await self._store.last_position())

    async def prepare(self) -> None:
        """Before anybody reads: an index that has nothing of a store that has something shows too little."""
        lag = await self.lag()
        if lag.position == 0 < lag.last:
            await self._index.reset(complete_at=lag.last)

    async def begin_rebuild(self) -> int:
        """Have `run` make the index anew; return how many positions it has to go through."""
        self._rebuild_wanted = True
        self._arrivals.appended.set()
        return await self._store.last_position()

    async def rebuild(self) -> None:
        """Drop the index and make it again from the batches. Until it shows all of them, readers are told to wait."""
        await self._index.reset(complete_at=await self._store.last_position())
        self._rebuild_wanted = False
        await self.catch_up()

    async def catch_up(self) -> None:
        while await self.step():
            pass

    async def _work_off(self) -> None:
        while True:
            await self._give_way()
            if not await self.step():
                return

    async def _give_way(self) -> None:
        while self._recent() and (await self.lag()).batches < MAX_LAG:
            await self._clock.sleep(QUIET_SECONDS)

    def _recent(self) -> bool:
        return self._arrivals.busy or self._clock.monotonic() - self._arrivals.last_arrival < QUIET_SECONDS

    async def step(self) -> bool:
        """Apply the next stretch of batches; False when there was none."""
        began, begun = self._clock.monotonic(), self._clock.utcnow()
        after = await self._index.position()
        headers = await self._store.headers(after, ROUND_BATCHES)
        if not headers:
            await self._pass_over(after)
            return False
        opened: list[OpenBatch] = []
        size = 0
        for header in headers:
            if opened and size + header.size > ROUND_BYTES:
                break
            opened.append(await self._opened(header))
            size += header.size
        changes = replace(await asyncio.to_thread(changes_of, opened), after=after)
        if self._teller is not None:
            await self._teller.tell(opened)
        await self._index.apply(changes)
        if self._teller is not None:
            self._teller.shown()
        self._documents.spoilt -= {batch.header.position for batch in opened}
        done = [batch.header for batch in opened]
        self._observer.materialised(Round(done, changes.runs, begun, self._clock.monotonic() - began))
        log.debug("batches_materialised", batches=len(opened), position=changes.upto)
        return True

    async def _pass_over(self, after: int) -> None:
        """What stood at the end may have been removed with its tenant: the index counts it as done."""
        last = await self._store.last_position()
        if last > after and not await self._store.headers(after, 1):
            await self._index.apply(Changes(last, after=after))

    async def _opened(self, header: BatchHeader) -> OpenBatch:
        try:
            return await self._documents.batch(header.position)
        except BatchGone:  # dropped meanwhile: what is in it has been replaced further on
            return without_content(header)

    def _note(self, error: GroundwireError | None) -> None:
        healthy = error is None
        if healthy != self.healthy:
            if error is None:
                log.info("materialising_recovered")
            else:
                log.error("materialising_failed", code=error.code, error=str(error), hint=error.hint)
        self.healthy = healthy


def changes_of(batches: Sequence[OpenBatch]) -> Changes:
    """Pure: what these batches do to the index."""
    records: list[RecordColumns | RemovedKeys] = []
    runs: list[RunRow] = []
    letters: list[DeadLetterRow] = []
    for batch in batches:
        decoded = batch.decoded
        if decoded.table is not None:
            records.append(_columns(batch, decoded.table))
        elif decoded.keys:
            records.append(_removed(batch))
        elif decoded.report is not None:
            runs.append(_run(batch))
        letters += _dead_letters(batch)
    return Changes(batches[-1].header.position, tuple(records), tuple(runs), tuple(letters))


def _scope(batch: OpenBatch) -> Scope:
    return Scope(batch.header.tenant, batch.header.connection, batch.header.entity)


def _columns(batch: OpenBatch, table: pa.Table) -> RecordColumns:
    code = _CODE_COLUMNS.get(batch.header.entity, "code")
    return RecordColumns(
        position=batch.header.position,
        scope=_scope(batch),
        keys=table.column("key").to_pylist(),
        codes=_texts(table, code),
        statuses=_texts(table, "status"),
        vendor_keys=_texts(table, "vendor_key"),
        updated_at=_moments(table, "updated_at", batch.header.received_at),
    )


def _texts(table: pa.Table, name: str) -> list[str | None]:
    if name not in table.column_names:
        return [None] * table.num_rows
    texts: list[str | None] = table.column(name).to_pylist()
    return texts


def _moments(table: pa.Table, name: str, otherwise: datetime) -> list[int]:
    received = to_micros(otherwise)
    if name not in table.column_names:
        return [received] * table.num_rows
    micros = table.column(name).cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64())
    known: list[Any] = micros.fill_null(received).to_pylist()
    return known


def _removed(batch: OpenBatch) -> RemovedKeys:
    when = batch.decoded.deleted_at or batch.header.received_at
    return RemovedKeys(batch.header.position, _scope(batch), list(batch.decoded.keys), to_micros(when))


def _run(batch: OpenBatch) -> RunRow:
    header, report = batch.header, batch.decoded.report
    if report is None:
        raise GroundwireError("A run batch without a report.", where=f"position {header.position}")
    return RunRow(
        header.position,
        header.tenant,
        header.connection,
        header.stream,
        header.entity,
        header.run,
        report.status,
        rfc3339(report.started_at),
        report.to_document(),
    )


def _dead_letters(batch: OpenBatch) -> list[DeadLetterRow]:
    header = batch.header
    if header.damaged:
        return [_quarantined(header)]
    return [
        DeadLetterRow(
            header.position, row, header.tenant, header.connection, header.stream, header.entity, header.run,
            letter.key, letter.field, letter.reason, letter.message, header.received_at,
        )
        for row, letter in enumerate(batch.decoded.letters)
    ]  # fmt: skip


def _quarantined(header: BatchHeader) -> DeadLetterRow:
    """A batch that cannot be read stands among the dead letters, where somebody looks for what did not arrive."""
    return DeadLetterRow(
        header.position, 0, header.tenant, header.connection, header.stream, header.entity, header.run,
        "", "", UNREADABLE_BATCH, _unreadable(header),
        header.received_at,
    )  # fmt: skip


def _unreadable(header: BatchHeader) -> str:
    lost = (
        "which deletions it told of is not known"
        if header.kind == "tombstones"
        else "a full re-sync brings them again"
    )
    return f"Batch {header.seq} ({header.kind}, {header.count}) cannot be read: {header.damaged}; {lost}"
