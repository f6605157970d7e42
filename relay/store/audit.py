"""The relay's own audit log, in SQL: lines, and the head of each chain. A line is written with the deed it speaks of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from relay.deeds import GENESIS, Action, Deed, Head, Line, next_line
from relay.store.base import from_micros, to_micros
from relay.store.sql import Sql, Value


@dataclass(frozen=True, slots=True)
class AuditFilter:
    chain: str | None = None  # None: every one
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class AuditPlace:
    """Where a line stands among all, oldest first; a list goes backwards from one."""

    at: int
    chain: str
    n: int


@dataclass(frozen=True, slots=True)
class KeptLine:
    chain: str
    at: datetime
    line: Line

    @property
    def place(self) -> AuditPlace:
        return AuditPlace(to_micros(self.at), self.chain, self.line.n)


def note(db: Sql, *deeds: Deed) -> None:
    """Write the lines of what this transaction does."""
    for deed in deeds:
        line = next_line(head(db, deed.chain), deed)
        db.execute(
            "INSERT INTO audit (tenant, n, at, action, line, hash) VALUES (?, ?, ?, ?, ?, ?)",
            (deed.chain, line.n, to_micros(deed.at), deed.action, line.text, line.hash),
        )
        db.execute(
            "INSERT INTO audit_heads (tenant, n, hash) VALUES (?, ?, ?) "
            "ON CONFLICT (tenant) DO UPDATE SET n = excluded.n, hash = excluded.hash",
            (deed.chain, line.n, line.hash),
        )


def head(db: Sql, chain: str) -> Head:
    row = db.row("SELECT n, hash FROM audit_heads WHERE tenant = ?", (chain,))
    return Head(0, GENESIS) if row is None else Head(*row)


def chains(db: Sql, after: str, limit: int) -> list[str]:
    rows = db.execute(
        "SELECT tenant FROM audit_heads WHERE tenant > ? ORDER BY tenant LIMIT ?", (after, limit)
    )
    return [row[0] for row in rows]


def lines(db: Sql, chain: str, after: int, limit: int) -> list[Line]:
    """In their order."""
    rows = db.execute(
        "SELECT n, line, hash FROM audit WHERE tenant = ? AND n > ? ORDER BY n LIMIT ?", (chain, after, limit)
    )
    return [Line(*row) for row in rows]


def newest(db: Sql, wanted: AuditFilter, before: AuditPlace | None, limit: int) -> list[KeptLine]:
    """Newest first; of one chain by number, of all of them by moment."""
    clauses: list[str] = []
    values: list[Value] = []
    if wanted.chain is not None:
        clauses.append("tenant = ?")
        values.append(wanted.chain)
    if wanted.action is not None:
        clauses.append("action = ?")
        values.append(wanted.action)
    if before is not None:
        clauses.append("n < ?" if wanted.chain is not None else "(at, tenant, n) < (?, ?, ?)")
        values += [before.n] if wanted.chain is not None else [before.at, before.chain, before.n]
    where = f"WHERE {' AND '.join(clauses)} " if clauses else ""
    order = "n DESC" if wanted.chain is not None else "at DESC, tenant DESC, n DESC"
    rows = db.execute(
        f"SELECT tenant, at, n, line, hash FROM audit {where}ORDER BY {order} LIMIT ?",  # noqa: S608 - only our own text
        (*values, limit),
    )
    return [KeptLine(chain, from_micros(at), Line(n, text, digest)) for chain, at, n, text, digest in rows]
