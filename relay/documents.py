"""Documents, rendered when they are asked for from the batches that hold them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

import orjson
import pyarrow as pa
import structlog

from agent.errors import TransientError
from agent.model.json_texts import to_json
from agent.model.payload import Decoded, PayloadError, PayloadKind, decode
from agent.model.render import to_documents
from agent.model.run import rfc3339
from relay.store.base import Batch, BatchHeader, IndexedRecord, Store

log = structlog.get_logger()

AT_ONCE_BYTES: Final = 256 * 1024  # of rows that are rendered without a thread: a millisecond or two
OPEN_BYTES: Final = 32 * 1024 * 1024  # of batches that are rendered together
# What an open batch takes beside its content, measured with pyarrow 26: 8 KiB with 6 fields, 65 KiB with 57.
BATCH_BYTES: Final = 3 * 1024
FIELD_BYTES: Final = 1_200


class BatchGone(TransientError):
    """A batch that was just named is not stored any more: everything in it had been replaced long before."""

    code = "batch_gone"
    default_hint = "Ask again: what took its place is there."


class Spoilt(Exception):
    """What is stored is not, or not any more, what an agent sent; the text says in which way."""


@dataclass(frozen=True, slots=True)
class OpenBatch:
    header: BatchHeader
    decoded: Decoded
    size: int = field(init=False)  # in bytes

    def __post_init__(self) -> None:
        table = self.decoded.table
        object.__setattr__(self, "size", self.header.size if table is None else table.nbytes)

    @property
    def rows(self) -> int:
        table = self.decoded.table
        return len(self.decoded.keys) if table is None else int(table.num_rows)

    def size_of(self, rows: int) -> int:
        """About."""
        return self.size * rows // max(self.rows, 1)

    def held(self) -> int:
        """What it takes of memory, about: of a batch of one record the content is the least."""
        table = self.decoded.table
        fields = 0 if table is None else sum(_fields(one) for one in table.schema.types)
        return self.size + BATCH_BYTES + FIELD_BYTES * fields


def _fields(kind: pa.DataType) -> int:
    """One, and all that are nested in it."""
    return 1 + sum(_fields(kind.field(number).type) for number in range(kind.num_fields))


def open_batch(batch: Batch) -> OpenBatch:
    if batch.header.damaged:
        return without_content(batch.header)
    if sha256(batch.payload).digest() != batch.hash:
        raise Spoilt("the bytes on the disk are not those that came")
    try:
        return OpenBatch(batch.header, decode(batch.header.kind, batch.payload))
    except PayloadError as error:
        raise Spoilt(str(error)) from error


def without_content(header: BatchHeader) -> OpenBatch:
    return OpenBatch(header, Decoded(PayloadKind(header.kind), 0, {}))


class Documents:
    """Keeps the batches opened last, up to a number of bytes of memory."""

    def __init__(self, store: Store, *, cache_bytes: int) -> None:
        self._store = store
        self._bound = cache_bytes
        self._open: OrderedDict[int, tuple[OpenBatch, int]] = OrderedDict()  # with what each takes
        self._held = 0
        self.spoilt: set[int] = (
            set()
        )  # found since the index was made; what it says of them is not so any more
        self.on_spoilt: Callable[[], None] = lambda: None

    async def batch(self, position: int) -> OpenBatch:
        """Open a batch. One that was spoilt on the disk is put into quarantine, and open without content.

        Raises BatchGone for one that was dropped since its position was found.
        """
        known = self._open.get(position)
        if known is not None:
            self._open.move_to_end(position)
            return known[0]
        stored = await self._store.batch(position)
        if stored is None:
            raise BatchGone("A batch is not stored any more.", where=f"position {position}")
        try:
            opened = await asyncio.to_thread(open_batch, stored)
        except Spoilt as error:
            opened = await self._quarantine(stored.header, str(error))
        self._keep(position, opened)
        return opened

    async def _quarantine(self, header: BatchHeader, reason: str) -> OpenBatch:
        log.error("batch_quarantined", position=header.position, stream=header.stream, reason=reason)
        await self._store.quarantine(header.position, reason)
        self._note_spoilt(header.position)
        return without_content(replace(header, damaged=reason))

    def _keep(self, position: int, opened: OpenBatch) -> None:
        if position not in self._open:
            held = opened.held()
            self._open[position] = opened, held
            self._held += held
        while self._held > self._bound and len(self._open) > 1:
            _, (_, oldest) = self._open.popitem(last=False)
            self._held -= oldest

    def _note_spoilt(self, position: int) -> None:
        self.spoilt.add(position)
        self.on_spoilt()

    async def render(
        self,
        records: Sequence[IndexedRecord],
        entity: str,
        *,
        include_raw: bool = False,
        only: Sequence[str] = (),
    ) -> list[bytes]:
        """The document of each record as JSON, in their order; of its members `only` these, if any are named."""
        form = _Form(entity, include_raw, tuple(only))
        places: dict[int, list[int]] = defaultdict(list)
        for number, record in enumerate(records):
            if record.document is not None:
                places[record.document.position].append(number)
        documents = {
            number: form.json(_only_deleted(record, entity))
            for number, record in enumerate(records)
            if record.document is None
        }
        opened: list[OpenBatch] = []
        for position in places:
            opened.append(await self._readable(position))
            if sum(batch.size for batch in opened) > OPEN_BYTES:
                documents |= await _rendered(opened, places, records, form)
                opened = []
        documents |= await _rendered(opened, places, records, form)
        return [documents[number] for number in range(len(records))]

    async def _readable(self, position: int) -> OpenBatch:
        opened = await self.batch(position)
        if opened.header.damaged:
            # Only until the index is made again without it.
            self._note_spoilt(position)
            raise TransientError(
                "A batch was spoilt on the disk, and the index is being made again without it.",
                where=f"position {position}",
                hint="The same request is answered in a moment. The batch is among the dead letters; its records"
                " come again with a full re-sync of the stream.",
            )
        return opened


@dataclass(frozen=True, slots=True)
class _Form:
    """How documents are shown."""

    entity: str
    include_raw: bool
    only: tuple[str, ...]

    def json(self, document: Mapping[str, Any]) -> bytes:
        shown = {name: document[name] for name in self.only if name in document} if self.only else document
        return orjson.dumps(shown)


async def _rendered(
    opened: Sequence[OpenBatch],
    places: Mapping[int, Sequence[int]],
    records: Sequence[IndexedRecord],
    form: _Form,
) -> dict[int, bytes]:
    """By their numbers. In one thread for all of them, or in none: each change of threads waits for its turn, and while
    batches are stored that takes several times as long as a usual page.
    """

    def render() -> dict[int, bytes]:
        return {
            number: document
            for batch in opened
            for number, document in _of_batch(batch, places[batch.header.position], records, form)
        }

    size = sum(batch.size_of(len(places[batch.header.position])) for batch in opened)
    # Raw records are parsed one by one.
    quick = size <= AT_ONCE_BYTES and not form.include_raw
    return render() if quick else await asyncio.to_thread(render)


def _of_batch(
    opened: OpenBatch, numbers: Sequence[int], records: Sequence[IndexedRecord], form: _Form
) -> Iterator[tuple[int, bytes]]:
    table = opened.decoded.table
    if table is None:
        return
    living = [number for number in numbers if records[number].deleted_at is None]
    if living:
        rows = [_row(records[number]) for number in living]
        about = provenance(opened)
        texts = to_json(
            table, rows, entity=form.entity, include_raw=form.include_raw, instead=about, only=form.only
        )
        yield from zip(living, texts, strict=True)
    gone = [number for number in numbers if records[number].deleted_at is not None]
    if gone:
        rows = [_row(records[number]) for number in gone]
        documents = to_documents(table, rows, include_raw=form.include_raw, entity=form.entity)
        for number, document in zip(gone, documents, strict=True):
            yield number, form.json(document | provenance(opened) | _deletion(records[number]))


def _row(record: IndexedRecord) -> int:
    assert record.document is not None  # noqa: S101 - those without one are rendered apart
    return record.document.row


def provenance(opened: OpenBatch) -> dict[str, Any]:
    """What the relay knows better than the batch, or alone."""
    header = opened.header
    return {
        "connection": header.connection,
        "syncRun": header.run,
        "receivedAt": rfc3339(header.received_at),
        "deletedAt": None,
        "deleted": False,
    }


def _deletion(record: IndexedRecord) -> dict[str, Any]:
    if record.deleted_at is None:
        return {}
    return {"deletedAt": rfc3339(record.deleted_at), "deleted": True}


def _only_deleted(record: IndexedRecord, entity: str) -> dict[str, Any]:
    """A record of which nothing but its deletion came here: every field but the key is null."""
    document = to_documents(pa.table({"key": [record.key]}), [0], entity=entity)[0]
    nothing = {"connection": record.connection, "syncRun": None, "receivedAt": None}
    return document | nothing | _deletion(record)
