"""The connections that somebody has paused. Everything here runs on the store's own thread."""

from __future__ import annotations

from datetime import datetime

from agent.outbox.database import Database
from agent.outbox.stamps import from_micros, to_micros


def pause(db: Database, connection: str, now: datetime) -> None:
    with db.transaction():
        db.run("INSERT OR IGNORE INTO paused (connection, since) VALUES (?, ?)", (connection, to_micros(now)))


def resume(db: Database, connection: str) -> None:
    with db.transaction():
        db.run("DELETE FROM paused WHERE connection = ?", (connection,))


def paused(db: Database) -> dict[str, datetime]:
    return {name: from_micros(since) for name, since in db.all("SELECT connection, since FROM paused")}
