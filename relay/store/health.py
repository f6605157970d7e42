"""How agents and connections are, in SQL."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

import orjson

from relay.health.facts import (
    SEEN_WITHIN,
    AgentFacts,
    Certificate,
    ConnectionFacts,
    Drain,
    OutboxRoom,
    Waiting,
)
from relay.health.noted import AgentNote, AgentWord, ConnectionNote, Notes, RunNote, Standing
from relay.store.base import MICROSECOND, from_micros, to_micros
from relay.store.sql import Sql

AgentWithConnections = tuple[AgentFacts, tuple[ConnectionFacts, ...]]


def write_down(db: Sql, notes: Notes) -> None:
    now = to_micros(notes.at)
    for agent in notes.agents:
        _agent(db, agent, now)
    db.change_many(
        "UPDATE agent_health SET seen_at = ? WHERE agent = ? AND connected_since = ?",
        [(now, agent, to_micros(since)) for agent, since in notes.present.items()],
    )
    for connection in notes.connections:
        _connection(db, connection, now)
    for run in notes.runs:
        _run(db, run, now)


def _agent(db: Sql, note: AgentNote, now: int) -> None:
    if note.connected_since is not None:
        db.change(
            "INSERT INTO agent_health (agent, tenant, connected_since, seen_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (agent) DO UPDATE SET connected_since = excluded.connected_since,"
            " seen_at = excluded.seen_at",
            (note.agent, note.tenant, to_micros(note.connected_since), now),
        )
    if note.left is not None:
        # Only the session that ended: the agent may have come back since, to this relay or to another.
        db.change(
            "UPDATE agent_health SET connected_since = NULL, seen_at = ? WHERE agent = ? AND connected_since = ?",
            (now, note.agent, to_micros(note.left)),
        )
    if note.word is not None:
        db.change(
            "UPDATE agent_health SET told_at = ?, told = ? WHERE agent = ?",
            (to_micros(note.word.at), _word_json(note.word), note.agent),
        )
    if note.acked is not None:
        db.change(
            "UPDATE agent_health SET last_ack_at = ?, lag = ? WHERE agent = ?",
            (to_micros(note.acked.at), _micros(note.acked.lag), note.agent),
        )


def _connection(db: Sql, note: ConnectionNote, now: int) -> None:
    found = db.row("SELECT tenant, id FROM connections WHERE agent = ? AND name = ?", (note.agent, note.name))
    if found is None:
        return  # what it is called is written down with its status, or with its first batch
    tenant, connection = found
    db.change(
        "INSERT INTO connection_health (tenant, connection, state, error_code, error_hint, known_since, told_at)"
        " VALUES (?, ?, 'unknown', '', '', ?, ?) ON CONFLICT DO NOTHING",
        (tenant, connection, now, now),
    )
    if note.standing is not None:
        _standing(db, tenant, connection, note.standing, now)
    if note.waiting is not None:
        db.change(
            "UPDATE connection_health SET waiting = ? WHERE tenant = ? AND connection = ?",
            (orjson.dumps(_waiting_list(note.waiting)).decode(), tenant, connection),
        )
    if note.acked is not None:
        db.change(
            "UPDATE connection_health SET last_ack_at = ?, lag = ? WHERE tenant = ? AND connection = ?",
            (to_micros(note.acked.at), _micros(note.acked.lag), tenant, connection),
        )


def _standing(db: Sql, tenant: str, connection: str, standing: Standing, now: int) -> None:
    db.change(
        "UPDATE connection_health SET state = ?, paused = ?, error_code = ?, error_hint = ?,"
        " error_since = CASE WHEN ? = 1 THEN coalesce(error_since, ?) ELSE NULL END,"
        " refused_since = CASE WHEN ? = 1 THEN coalesce(refused_since, ?) ELSE NULL END,"
        " next_run_at = ?, told_at = ? WHERE tenant = ? AND connection = ?",
        (
            standing.state, None if standing.paused is None else int(standing.paused), standing.error_code,
            standing.error_hint, int(bool(standing.error_code)), now, int(standing.refused), now,
            None if standing.next_run_at is None else to_micros(standing.next_run_at), now, tenant, connection,
        ),
    )  # fmt: skip
    if standing.certificates is not None:  # else what was told last stands
        db.change(
            "UPDATE connection_health SET certificates = ? WHERE tenant = ? AND connection = ?",
            (orjson.dumps(_certificate_lists(standing.certificates)).decode(), tenant, connection),
        )
    for stream in standing.streams:
        _stream(db, tenant, connection, stream, now)
    known = db.execute(
        "SELECT stream FROM stream_health WHERE tenant = ? AND connection = ?", (tenant, connection)
    )
    for (stream,) in known:
        if stream not in standing.streams:
            db.change(
                "DELETE FROM stream_health WHERE tenant = ? AND connection = ? AND stream = ?",
                (tenant, connection, stream),
            )


def _stream(db: Sql, tenant: str, connection: str, stream: str, now: int) -> None:
    db.change(
        "INSERT INTO stream_health (tenant, connection, stream, known_since) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (tenant, connection, stream, now),
    )


def _run(db: Sql, note: RunNote, now: int) -> None:
    """Runs may be seen again, when the index is made anew: an older one changes nothing."""
    _stream(db, note.tenant, note.connection, note.stream, now)
    where = (note.tenant, note.connection, note.stream)
    db.change(
        "UPDATE stream_health SET last_run = ?, dead_letters = ?"
        " WHERE tenant = ? AND connection = ? AND stream = ? AND (last_run IS NULL OR last_run <= ?)",
        (note.run, note.dead_letters, *where, note.run),
    )
    if note.succeeded_at is not None:
        at = to_micros(note.succeeded_at)
        db.change(
            "UPDATE stream_health SET last_success_at = ? WHERE tenant = ? AND connection = ? AND stream = ?"
            " AND (last_success_at IS NULL OR last_success_at < ?)",
            (at, *where, at),
        )


_FLEET: Final = (
    "SELECT a.id, a.name, a.software, a.enrolled_at, a.last_seen_at, h.connected_since, h.seen_at,"
    " h.last_ack_at, h.lag, h.told_at, h.told,"
    " c.id, c.name, c.updated_at, k.state, k.paused, k.error_code, k.error_hint, k.error_since,"
    " k.refused_since, k.next_run_at, k.told_at, k.last_ack_at, k.lag, k.waiting, k.known_since, k.certificates,"
    " s.late_since, s.success_at, s.dead_letters"
    " FROM agents a LEFT JOIN agent_health h ON h.agent = a.id"
    " LEFT JOIN connections c ON c.agent = a.id"
    " LEFT JOIN connection_health k ON k.tenant = c.tenant AND k.connection = c.id"
    " LEFT JOIN (SELECT connection, min(coalesce(last_success_at, known_since)) AS late_since,"
    "  max(last_success_at) AS success_at, max(dead_letters) AS dead_letters"
    "  FROM stream_health WHERE tenant = ?1 GROUP BY connection) s ON s.connection = c.id"
    " WHERE a.tenant = ?1"
)
_THERE: Final = (
    " AND NOT EXISTS (SELECT 1 FROM revoked_agents r WHERE r.agent = a.id AND r.lineage = a.lineage)"
)
_AGENT_COLUMNS: Final = 11


def fleet(db: Sql, tenant: str, now: datetime) -> list[AgentWithConnections]:
    """Every agent of the tenant with its connections, in one statement; not those that were revoked."""
    return _agents(db.execute(f"{_FLEET}{_THERE} ORDER BY a.id, c.id", (tenant,)), now)


def one_agent(db: Sql, tenant: str, agent: str, now: datetime) -> AgentWithConnections | None:
    rows = db.execute(f"{_FLEET}{_THERE} AND a.id = ?2 ORDER BY c.id", (tenant, agent))
    return next(iter(_agents(rows, now)), None)


def one_connection(
    db: Sql, tenant: str, connection: str, now: datetime
) -> tuple[AgentFacts, ConnectionFacts] | None:
    rows = db.execute(f"{_FLEET} AND c.id = ?2", (tenant, connection))
    for agent, connections in _agents(rows, now):
        return agent, connections[0]
    return None


def last_position(db: Sql, tenant: str, connection: str) -> int | None:
    """Of the connection's batch that was stored last."""
    found = db.value(
        "SELECT max(b.position) FROM streams s JOIN batches b ON b.stream = s.id AND b.seq = s.last_seq"
        " WHERE s.tenant = ? AND s.connection = ?",
        (tenant, connection),
    )
    return None if found is None else int(found)


