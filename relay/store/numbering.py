"""Positions that become visible in their order: who has seen one never meets a smaller one later."""

from __future__ import annotations

from relay.store.sql import Sql


def take(db: Sql, name: str, count: int) -> int:
    """The first of `count` positions of the table `name`; they are given out once, and only if this transaction stands.

    Whoever takes the next ones waits until this transaction has ended.
    """
    last = db.value("UPDATE numbering SET last = last + ?1 WHERE name = ?2 RETURNING last", (count, name))
    return int(last) - count + 1
