"""The databases that the ODBC tests read, each laid out once per test run."""

from __future__ import annotations

import pytest

from tests.integration.odbc_sources import Source, lay_out
from tests.servers import MariaDbServer, PostgresServer


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
