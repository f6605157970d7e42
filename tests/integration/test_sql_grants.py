"""The GRANT statements that are printed for a profile, run by an administrator: the account that has them reads
everything, and there is no table among them that the profile does not read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from agent.systems import profile
from drivers.authorisations import grants_of
from drivers.contract import NotPermitted, ReadMode, ReadRequest, StreamSpec
from drivers.odbc.authorisations import ACCOUNT
from drivers.odbc.dialects import MARIADB
from drivers.odbc.driver import OdbcDriver
from drivers.odbc.names import with_names
from drivers.odbc.options import parse_connection
from tests.canaries import canary
from tests.databases import eam, gp, maximo, nav
from tests.databases.econnect import PARAMETERS
from tests.databases.laying import AS_SQL_SERVER, attributes, create_statements, lay
from tests.servers import MariaDbServer

READER = "reader"
PASSWORD = canary("-granted")
_ROWVERSIONS = replace(MARIADB, safe_rowversion="'00000000000007ff'")


@dataclass(frozen=True)
class Case:
    system: str
    tables: dict[str, str]
    types: dict[str, str]
    names: dict[str, str]


CASES = [
    Case("dynamics-gp", gp.TABLES, gp.TYPES, {}),
    Case("dynamics-nav-sql", nav.tables(nav.COMPANY, ""), nav.TYPES, {"company": nav.COMPANY}),
    Case("maximo", maximo.TABLES, maximo.TYPES, {"schema": "granted_maximo"}),
    Case("infor-eam", eam.TABLES, eam.TYPES, {"schema": "granted_infor_eam"}),
]


def streams_of(case: Case, *, read_only: bool) -> list[StreamSpec]:
    read = profile(case.system)
    options = parse_connection(
        {"connection": {}} | read["options"] | {"names": read["options"]["names"] | case.names}
    )
    return [
        with_names(
            StreamSpec(
                name, table["entity"], table["read"], write={} if read_only else table.get("write", {})
            ),
            options,
        )
        for name, table in read["streams"].items()
    ]


def statements_of(case: Case) -> list[str]:
    found = grants_of("odbc", streams_of(case, read_only=True))
    return [value for each in found or () for value in each.values]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.system))
def test_the_tables_of_the_list_are_those_of_the_system(case: Case) -> None:
    named = {
        each.removeprefix("GRANT SELECT ON ").removesuffix(f" TO {ACCOUNT}") for each in statements_of(case)
    }

    prefix = f'"{case.names["schema"]}".' if "schema" in case.names else ""
    assert named == {f"{prefix}{table}" for table in case.tables}


def test_of_gp_every_procedure_of_econnect_that_is_called_is_named_for_those_who_write() -> None:
    grants: tuple[Any, ...] = grants_of("odbc", streams_of(CASES[0], read_only=False)) or ()

    written = {each.values[0] for each in grants if not each.read_by}
    assert written == {
        *(f"GRANT EXECUTE ON dbo.{name} TO {ACCOUNT}" for name in PARAMETERS),
        f'USE "DYNAMICS"; GRANT SELECT ON dbo.taErrorCode TO {ACCOUNT}',
    }


@pytest.mark.integration
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.system))
async def test_an_account_with_exactly_these_rights_reads_every_stream(
    mariadb_server: MariaDbServer, case: Case
) -> None:
    database = f"granted_{case.system.replace('-', '_')}"
    lay(mariadb_server, database, create_statements(case.tables, case.types))
    account = f"create or replace user {READER} identified by '{PASSWORD}'"
    # Without a table that it may use, MariaDB's account may not sign in to the database either.
    mariadb_server.execute(
        f"create table its_own (a int); {account}; grant select on its_own to {READER}", database
    )
    connection = attributes(mariadb_server, database) | {"Uid": READER}
    options = {**profile(case.system)["options"], "connection": connection, "names": case.names}
    driver = OdbcDriver("granted", options, {"Pwd": PASSWORD}, dialect=_ROWVERSIONS)
    streams = streams_of(case, read_only=True)

    with pytest.raises(NotPermitted):
        await driver.columns(streams[0])
    granted = [each.removesuffix(ACCOUNT) + READER for each in statements_of(case)]
    mariadb_server.execute(f"{AS_SQL_SERVER}; {'; '.join(granted)}", database)
    for stream in streams:
        (page,) = [each async for each in driver.read(ReadRequest(stream, ReadMode.SCAN))]
        assert page.complete
    await driver.aclose()
