"""The servers that other integration tests stand on."""

from __future__ import annotations

import os
from contextlib import suppress

import pyodbc
import pytest

from tests.servers import MariaDbServer, PostgresServer, ServerFailed

pytestmark = pytest.mark.integration


def test_postgres_answers_over_odbc_with_password(postgres_server: PostgresServer) -> None:
    postgres_server.create_database("reach")
    with pyodbc.connect(postgres_server.odbc_connection_string("reach")) as link:
        assert link.execute("select current_database()").fetchval() == "reach"


def test_mariadb_answers_over_odbc_with_password(mariadb_server: MariaDbServer) -> None:
    mariadb_server.create_database("reach")
    with pyodbc.connect(mariadb_server.odbc_connection_string("reach")) as link:
        assert link.execute("select database()").fetchval() == "reach"


def test_a_wrong_password_is_refused(postgres_server: PostgresServer) -> None:
    refused = postgres_server.odbc_connection_string("postgres").replace(postgres_server.password, "wrong")
    with pytest.raises(pyodbc.Error, match="authentication failed"):
        pyodbc.connect(refused)


def test_a_failing_script_says_why(postgres_server: PostgresServer) -> None:
    with pytest.raises(ServerFailed, match="no_such_table"):
        postgres_server.execute("select * from no_such_table;")


def test_a_server_is_gone_after_a_failure_inside_the_block() -> None:
    server = PostgresServer()
    pids = []
    with suppress(ZeroDivisionError), server:
        pids.append(server.pid)
        raise ZeroDivisionError
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    assert not server.folder.exists()


def test_a_paused_server_comes_back_on_the_same_port_with_its_data() -> None:
    with PostgresServer() as server:
        server.execute("create table kept (n int); insert into kept values (7);")
        port = server.port
        server.pause()
        with pytest.raises(pyodbc.Error):
            pyodbc.connect(server.odbc_connection_string("postgres"))
        server.restart()
        assert (server.port, server.execute("select n from kept;").strip()) == (port, "7")
