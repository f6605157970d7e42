"""Connections, streams and the appended batches, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import orjson

from relay.store import accounts
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


def append(db: Sql, batches: Sequence[NewBatch]) -> list[Appended]:
    return [_append(db, batch) for batch in batches]


def _append(db: Sql, batch: NewBatch) -> Appended:
    stream = db.row(
        "SELECT id, last_seq FROM streams WHERE agent = ? AND lineage = ? AND stream = ?",
        (batch.agent, batch.lineage, batch.stream),
    )
    stream_id, last_seq = (None, 0) if stream is None else stream
    if batch.seq <= last_seq:
        return Appended(_repeat(db, stream_id or 0, batch), last_seq)
    if batch.prev != last_seq:
        return Appended(AppendOutcome.GAP, last_seq)
    if stream_id is None:
        agent = accounts.agent(db, batch.agent)
        if agent is None or agent.lineage != batch.lineage:
            return Appended(AppendOutcome.UNKNOWN_AGENT, last_seq)
        stream_id = _add_stream(db, agent, batch)
    _insert(db, stream_id, batch)
    return Appended(AppendOutcome.APPENDED, batch.seq)


def _repeat(db: Sql, stream_id: int, batch: NewBatch) -> AppendOutcome:
    stored = db.value("SELECT hash FROM batches WHERE stream = ? AND seq = ?", (stream_id, batch.seq))
    same = stored == bytes.fromhex(batch.hash)
    return AppendOutcome.REPEATED if same else AppendOutcome.REWOUND


def _insert(db: Sql, stream_id: int, batch: NewBatch) -> None:
    received = to_micros(batch.received_at)
    position = db.value(
        "INSERT INTO batches (tenant, stream, entity, run, kind, seq, prev, count, hash, received_at, payload) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING position",
        (
            batch.tenant, stream_id, batch.entity, batch.run, batch.kind, batch.seq, batch.prev, batch.count,
            bytes.fromhex(batch.hash), received, batch.payload,
        ),
    )  # fmt: skip
    if batch.damaged:
        db.execute("INSERT INTO damaged (position, reason) VALUES (?, ?)", (position, batch.damaged))
    records = batch.count if batch.kind == "records" and not batch.damaged else 0
    db.execute(
        "UPDATE streams SET last_seq = ?, records = records + ?, entity = ?, updated_at = ? WHERE id = ?",
        (batch.seq, records, batch.entity, received, stream_id),
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
        claim_connection(db, agent, status.name, now)
        db.execute(
            "UPDATE connections SET status = ?, updated_at = ? WHERE agent = ? AND name = ?",
            (_status_json(status), to_micros(now), agent.id, status.name),
        )


def _status_json(status: ConnectionStatus) -> str:
    kept = {field.name: getattr(status, field.name) for field in fields(status) if field.name != "name"}
    return orjson.dumps(kept).decode()


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
        "SELECT s.stream, s.last_seq, b.hash FROM streams s "
        "JOIN batches b ON b.stream = s.id AND b.seq = s.last_seq WHERE s.agent = ? AND s.lineage = ?",
        (agent.id, agent.lineage),
    )
    return {stream: StreamEnd(seq, digest.hex()) for stream, seq, digest in rows}


def last_position(db: Sql) -> int:
    return int(db.value("SELECT coalesce(max(position), 0) FROM batches"))


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
