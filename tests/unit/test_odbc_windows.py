"""What Windows has registered for ODBC."""

from __future__ import annotations

from agent.odbc_windows import names_of_drivers


def test_the_drivers_of_windows_are_those_that_are_installed() -> None:
    values = {
        "SQL Server": "Installed",
        "ODBC Driver 18 for SQL Server": "installed",
        "Gone": "Not Installed",
        "": "",
    }

    assert names_of_drivers(values) == ("ODBC Driver 18 for SQL Server", "SQL Server")
