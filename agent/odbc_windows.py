"""The ODBC drivers and data sources of a Windows machine, which has them in its registry."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

DRIVERS_KEY: Final = r"SOFTWARE\ODBC\ODBCINST.INI\ODBC Drivers"
SOURCES_KEY: Final = r"SOFTWARE\ODBC\ODBC.INI\ODBC Data Sources"
_INSTALLED: Final = "installed"


def names_of_drivers(values: Mapping[str, str]) -> tuple[str, ...]:
    """By what stands under `DRIVERS_KEY`: a driver that was taken out may leave its name there with another word."""
    return tuple(sorted(name for name, word in values.items() if word.lower() == _INSTALLED))


if sys.platform == "win32":
    import winreg

    def machines_values(key: str) -> dict[str, str]:
        """Name -> text; of the machine, not of a user: the service is another one and would not find a user's."""
        found: dict[str, str] = {}
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
                for number in range(winreg.QueryInfoKey(opened)[1]):
                    name, value, kind = winreg.EnumValue(opened, number)
                    if kind == winreg.REG_SZ:
                        found[name] = value
        except OSError:
            return found  # no key: nothing was registered
        return found
