"""The bytes of a batch, the same on both sides of the tunnel.

Records, tombstones and dead letters are Arrow tables in an `envelope`; a run report is JSON. What is true of the whole
batch (entity, connection, system, run, time read) stands once in the table's metadata. Decoding checks everything and
raises `PayloadError` alone, whatever the bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Protocol

import orjson
import pyarrow as pa

from agent.model.check import check_records
from agent.model.dictionaries import decode_dictionaries, encode_dictionaries
from agent.model.entities import ENTITIES, Entity
from agent.model.envelope import (
    MAX_INFLATED_BYTES,
    UNREADABLE,
    PayloadError,
    PayloadTooLarge,
    pack,
    unpack,
)
from agent.model.run import RunCounts, RunError, RunMode, RunReport, RunStatus, RunTrigger, rfc3339

__all__ = [
    "MAX_INFLATED_BYTES",
    "DeadLetterRecord",
    "Decoded",
    "Letter",
    "PayloadError",
    "PayloadKind",
    "PayloadTooLarge",
    "RunCounts",
    "RunError",
    "RunMode",
    "RunReport",
    "RunStatus",
    "RunTrigger",
    "decode",
    "encode_dead_letters",
    "encode_records",
    "encode_run",
    "encode_tombstones",
]

MAX_RUN_BYTES: Final = 64 * 1024  # a report is under 1 KiB; a long error message is cut by its writer
_META_NAMES: Final = frozenset({"entity", "connection", "system", "sync_run", "read_at"})
_LETTER_SCHEMA: Final = pa.schema(
    {
        "key": pa.string(),
        "field": pa.string(),
        "reason": pa.string(),
        "message": pa.string(),
        "raw_hash": pa.uint64(),
    },
)


class PayloadKind(StrEnum):
    RECORDS = "records"
    TOMBSTONES = "tombstones"
    DEAD_LETTERS = "dead_letters"
    RUN = "run"


class Letter(Protocol):
    """What of a dead letter may travel. Its raw record stays on the agent."""

    @property
    def key(self) -> str: ...
    @property
    def field(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def raw_hash(self) -> int: ...


@dataclass(frozen=True, slots=True)
class DeadLetterRecord:
    key: str
    field: str
    reason: str
    message: str
    raw_hash: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a payload held; of `table`, `keys`, `letters` and `report` only those of its kind are filled."""

    kind: PayloadKind
    count: int
    meta: Mapping[str, str]
    table: pa.Table | None = None  # records, columns plain; its schema metadata holds `meta`
    keys: tuple[str, ...] = ()  # tombstones
    deleted_at: datetime | None = None  # tombstones: when the agent noticed
    letters: tuple[DeadLetterRecord, ...] = ()
    report: RunReport | None = field(default=None)


def encode_records(table: pa.Table, meta: Mapping[str, str]) -> bytes:
    """`meta` needs `entity` and may hold `connection`, `system`, `sync_run`, `read_at` (RFC 3339).

    Raises PayloadTooLarge where fewer records have to be encoded at a time.
    """
    entity = _entity(meta)
    known = check_records(table, entity)
    if known.num_columns != table.num_columns:
        strange = sorted(set(table.column_names) - set(known.column_names))
        raise PayloadError(f"{entity.name} has no field named {', '.join(strange)}")
    return _pack(encode_dictionaries(table), PayloadKind.RECORDS, meta)


def encode_tombstones(keys: Sequence[str] | pa.Array, deleted_at: datetime, meta: Mapping[str, str]) -> bytes:
    column = keys if isinstance(keys, pa.Array) else pa.array(keys, pa.string())
    _entity(meta)
    if column.null_count:
        raise PayloadError("a tombstone needs a key")
    return _pack(pa.table({"key": column}), PayloadKind.TOMBSTONES, meta, deleted_at=rfc3339(deleted_at))


