"""Opening a database of the relay: recognise it, check that it will do, bring its schema forward.

Several relays may do so at once; what one of them has done the others find done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import psycopg
import structlog

from agent.errors import ConfigurationError, VersionMismatch
from relay.store.index import INDEX_FILE
from relay.store.migrating import Dialect, Migration, for_postgresql, migrations
from relay.store.postgresql import parts
from relay.store.postgresql.address import Address
from relay.store.postgresql.faults import translate
from relay.store.postgresql.session import connect
from relay.store.postgresql.sql import PostgresSql

log = structlog.get_logger()

OLDEST_SERVER: Final = 14
MIGRATIONS: Final = migrations(Dialect.POSTGRESQL)
INDEX: Final = "".join(for_postgresql(migration.script) for migration in INDEX_FILE.migrations)


def prepare(address: Address, known: Sequence[Migration] = MIGRATIONS) -> None:
    """Make the schemas or bring them forward. Raises GroundwireError."""
    with connect(address) as connection:
        try:
            _check_server(connection, address)
            _bring_forward(connection, address, known)
            make_index(connection, address)
            _drop_empty_parts(connection)
        except psycopg.Error as error:
            raise translate(error, address) from error


def _check_server(connection: psycopg.Connection[Any], address: Address) -> None:
    version = connection.info.server_version
    if version < OLDEST_SERVER * 10_000:
        raise VersionMismatch(
            f"The server is PostgreSQL {version // 10_000}.{version % 10_000}, the relay needs {OLDEST_SERVER} or newer.",
            where=str(address),
            hint="Upgrade the server.",
        )
    encoding = _value(connection, "SHOW server_encoding")
    if encoding != "UTF8":
        raise ConfigurationError(
            f"The database keeps texts as {encoding}, the relay needs UTF8.",
            where=str(address),
            hint="Make another one: createdb --encoding UTF8 --template template0 NAME",
        )
    if _value(connection, "SHOW fsync") == "off":
        log.warning(
            "database_does_not_sync", hint="fsync is off: what was acked may be lost with the server's power."
        )


def _bring_forward(connection: psycopg.Connection[Any], address: Address, known: Sequence[Migration]) -> None:
    with connection.transaction():
        _alone(connection, address)
        _make_schema(connection, address.schema)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL,"
            " applied_at TIMESTAMPTZ NOT NULL DEFAULT now())"
        )
    for migration in known:
        with connection.transaction():
            _alone(connection, address)
            version = int(_value(connection, "SELECT coalesce(max(number), 0) FROM migrations"))
            if version > known[-1].number:
                raise VersionMismatch(
                    f"The database has format {version}, this relay reads {known[-1].number}.",
                    where=str(address),
                )
            if version < migration.number:
                connection.execute(migration.script.encode())
                connection.execute(
                    "INSERT INTO migrations (number, name) VALUES (%s, %s)",
                    (migration.number, migration.name),
                )
                log.info("store_brought_forward", version=migration.number, name=migration.name)


def make_index(connection: psycopg.Connection[Any], address: Address, *, anew: bool = False) -> None:
    """The index of this version of the relay, empty unless it is there. It holds nothing of its own."""
    schema, mark = address.index_schema, hashlib.sha256(INDEX.encode()).hexdigest()
    with connection.transaction():
        _alone(connection, address)
        found = _value(
            connection,
            "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s",
            schema,
        )
        if found == mark and not anew:
            return
        log.info("index_made_anew", schema=schema)
        for table in _tables(connection, schema):
            connection.execute(f'DROP TABLE "{schema}"."{table}" CASCADE'.encode())
        _make_schema(connection, schema)
        connection.execute(f'SET LOCAL search_path = "{schema}"; {INDEX}'.encode())
        # What it will show, it has to show in whole before anybody reads it.
        connection.execute(
            f'UPDATE "{schema}".progress SET complete_at ='  # noqa: S608 - only our own text
            f' (SELECT coalesce(max(position), 0) FROM "{address.schema}".batches)'.encode()
        )
        connection.execute(f"COMMENT ON SCHEMA \"{schema}\" IS '{mark}'".encode())


def _drop_empty_parts(connection: psycopg.Connection[Any]) -> None:
    """Where nobody is in the way; the next relay that starts finds them again."""
    with suppress(psycopg.errors.LockNotAvailable), connection.transaction():
        connection.execute("SET LOCAL lock_timeout = '500ms'")
        for name in parts.drop_empty(PostgresSql(connection)):
            log.info("empty_part_dropped", part=name)


def _alone(connection: psycopg.Connection[Any], address: Address) -> None:
    """Of all relays, until the transaction ends, and without a limit to what it takes."""
    connection.execute(
        f"SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({address.key('opening')})".encode()
    )


def _make_schema(connection: psycopg.Connection[Any], schema: str) -> None:
    # Not IF NOT EXISTS: that needs the right to make one even where it is there.
    if _value(connection, "SELECT 1 FROM pg_namespace WHERE nspname = %s", schema) is None:
        connection.execute(f'CREATE SCHEMA "{schema}"'.encode())


def _tables(connection: psycopg.Connection[Any], schema: str) -> list[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,))
    return [name for (name,) in rows.fetchall()]


def _value(connection: psycopg.Connection[Any], statement: str, *values: str) -> Any:
    row = connection.execute(statement.encode(), values).fetchone()
    return None if row is None else row[0]
