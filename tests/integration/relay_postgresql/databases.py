"""A database for each folder that a test would keep the relay's files in."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import psycopg

from relay.store.postgresql.address import Address
from relay.store.postgresql.index import PostgresRecordIndex
from relay.store.postgresql.opening import prepare
from relay.store.postgresql.store import PostgresStore
from tests.servers import PostgresServer

TEMPLATE = "relay_template"
WAITING_SECONDS = 60.0  # generous: nobody waits so long unless something is broken


class Databases:
    """Copies of one that was prepared once for the server, which several suites of a process share."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._made: set[str] = set()
        if not self.run(f"SELECT 1 FROM pg_database WHERE datname = '{TEMPLATE}'"):
            self._create(TEMPLATE, "template1")
        prepare(self.address(TEMPLATE))

    def address(self, name: str) -> Address:
        where = f"{self.server.host}:{self.server.port}"
        return Address(f"postgresql://{self.server.user}@{where}/{name}", self.server.password)

    def of(self, folder: Path) -> Address:
        name = f"relay_{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
        if name not in self._made:
            self._create(name, TEMPLATE)
            self._made.add(name)
        return self.address(name)

    async def open_store(self, folder: Path) -> Any:
        return await PostgresStore.open(self.of(folder))

    async def open_index(self, folder: Path) -> Any:
        return PostgresRecordIndex(self.of(folder))

    def run(self, statement: str, database: str = "postgres") -> list[Any]:
        """As the superuser, in a connection of its own."""
        with psycopg.connect(**self.address(database).parameters, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return [] if cursor.description is None else cursor.fetchall()

    def until_somebody_waits(self, address: Address) -> None:
        """For a lock in that database, another than of the asking one."""
        name = address.parameters["dbname"]
        waiting = f"SELECT 1 FROM pg_stat_activity WHERE datname = '{name}' AND wait_event_type = 'Lock'"
        until = time.monotonic() + WAITING_SECONDS
        while not self.run(waiting):
            if time.monotonic() > until:
                raise TimeoutError("nobody waits for a lock")
            time.sleep(0.02)

    def _create(self, name: str, template: str) -> None:
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
