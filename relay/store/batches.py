"""Connections, streams and the appended batches, in SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

import orjson

from relay.store import accounts, numbering, sessions
from relay.store.base import (
    Agent,
    Appended,
    AppendOutcome,
    Batch,
    BatchHeader,
    Connection,
    ConnectionStatus,
    NewBatch,
    StreamEnd,
    StreamPosition,
    from_micros,
    to_micros,
)
from relay.store.sql import Sql
from relay.store.standings import tell_of_connection


@dataclass(slots=True)
class _Tail:
    """Where a stream stands, with what this transaction adds to it."""

    id: int
    last_seq: int
    last_hash: bytes
    entity: str = ""
    added: int = 0  # records
    updated_at: int = 0


_Names = tuple[str, int, str]  # of a stream: its agent, the agent's lineage, its own


def append(db: Sql, batches: Sequence[NewBatch]) -> list[Appended]:
    tails = _tails(db, {_names(batch) for batch in batches})
    taken: dict[tuple[int, int], NewBatch] = {}
    newest = sessions.newest(db, {batch.agent for batch in batches})
    outcomes = [_refused(batch, newest) or _append(db, batch, tails, taken) for batch in batches]
    _insert(db, taken)
    changed = {stream_id for stream_id, _ in taken}
    _save_tails(db, [tail for tail in tails.values() if tail.id in changed])
    return outcomes


def _refused(batch: NewBatch, newest: Mapping[str, tuple[int, int]]) -> Appended | None:
    """What an older session of its agent brings, wherever that is connected, counts nothing."""
    lineage, epoch = newest.get(batch.agent, (None, None))
    if lineage != batch.lineage:
        return Appended(AppendOutcome.UNKNOWN_AGENT, 0)
    return None if epoch == batch.epoch else Appended(AppendOutcome.SUPERSEDED, 0)


def _names(batch: NewBatch) -> _Names:
    return batch.agent, batch.lineage, batch.stream


def _tails(db: Sql, wanted: Collection[_Names]) -> dict[_Names, _Tail]:
    if not wanted:
        return {}
    rows = db.execute(
        f"WITH wanted (agent, lineage, stream) AS (VALUES {', '.join(['(?, ?, ?)'] * len(wanted))}) "  # noqa: S608 - only our own text
        "SELECT s.agent, s.lineage, s.stream, s.id, s.last_seq, s.last_hash FROM wanted w "
        "JOIN streams s ON s.agent = w.agent AND s.lineage = w.lineage AND s.stream = w.stream",
        [name for names in sorted(wanted) for name in names],
    )
    return {(row[0], row[1], row[2]): _Tail(*row[3:]) for row in rows}


def _append(
    db: Sql, batch: NewBatch, tails: dict[_Names, _Tail], taken: dict[tuple[int, int], NewBatch]
) -> Appended:
    tail = tails.get(_names(batch))
    last_seq = 0 if tail is None else tail.last_seq
    if tail is not None and batch.seq <= last_seq:
        return Appended(_repeat(db, tail, batch, taken), last_seq)
    if batch.prev != last_seq:
        return Appended(AppendOutcome.GAP, last_seq)
    if tail is None:
        agent = accounts.agent(db, batch.agent)
        if agent is None or agent.lineage != batch.lineage:
            return Appended(AppendOutcome.UNKNOWN_AGENT, last_seq)
        tail = tails[_names(batch)] = _Tail(_add_stream(db, agent, batch), 0, b"")
    taken[tail.id, batch.seq] = batch
    tail.last_seq, tail.last_hash, tail.entity = batch.seq, bytes.fromhex(batch.hash), batch.entity
    tail.added += batch.count if batch.kind == "records" and not batch.damaged else 0
    tail.updated_at = to_micros(batch.received_at)
    return Appended(AppendOutcome.APPENDED, batch.seq)


def _repeat(
    db: Sql, tail: _Tail, batch: NewBatch, taken: Mapping[tuple[int, int], NewBatch]
) -> AppendOutcome:
    just = taken.get((tail.id, batch.seq))
    if just is not None:
        stored = bytes.fromhex(just.hash)
    elif batch.seq == tail.last_seq:
        stored = tail.last_hash
    else:
        stored = db.value("SELECT hash FROM batches WHERE stream = ? AND seq = ?", (tail.id, batch.seq))
    return AppendOutcome.REPEATED if stored == bytes.fromhex(batch.hash) else AppendOutcome.REWOUND


_COLUMNS: Final = {
    "position": int, "tenant": str, "stream": int, "entity": str, "run": str, "kind": str, "seq": int, "prev": int,
    "count": int, "hash": bytes, "received_at": int, "payload": bytes,
}  # fmt: skip


def _insert(db: Sql, taken: Mapping[tuple[int, int], NewBatch]) -> None:
    if not taken:
        return
    first = numbering.take(db, "batches", len(taken))
    db.load(
        "batches",
        _COLUMNS,
        (
            (
                position, batch.tenant, stream_id, batch.entity, batch.run, batch.kind, batch.seq, batch.prev,
                batch.count, bytes.fromhex(batch.hash), to_micros(batch.received_at), batch.payload,
            )
            for position, ((stream_id, _), batch) in enumerate(taken.items(), start=first)
        ),
    )  # fmt: skip
    damaged = [
        (position, batch.damaged) for position, batch in enumerate(taken.values(), first) if batch.damaged
    ]
    db.change_many("INSERT INTO damaged (position, reason) VALUES (?, ?)", damaged)


def _save_tails(db: Sql, tails: Sequence[_Tail]) -> None:
    # In one order, whoever does it: two transactions then never wait for each other.
    db.change_many(
        "UPDATE streams SET last_seq = ?, last_hash = ?, records = records + ?, entity = ?, updated_at = ? WHERE id = ?",
        [
            (tail.last_seq, tail.last_hash, tail.added, tail.entity, tail.updated_at, tail.id)
            for tail in sorted(tails, key=lambda tail: tail.id)
        ],
    )


def _add_stream(db: Sql, agent: Agent, batch: NewBatch) -> int:
    connection = claim_connection(db, agent, batch.connection, batch.received_at)
    added = db.value(
        "INSERT INTO streams (agent, lineage, stream, tenant, connection, entity, last_seq, records, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?) RETURNING id",
        (
            agent.id, batch.lineage, batch.stream, batch.tenant, connection, batch.entity,
            to_micros(batch.received_at),
        ),
    )  # fmt: skip
    return int(added)


def claim_connection(db: Sql, agent: Agent, name: str, now: datetime) -> str:
    """The connection's id, given out when it is first seen and never changed."""
    known = db.value("SELECT id FROM connections WHERE agent = ? AND name = ?", (agent.id, name))
    if known is not None:
        return str(known)
    taken = db.value("SELECT 1 FROM connections WHERE tenant = ? AND id = ?", (agent.tenant, name))
    connection_id = name if taken is None else f"{name}.{agent.id}"
    db.execute(
        "INSERT INTO connections (tenant, id, agent, name, status, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
        (agent.tenant, connection_id, agent.id, name, _status_json(ConnectionStatus(name)), to_micros(now)),
    )
    return connection_id


