"""Connection credits, in SQL. What becomes of a pool is decided in `relay.usage`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from relay.acting import Actor, ActorKind
from relay.store.base import from_micros, to_micros
from relay.store.sql import Sql
from relay.usage import Ledger, Price, Standing, UsageAction, UsageChange, UsedConnection

_CONNECTION: Final = (
    "SELECT connection, agent, system, tier, on_premises, credits, standing, since FROM usage_connections "
)


@dataclass(frozen=True, slots=True)
class Pool:
    size: int | None  # None: no bound
    in_use: int
    given: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A connection in a tenant's pool, and since when it stands as it does."""

    connection: UsedConnection
    since: datetime


@dataclass(frozen=True, slots=True)
class HistoryLine:
    n: int
    at: datetime
    change: UsageChange
    by: Actor


def pool(db: Sql, tenant: str, default: int | None) -> Pool:
    row = db.row("SELECT pool, in_use, given FROM usage_pools WHERE tenant = ?", (tenant,))
    if row is None:
        return Pool(default, 0)
    size, in_use, given = row
    return Pool(size if given else default, in_use, bool(given))


def of_agent(db: Sql, agent: str) -> list[UsedConnection]:
    return [_held(row).connection for row in db.execute(_CONNECTION + "WHERE agent = ?", (agent,))]


def ids_by_name(db: Sql, agent: str) -> dict[str, str]:
    """The ids of the agent's connections, by the name that it has for them."""
    return dict(db.execute("SELECT name, id FROM connections WHERE agent = ?", (agent,)))


def connections(db: Sql, tenant: str, after: str, limit: int) -> list[Held]:
    rows = db.execute(
        _CONNECTION + "WHERE tenant = ? AND connection > ? ORDER BY connection LIMIT ?",
        (tenant, after, limit),
    )
    return [_held(row) for row in rows]


def connection(db: Sql, tenant: str, connection_id: str) -> Held | None:
    row = db.row(_CONNECTION + "WHERE tenant = ? AND connection = ?", (tenant, connection_id))
    return None if row is None else _held(row)


def counts(db: Sql, tenant: str) -> dict[Standing, tuple[int, int]]:
    """Of each standing: how many connections, and what they cost together."""
    rows = db.execute(
        "SELECT standing, count(*), CAST(sum(credits) AS BIGINT) FROM usage_connections WHERE tenant = ? "
        "GROUP BY standing",
        (tenant,),
    )
    return {Standing(standing): (int(number), int(total)) for standing, number, total in rows}


def open_ledger(db: Sql, tenant: str, connection_ids: Collection[str], default: int | None) -> Ledger:
    """For a transaction that writes: nobody comes between this and `save`."""
    known: dict[str, UsedConnection] = {}
    for connection_id in connection_ids:
        if (found := connection(db, tenant, connection_id)) is not None:
            known[connection_id] = found.connection
    stands = pool(db, tenant, default)
    return Ledger(stands.size, stands.in_use, known, given=stands.given)


def save(db: Sql, tenant: str, ledger: Ledger, by: Actor, now: datetime) -> None:
    if not ledger.changed and not ledger.history:
        return
    for one in ledger.changed.values():
        _save_connection(db, tenant, one, now)
    changes = db.value(
        "INSERT INTO usage_pools (tenant, pool, in_use, changes, given) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (tenant) DO UPDATE SET pool = excluded.pool, in_use = excluded.in_use, "
        "changes = usage_pools.changes + excluded.changes, "
        "given = excluded.given RETURNING changes",
        (tenant, ledger.pool, ledger.in_use, len(ledger.history), int(ledger.given)),
    )
    db.change_many(
        "INSERT INTO usage_history (tenant, n, at, action, connection, credits, in_use, pool, why, by_kind, by_name) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                tenant, n, to_micros(now), change.action, change.connection, change.credits, change.in_use,
                change.pool, change.why, by.kind, by.name,
            )
            for n, change in enumerate(ledger.history, start=int(changes) - len(ledger.history) + 1)
        ],
    )  # fmt: skip


def disconnect_agent(db: Sql, tenant: str, agent: str, by: Actor, now: datetime) -> None:
    """Its connections are no more."""
    known = db.value("SELECT pool FROM usage_pools WHERE tenant = ?", (tenant,))
    ledger = open_ledger(db, tenant, [one.id for one in of_agent(db, agent)], known)
    ledger.gone(list(ledger.connections), "agent revoked")
    save(db, tenant, ledger, by, now)


def _save_connection(db: Sql, tenant: str, one: UsedConnection, now: datetime) -> None:
    db.execute(
        "INSERT INTO usage_connections "
        "(tenant, connection, agent, system, tier, on_premises, credits, standing, since) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, connection) DO UPDATE SET agent = excluded.agent, "
        "system = excluded.system, tier = excluded.tier, on_premises = excluded.on_premises, "
        "credits = excluded.credits, standing = excluded.standing, since = excluded.since",
        (
            tenant, one.id, one.agent, one.system, one.price.tier, int(one.price.on_premises), one.price.credits,
            one.standing, to_micros(now),
        ),
    )  # fmt: skip


def history(db: Sql, tenant: str, before: int | None, limit: int) -> list[HistoryLine]:
    """Newest first."""
    rows = db.execute(
        "SELECT n, at, action, connection, credits, in_use, pool, why, by_kind, by_name FROM usage_history "
        "WHERE tenant = ? AND n < ? ORDER BY n DESC LIMIT ?",
        (tenant, 2**62 if before is None else before, limit),
    )
    return [_line(row) for row in rows]


def _held(row: Any) -> Held:
    connection_id, agent, system, tier, on_premises, credits_, standing, since = row
    price = Price(tier, bool(on_premises), credits_)
    return Held(UsedConnection(connection_id, agent, system, price, Standing(standing)), from_micros(since))


def _line(row: Any) -> HistoryLine:
    n, at, action, connection_id, credits_, in_use, size, why, by_kind, by_name = row
    change = UsageChange(UsageAction(action), connection_id, credits_, in_use, size, why)
    return HistoryLine(n, from_micros(at), change, Actor(ActorKind(by_kind), by_name))