def _agents(rows: Iterable[Any], now: datetime) -> list[AgentWithConnections]:
    found = []
    for _, group in groupby(rows, key=lambda row: row[0]):
        together = list(group)
        agent = _agent_facts(together[0], now)
        connections = [_connection_facts(row, agent) for row in together if row[_AGENT_COLUMNS] is not None]
        found.append((agent, tuple(connections)))
    return found


def _agent_facts(row: Any, now: datetime) -> AgentFacts:
    (agent, name, software, enrolled_at, last_seen_at, since, seen_at, acked, lag, told_at, told) = row[
        :_AGENT_COLUMNS
    ]
    seen = max((at for at in (seen_at, last_seen_at) if at is not None), default=None)
    word: dict[str, Any] = {} if told is None else orjson.loads(told)
    room, drain = word.get("room"), word.get("drain")
    return AgentFacts(
        id=agent,
        name=name,
        software=software,
        connected=since is not None and seen_at is not None and now - from_micros(seen_at) <= SEEN_WITHIN,
        enrolled_at=from_micros(enrolled_at),
        connected_since=_moment(since),
        seen_at=_moment(seen),
        last_ack_at=_moment(acked),
        lag=_span(lag),
        skew=_span(word.get("skew")),
        told_at=_moment(told_at),
        waiting=_waiting(word.get("waiting")),
        room=None if room is None else OutboxRoom(*room),
        drain=None if drain is None else Drain(*drain),
        certificates=_certificates(word.get("certificates", ())),
    )


