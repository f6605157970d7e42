"""ODBC: the driver manager, the drivers that connections name, their libraries and their bits."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from agent.beside import beside
from agent.doctor.check import Check, Known, Told
from agent.doctor.installation import Installation
from agent.doctor.libraries import kind_of, kind_of_this_process, loading_fails, trial_fails
from agent.findings import Level
from agent.odbc_registry import DRIVERS_FILE, driver_files, registered, sections_of, source_files
from agent.settings import ConnectionSettings

_LIBRARY_FOLDERS: Final = (
    "usr/lib/x86_64-linux-gnu/odbc",
    "usr/lib/aarch64-linux-gnu/odbc",
    "usr/lib/odbc",
    "usr/lib64",
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "usr/lib",
    "usr/local/lib",
)

KNOWN: Final = (
    Known(
        "odbc.no_manager",
        Level.PROBLEM,
        "The ODBC driver manager (unixODBC) is missing or cannot be loaded, and a connection needs it",
        "Install it with the database's driver: `apt-get install unixodbc odbc-postgresql` (or `odbc-mariadb`, `tdsodbc`, `libsqliteodbc`).",
    ),
    Known(
        "odbc.no_drivers",
        Level.PROBLEM,
        "No ODBC driver is registered on this host",
        "Install the database's driver, which registers itself in odbcinst.ini; `odbcinst -q -d` lists those that there are.",
    ),
    Known(
        "odbc.not_installed",
        Level.PROBLEM,
        "A connection names an ODBC driver that is not registered on this host",
        "Install that driver, or write one of the registered names into options.connection.Driver: `odbcinst -q -d` lists them.",
    ),
    Known(
        "odbc.no_library",
        Level.PROBLEM,
        "An ODBC driver is registered, but its library is not there",
        "Install the driver's package again, or correct the path in odbcinst.ini.",
    ),
    Known(
        "odbc.bits",
        Level.PROBLEM,
        "The library of an ODBC driver is for another kind of machine than this process",
        "Install the driver of the same kind: mostly the 64-bit one.",
    ),
    Known(
        "odbc.broken",
        Level.PROBLEM,
        "The library of an ODBC driver is there but cannot be loaded, mostly because another library is missing that it needs",
        "Install the library that the evidence names (`ldd PATH` lists all that are missing).",
    ),
    Known(
        "odbc.no_dsn",
        Level.PROBLEM,
        "A connection names a data source (DSN) that is not defined for the agent's user",
        "Define it in /etc/odbc.ini for everybody, or name driver, server and database in options.connection instead.",
    ),
)


def with_manager(*trial: str) -> Check:
    """The check, with the trial that loads the driver manager."""

    async def run(installation: Installation, told: Told) -> None:
        await _check(installation, told, trial)

    return Check("odbc", "ODBC: driver manager, drivers and their libraries", run, KNOWN)


async def _check(installation: Installation, told: Told, trial: Sequence[str]) -> None:
    connections = [one for one in installation.connections if one.driver == "odbc"]
    if not connections:
        told.fine("this host", "no connection uses ODBC")
        return
    if sys.platform == "win32":
        return  # the driver manager is a part of Windows, and `sources` tells what it says
    await beside(lambda: _look(installation, connections, told, trial), name="odbc")


def _look(
    installation: Installation, connections: list[ConnectionSettings], told: Told, trial: Sequence[str]
) -> None:
    failed = trial_fails(*trial, environ=installation.environ)
    if failed:
        told.found("no_manager", "this host", "the ODBC driver manager cannot be loaded", evidence=failed)
    files = driver_files(installation.environ, installation.root)
    drivers = registered(files)
    where = ", ".join(map(str, files)) or DRIVERS_FILE
    if not drivers and any(_attribute(one, "driver") for one in connections):
        told.found("no_drivers", where, "no ODBC driver is registered")
        return
    looked: set[str] = set()
    for connection in connections:
        driver = _attribute(connection, "driver")
        if driver and driver not in looked:
            looked.add(driver)
            _judge_driver(installation, connection, driver, drivers, where, told)
        if not driver:
            _judge_dsn(installation, connection, told)


def _attribute(connection: ConnectionSettings, name: str) -> str:
    stated = connection.options.get("connection")
    if not isinstance(stated, Mapping):
        return ""
    found = next((str(value) for key, value in stated.items() if str(key).lower() == name), "")
    return found.strip("{}")


def _judge_driver(
    installation: Installation,
    connection: ConnectionSettings,
    driver: str,
    registered: Mapping[str, Mapping[str, str]],
    where: str,
    told: Told,
) -> None:
    place = f"{connection.where}: options.connection.Driver"
    if "/" in driver:
        _judge_library(installation, place, driver, driver, told)
        return
    known = {name.lower(): name for name in registered}
    if driver.lower() not in known:
        near = difflib.get_close_matches(driver.lower(), known, n=1, cutoff=0.4)
        there = ", ".join(registered)
        step = f'Write Driver = "{known[near[0]]}", or install {driver}.' if near else ""
        told.found(
            "not_installed",
            place,
            f"no driver named {driver!r} is registered",
            evidence=f"{where} has: {there}",
            next_step=step,
        )
        return
    entry = registered[known[driver.lower()]]
    library = entry.get("driver64") or entry.get("driver") or ""
    _judge_library(installation, place, known[driver.lower()], library, told)


def _judge_library(installation: Installation, place: str, name: str, library: str, told: Told) -> None:
    path = _find(installation, library)
    if path is None:
        if failed := loading_fails(library, installation.environ) if library else "no library is named":
            told.found(
                "no_library", place, f"the library of {name} is not there", evidence=f"{library}: {failed}"
            )
        else:
            told.fine(place, f"{name} can be loaded", library)
        return
    try:
        kind = kind_of(path)
    except OSError as error:
        told.found(
            "no_library", place, f"the library of {name} cannot be read", evidence=f"{path}: {error.strerror}"
        )
        return
    here = kind_of_this_process()
    if kind and kind != here:
        told.found(
            "bits", place, f"the library of {name} is for {kind}", evidence=f"{path}; this process is {here}"
        )
    elif failed := loading_fails(str(path), installation.environ):
        told.found("broken", place, f"the library of {name} cannot be loaded", evidence=f"{path}: {failed}")
    else:
        told.fine(place, f"{name} can be loaded", f"{path}, {kind}")


def _find(installation: Installation, library: str) -> Path | None:
    """Where the library lies; None where only the system's loader could know."""
    if not library:
        return None
    if library.startswith("/"):
        path = Path(library)
        return path if path.exists() else None
    for folder in _LIBRARY_FOLDERS:
        path = installation.root / folder / library
        if path.exists():
            return path
    return None


def _judge_dsn(installation: Installation, connection: ConnectionSettings, told: Told) -> None:
    name = _attribute(connection, "dsn")
    if not name:
        return
    files = source_files(installation.environ, installation.root)
    if not any(name.lower() == one.lower() for one in sections_of(files)):
        place = f"{connection.where}: options.connection.DSN"
        told.found("no_dsn", place, f"no data source is named {name!r}", evidence=", ".join(map(str, files)))


CHECK: Final = with_manager("odbc")
