from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from drivers.contract import BadConfiguration, Column
from drivers.odbc.catalogue import probable_replication_key
from drivers.odbc.checks import _steps, _tls, address
from drivers.odbc.dialects import POSTGRESQL
from drivers.odbc.options import ConnectionOptions


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"server": "db", "port": "5432"}, ("db", 5432)),
        ({"server": "tcp:erp.local,1433"}, ("erp.local", 1433)),
        ({"server": "erp\\NAV", "port": "9"}, ("erp", None)),
        ({"server": "erp\\NAV,1434"}, ("erp", 1434)),
        ({"server": "[::1]", "port": "x"}, ("::1", None)),
        ({"dsn": "erp"}, ("", None)),
        ({"server": "(local)", "port": "1433"}, ("", None)),
        ({"server": ".\\SQLEXPRESS"}, ("", None)),
        ({"server": "(localdb)\\MSSQLLocalDB"}, ("", None)),
        ({"server": "/var/run/postgresql", "port": "5432"}, ("", None)),
    ],
)
def test_the_address_is_read_from_what_drivers_call_it(
    attributes: dict[str, str], expected: tuple[str, int | None]
) -> None:
    assert address(attributes) == expected


def test_a_change_column_is_guessed_by_name_and_type() -> None:
    columns = [
        Column("id", "int"),
        Column("Last Modified Date Time", "datetime"),
        Column("changed", "varchar"),
    ]

    assert probable_replication_key(columns) == "Last Modified Date Time"
    assert probable_replication_key([Column("changed", "text")]) is None


def test_what_the_server_says_of_tls_is_asked_wherever_somebody_chose() -> None:
    """Also where the connection names no host that could be looked up."""
    session: Any = SimpleNamespace(tls="encrypt", dialect=POSTGRESQL, product="", value=lambda *_: "")
    options = ConnectionOptions(
        connection={"Driver": "ODBC Driver 18 for SQL Server", "Server": "(local)"}, tls="encrypt"
    )

    with pytest.raises(BadConfiguration, match="not encrypted"):
        _tls(options, session)
    assert [name for name, _ in _steps(options, session)][-3:] == ["sign-in", "tls", "bulk connection"]