def save_connections(db: Sql, agent: Agent, statuses: Sequence[ConnectionStatus], now: datetime) -> None:
    for status in statuses:
        connection_id = claim_connection(db, agent, status.name, now)
        db.execute(
            "UPDATE connections SET status = ?, updated_at = ? WHERE agent = ? AND name = ?",
            (_status_json(status), to_micros(now), agent.id, status.name),
        )
        tell_of_connection(db, agent, connection_id, status, now)


def _status_json(status: ConnectionStatus) -> str:
    kept = {name: getattr(status, name) for name in _KEPT}
    return orjson.dumps(kept).decode()


# An older relay over the same store knows no others.
_KEPT = tuple(field.name for field in fields(ConnectionStatus) if field.name not in {"name", "certificates"})
_TUPLES = frozenset({"streams", "commands", "operations"})
_CONNECTION = "SELECT id, tenant, agent, name, status, updated_at FROM connections WHERE tenant = ? "


def connections(db: Sql, tenant: str) -> list[Connection]:
    return [_connection(row) for row in db.execute(_CONNECTION + "ORDER BY id", (tenant,))]


def connection(db: Sql, tenant: str, connection_id: str) -> Connection | None:
    row = db.row(_CONNECTION + "AND id = ?", (tenant, connection_id))
    return None if row is None else _connection(row)


