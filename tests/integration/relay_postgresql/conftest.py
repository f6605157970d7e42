from __future__ import annotations

from pathlib import Path

import pytest

from relay.store.postgresql.address import Address
from tests.integration.relay_postgresql.databases import Databases
from tests.servers import PostgresServer


@pytest.fixture(scope="session")
def databases(postgres_server: PostgresServer) -> Databases:
    return Databases(postgres_server)


@pytest.fixture
def address(databases: Databases, tmp_path: Path) -> Address:
    return databases.of(tmp_path)