def _connection_facts(row: Any, agent: AgentFacts) -> ConnectionFacts:
    (
        connection, name, updated_at, state, paused, code, hint, error_since, refused_since, next_run_at, told_at,
        acked, lag, waiting, known_since, certificates, late_since, success_at, letters,
    ) = row[_AGENT_COLUMNS:]  # fmt: skip
    return ConnectionFacts(
        id=connection,
        name=name,
        agent=agent.id,
        state=state or "unknown",
        paused=None if paused is None else bool(paused),
        error_code=code or "",
        error_hint=hint or "",
        error_since=_moment(error_since),
        refused_since=_moment(refused_since),
        next_run_at=_moment(next_run_at),
        told_at=_moment(told_at) or from_micros(updated_at),
        last_ack_at=_moment(acked),
        lag=_span(lag),
        waiting=_waiting(None if waiting is None else orjson.loads(waiting)),
        late_since=_moment(known_since if late_since is None else late_since),
        last_success_at=_moment(success_at),
        dead_letters=letters,
        certificates=_certificates(() if certificates is None else orjson.loads(certificates)),
    )


def _word_json(word: AgentWord) -> str:
    room, drain = word.room, word.drain
    return orjson.dumps(
        {
            "skew": _micros(word.skew),
            "waiting": None if word.waiting is None else _waiting_list(word.waiting),
            "room": room
            and [room.high_water_bytes, room.file_bytes, room.disk_bytes, room.disk_free_bytes, room.reading_paused],
            "drain": drain and [drain.bytes_per_second, drain.records_per_second],
            "certificates": _certificate_lists(word.certificates),
        }
    ).decode()  # fmt: skip


def _certificate_lists(certificates: Iterable[Certificate]) -> list[list[str | int]]:
    return [[one.hop, to_micros(one.expires_at)] for one in certificates]


def _certificates(kept: Iterable[Any]) -> tuple[Certificate, ...]:
    return tuple(Certificate(hop, from_micros(at)) for hop, at in kept)


def _waiting_list(waiting: Waiting) -> list[int | None]:
    oldest = None if waiting.oldest_at is None else to_micros(waiting.oldest_at)
    return [waiting.batches, waiting.records, waiting.bytes, oldest]


def _waiting(kept: Any) -> Waiting | None:
    if kept is None:
        return None
    batches, records, size, oldest = kept
    return Waiting(batches, records, size, _moment(oldest))


def _micros(span: timedelta | None) -> int | None:
    return None if span is None else span // MICROSECOND


def _span(micros: int | None) -> timedelta | None:
    return None if micros is None else micros * MICROSECOND


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