def _connection(row: Any) -> Connection:
    connection_id, tenant, agent, name, status, updated_at = row
    told: dict[str, Any] = orjson.loads(status)
    told |= {key: tuple(told[key]) for key in _TUPLES if told[key] is not None}
    return Connection(connection_id, tenant, agent, ConnectionStatus(name, **told), from_micros(updated_at))


def stream_positions(db: Sql, tenant: str, connection_id: str) -> list[StreamPosition]:
    rows = db.execute(
        "SELECT stream, entity, last_seq, records, updated_at FROM streams s "
        "WHERE tenant = ? AND connection = ? AND NOT EXISTS (SELECT 1 FROM streams n WHERE n.tenant = s.tenant "
        "AND n.connection = s.connection AND n.stream = s.stream AND n.lineage > s.lineage) ORDER BY stream",
        (tenant, connection_id),
    )
    return [_stream_position(row) for row in rows]


def _stream_position(row: Any) -> StreamPosition:
    *same, updated_at = row
    return StreamPosition(*(*same, from_micros(updated_at)))


def stream_ends(db: Sql, agent: Agent) -> dict[str, StreamEnd]:
    rows = db.execute(
        "SELECT stream, last_seq, last_hash FROM streams WHERE agent = ? AND lineage = ? AND last_hash IS NOT NULL",
        (agent.id, agent.lineage),
    )
    return {stream: StreamEnd(seq, digest.hex()) for stream, seq, digest in rows}


def last_position(db: Sql) -> int:
    """That was ever given out: what stood there may have been removed."""
    return int(db.value("SELECT last FROM numbering WHERE name = 'batches'"))


_HEADER = (
    "SELECT b.position, b.tenant, s.agent, s.connection, s.stream, b.entity, b.run, b.kind, b.seq, b.count, "
    "coalesce(d.reason, ''), b.received_at, length(b.payload)"
)
_JOINED = "FROM batches b JOIN streams s ON s.id = b.stream LEFT JOIN damaged d ON d.position = b.position"


def headers(
    db: Sql, after: int, limit: int, tenant: str | None, connection_id: str, entity: str
) -> list[BatchHeader]:
    wanted = [("b.tenant = ?", tenant), ("s.connection = ?", connection_id), ("b.entity = ?", entity)]
    given = [(condition, value) for condition, value in wanted if value]
    where = "".join(f" AND {condition}" for condition, _ in given)
    rows = db.execute(
        f"{_HEADER} {_JOINED} WHERE b.position > ?{where} ORDER BY b.position LIMIT ?",
        (after, *(value for _, value in given), limit),
    )
    return [_header(row) for row in rows]


def batch(db: Sql, position: int) -> Batch | None:
    row = db.row(f"{_HEADER}, b.hash, b.payload {_JOINED} WHERE b.position = ?", (position,))
    return None if row is None else Batch(_header(row[:-2]), row[-1], row[-2])


def without_payload(db: Sql, position: int) -> Batch | None:
    row = db.row(f"{_HEADER}, b.hash {_JOINED} WHERE b.position = ?", (position,))
    return None if row is None else Batch(_header(row[:-1]), b"", row[-1])


def quarantine(db: Sql, position: int, reason: str) -> None:
    """Its records are no longer counted, for nobody can have them from here."""
    added = db.change(
        "INSERT INTO damaged (position, reason) VALUES (?, ?) ON CONFLICT DO NOTHING", (position, reason)
    )
    if added == 1:
        db.execute(
            "UPDATE streams SET records = streams.records - b.count FROM batches b"
            " WHERE b.position = ? AND b.kind = 'records' AND streams.id = b.stream",
            (position,),
        )


def _header(row: Any) -> BatchHeader:
    *same, damaged, received_at, size = row
    return BatchHeader(*(*same, from_micros(received_at), size, damaged))