def encode_dead_letters(letters: Iterable[Letter], meta: Mapping[str, str]) -> bytes:
    _entity(meta)
    rows = [{name: getattr(letter, name) for name in _LETTER_SCHEMA.names} for letter in letters]
    return _pack(pa.Table.from_pylist(rows, _LETTER_SCHEMA), PayloadKind.DEAD_LETTERS, meta)


def encode_run(report: RunReport) -> bytes:
    return orjson.dumps(report.to_document())


def decode(kind: str, payload: bytes, *, count: int | None = None) -> Decoded:
    """Read and check a payload. `count` is what the frame says; another number inside is an error."""
    try:
        known = PayloadKind(kind)
    except ValueError as error:
        raise PayloadError("there is no such kind of payload") from error
    decoded = _decode_run(payload) if known is PayloadKind.RUN else _decode_table(known, payload)
    if count is not None and decoded.count != count:
        raise PayloadError(f"the payload holds {decoded.count} rows, its frame says {count}")
    return decoded


def _pack(table: pa.Table, kind: PayloadKind, meta: Mapping[str, str], **more: str) -> bytes:
    strange = sorted(set(meta) - _META_NAMES)
    if strange:
        raise PayloadError(f"a batch has no metadata named {', '.join(strange)}")
    stated = {"kind": kind.value, "count": str(table.num_rows)}
    return pack(table.replace_schema_metadata({**meta, **more, **stated}))


def _entity(meta: Mapping[str, str]) -> Entity:
    entity = ENTITIES.get(meta.get("entity", ""))
    if entity is None:
        raise PayloadError("the metadata names no entity of the unified model")
    return entity


def _decode_run(payload: bytes) -> Decoded:
    if len(payload) > MAX_RUN_BYTES:
        raise PayloadTooLarge(f"a run report of {len(payload)} bytes; {MAX_RUN_BYTES} are allowed")
    try:
        report = RunReport.from_document(orjson.loads(payload))
    except (ValueError, RecursionError) as error:
        raise PayloadError("the payload is not a run report") from error
    return Decoded(PayloadKind.RUN, 1, {}, report=report)


def _decode_table(kind: PayloadKind, payload: bytes) -> Decoded:
    table = unpack(payload)
    try:
        return _checked(kind, table)
    except UNREADABLE as error:
        raise PayloadError("the parts of the payload do not fit together") from error


def _checked(kind: PayloadKind, table: pa.Table) -> Decoded:
    stated = {name.decode(): value.decode() for name, value in (table.schema.metadata or {}).items()}
    meta = {name: stated[name] for name in sorted(_META_NAMES & stated.keys())}
    entity = _entity(meta)
    if stated.get("kind") != kind:
        raise PayloadError("the payload is of another kind than its frame says")
    if stated.get("count") != str(table.num_rows):
        raise PayloadError("the payload holds another number of rows than it states")
    if "read_at" in meta:
        _moment(meta["read_at"])
    base: dict[str, Any] = {"kind": kind, "count": table.num_rows, "meta": meta}
    if kind is PayloadKind.RECORDS:
        records = check_records(decode_dictionaries(table), entity)
        return Decoded(**base, table=records.replace_schema_metadata(meta))
    if kind is PayloadKind.TOMBSTONES:
        keys = tuple(_column(table, "key", pa.string()).to_pylist())
        return Decoded(**base, keys=keys, deleted_at=_moment(stated.get("deleted_at", "")))
    columns = [_column(table, item.name, item.type).to_pylist() for item in _LETTER_SCHEMA]
    return Decoded(**base, letters=tuple(DeadLetterRecord(*row) for row in zip(*columns, strict=True)))


def _column(table: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray:
    if table.column_names.count(name) != 1 or not table.column(name).type.equals(kind):
        raise PayloadError(f"the payload has no proper column {name}")
    column = table.column(name)
    if column.null_count:
        raise PayloadError(f"{name} is missing in a row")
    return column


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PayloadError("a moment of the payload cannot be read") from error
