"""The ODBC drivers and data sources that a machine offers: from the files of unixODBC, or from Windows' registry."""

from __future__ import annotations

import configparser
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

if sys.platform == "win32":
    from agent.odbc_windows import DRIVERS_KEY, SOURCES_KEY, machines_values, names_of_drivers

DRIVERS_FILE: Final = "odbcinst.ini"
MAX_FILE_BYTES: Final = 1024 * 1024
_FOLDERS: Final = ("etc", "etc/unixODBC", "usr/local/etc", "opt/homebrew/etc")
_NO_DRIVERS: Final = frozenset({"ODBC", "ODBC DRIVERS"})
_NO_SOURCES: Final = frozenset({"ODBC", "ODBC DATA SOURCES"})

Sections = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class OdbcSources:
    drivers: tuple[str, ...] = ()  # as they are registered
    sources: Mapping[str, str] = field(default_factory=dict)  # data source -> its driver


def offered(environ: Mapping[str, str], root: Path = Path("/")) -> OdbcSources:
    """Both, with the user's own before those of the machine; on Windows those of the machine alone."""
    if sys.platform == "win32":
        return OdbcSources(
            names_of_drivers(machines_values(DRIVERS_KEY)), dict(sorted(machines_values(SOURCES_KEY).items()))
        )
    found = sections_of(source_files(environ, root), without=_NO_SOURCES)
    named = {name: entry.get("driver", "") for name, entry in sorted(found.items())}
    return OdbcSources(tuple(registered(driver_files(environ, root))), named)


def driver_files(environ: Mapping[str, str], root: Path = Path("/")) -> list[Path]:
    """Where unixODBC looks for drivers: the user's file too, as its own documentation says."""
    named = environ.get("ODBCINSTINI") or DRIVERS_FILE
    folder = environ.get("ODBCSYSINI")
    places = [Path(folder)] if folder else [root / one for one in _FOLDERS]
    files = [Path(named)] if named.startswith("/") else [place / named for place in places]
    home = environ.get("HOME")
    if home:
        files.append(Path(home) / f".{DRIVERS_FILE}")
    return [file for file in files if file.is_file()]


def source_files(environ: Mapping[str, str], root: Path = Path("/")) -> list[Path]:
    """Where data sources are looked for; whether the files are there or not."""
    own, folder = environ.get("ODBCINI"), environ.get("ODBCSYSINI")
    return [
        Path(own) if own else Path(environ.get("HOME") or "/") / ".odbc.ini",
        Path(folder) / "odbc.ini" if folder else root / "etc/odbc.ini",
    ]


def registered(files: list[Path]) -> Sections:
    """Driver -> its entry."""
    return sections_of(files, without=_NO_DRIVERS)


def sections_of(files: list[Path], *, without: frozenset[str] = frozenset()) -> Sections:
    """The first one of each name; a file that cannot be read, or is none, holds nothing."""
    found: dict[str, Mapping[str, str]] = {}
    for file in files:
        for name, entry in _sections(file).items():
            if name.upper() not in without:
                found.setdefault(name, entry)
    return found


def _sections(file: Path) -> Sections:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        with file.open("rb") as opened:
            parser.read_string(opened.read(MAX_FILE_BYTES).decode("utf-8", "replace"))
    except (OSError, configparser.Error):
        return {}
    return {name: {key: value or "" for key, value in parser.items(name)} for name in parser.sections()}
