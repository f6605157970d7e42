"""Loads the two native libraries, late and with a clear answer where the driver manager is missing."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from drivers.contract import BadConfiguration

_INSTALL = {
    "linux": "Install unixODBC and the database's ODBC driver, such as `apt-get install unixodbc odbc-postgresql`.",
    "darwin": "Install unixODBC and the database's ODBC driver, such as `brew install unixodbc psqlodbc`.",
}


def load_pyodbc() -> Any:
    module = _load("pyodbc")
    # The driver manager's pool would hand a dead or half-used connection to the next read.
    module.pooling = False
    return module


def load_arrow_odbc() -> Any:
    return _load("arrow_odbc")


def _load(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:
        raise BadConfiguration(
            f"the ODBC driver manager cannot be loaded: {error}",
            where="driver",
            hint=_INSTALL.get(
                sys.platform, "Reinstall Groundwire: Windows brings the driver manager itself."
            ),
        ) from error
