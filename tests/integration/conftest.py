"""The databases that the ODBC tests read, each laid out once per test run."""

from __future__ import annotations

import pytest

from tests.integration.odbc_sources import Source, lay_out
from tests.integration.odbc_write_sources import lay_out_writes
from tests.servers import DatabaseServer, MariaDbServer, PostgresServer


@pytest.fixture(scope="session")
def postgres_source(postgres_server: PostgresServer) -> Source:
    postgres_server.create_database("odbc")
    attributes, secrets = postgres_server.odbc_attributes("odbc"), postgres_server.odbc_secrets()
    return _laid_out(Source("postgres", attributes, secrets))


@pytest.fixture(scope="session")
def mariadb_source(mariadb_server: MariaDbServer) -> Source:
    mariadb_server.create_database("odbc")
    attributes, secrets = mariadb_server.odbc_attributes("odbc"), mariadb_server.odbc_secrets()
    return _laid_out(Source("mariadb", attributes, secrets))


@pytest.fixture(scope="session")
def sqlite_source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    pyodbc = pytest.importorskip("pyodbc", reason="unixODBC is not installed", exc_type=ImportError)
    if "SQLite3" not in pyodbc.drivers():
        pytest.skip("the ODBC driver SQLite3 (package libsqliteodbc) is not installed")
    path = tmp_path_factory.mktemp("sqlite") / "orders.db"
    return _laid_out(Source("sqlite", {"Driver": "SQLite3", "Database": str(path)}, {}))


@pytest.fixture(scope="session", params=["postgres", "mariadb", "sqlite"])
def source(request: pytest.FixtureRequest) -> Source:
    found: Source = request.getfixturevalue(f"{request.param}_source")
    return found


def _laid_out(source: Source) -> Source:
    lay_out(source)
    return source


@pytest.fixture(scope="session")
def writable_postgres(postgres_server: PostgresServer) -> Source:
    return _writable("postgres", postgres_server)


@pytest.fixture(scope="session")
def writable_mariadb(mariadb_server: MariaDbServer) -> Source:
    return _writable("mariadb", mariadb_server)


@pytest.fixture(scope="session")
def writable_sqlite(sqlite_source: Source, tmp_path_factory: pytest.TempPathFactory) -> Source:
    path = tmp_path_factory.mktemp("sqlite") / "writable.db"
    attributes = {**sqlite_source.attributes, "Database": str(path), "Timeout": 300}
    source = Source("sqlite", attributes, {})
    lay_out_writes(source, None)
    return source


@pytest.fixture(scope="session", params=["postgres", "mariadb", "sqlite"])
def writable_source(request: pytest.FixtureRequest) -> Source:
    """A database of its own to write to."""
    found: Source = request.getfixturevalue(f"writable_{request.param}")
    return found


def _writable(kind: str, server: DatabaseServer) -> Source:
    server.create_database("writable")
    source = Source(kind, server.odbc_attributes("writable"), server.odbc_secrets())
    lay_out_writes(source, lambda script: server.execute(script, "writable"))
    return source
