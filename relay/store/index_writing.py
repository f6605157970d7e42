"""What is written into the record index, in SQL. How rows of records are put best is each engine's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import orjson

from relay.store.base import Changes, DeadLetterRow, RecordColumns, RemovedKeys, RunRow, Scope, to_micros
from relay.store.sql import Sql

TABLES: Final = ("records", "runs", "dead_letters", "scopes")


def position(db: Sql) -> int:
    return int(db.value("SELECT position FROM progress"))


def reset(db: Sql) -> None:
    for table in TABLES:
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - only our own text
    db.execute("UPDATE progress SET position = 0")


def apply(
    db: Sql,
    changes: Changes,
    *,
    put: Callable[[Sql, int, RecordColumns], None],
    remove: Callable[[Sql, int, RemovedKeys], None],
) -> None:
    """What is in the index already is passed over, so that a stretch may come twice."""
    done = position(db)
    if done < changes.after:
        return  # it was emptied since, by a process that has this work now
    for change in changes.records:
        if change.position <= done:
            continue
        scope = _scope_id(db, change.scope)
        if isinstance(change, RecordColumns):
            put(db, scope, change)
        else:
            remove(db, scope, change)
    _put_runs(db, [row for row in changes.runs if row.position > done])
    _put_dead_letters(db, [row for row in changes.dead_letters if row.position > done])
    db.execute("UPDATE progress SET position = ?1 WHERE position < ?1", (changes.upto,))


def _scope_id(db: Sql, scope: Scope) -> int:
    names = (scope.tenant, scope.connection, scope.entity)
    known = db.value("SELECT id FROM scopes WHERE tenant = ? AND connection = ? AND entity = ?", names)
    if known is None:
        known = db.value(
            "INSERT INTO scopes (tenant, connection, entity) VALUES (?, ?, ?) RETURNING id", names
        )
    return int(known)


def _put_runs(db: Sql, rows: Sequence[RunRow]) -> None:
    db.change_many(
        "INSERT INTO runs (tenant, run, connection, stream, entity, status, started_at, position, report) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, run) DO UPDATE SET connection = excluded.connection, "
        "stream = excluded.stream, entity = excluded.entity, status = excluded.status, "
        "started_at = excluded.started_at, position = excluded.position, report = excluded.report",
        [
            (
                row.tenant, row.run, row.connection, row.stream, row.entity, row.status, row.started_at,
                row.position, orjson.dumps(row.report).decode(),
            )
            for row in rows
        ],
    )  # fmt: skip


def _put_dead_letters(db: Sql, rows: Sequence[DeadLetterRow]) -> None:
    db.change_many(
        "INSERT INTO dead_letters (position, row, tenant, connection, stream, entity, run, key, field, reason, "
        "message, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            (
                row.position, row.row, row.tenant, row.connection, row.stream, row.entity, row.run, row.key,
                row.field, row.reason, row.message, to_micros(row.received_at),
            )
            for row in rows
        ],
    )  # fmt: skip
