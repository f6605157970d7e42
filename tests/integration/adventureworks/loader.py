"""The AdventureWorks database, loaded as the tutorial loads it."""

from __future__ import annotations

from pathlib import Path

from examples.adventureworks.load import script
from tests.servers import PostgresServer


def load(server: PostgresServer, database: str, data: Path) -> None:
    server.create_database(database)
    server.psql(script(data), database)
