"""The ODBC drivers and data sources that a machine offers, from the files of its driver manager. Pure."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

_NO_DRIVERS: Final = frozenset({"odbc", "odbc drivers"})
_NO_SOURCES: Final = frozenset({"odbc", "odbc data sources"})


@dataclass(frozen=True, slots=True)
class OdbcSources:
    drivers: tuple[str, ...] = ()  # as they are registered
    sources: Mapping[str, str] = field(default_factory=dict)  # data source -> its driver


def files_of(environ: Mapping[str, str], home: str) -> tuple[PurePath, tuple[PurePath, ...]]:
    """UnixODBC's file of drivers, and those of data sources, the user's own first."""
    system = PurePath(environ.get("ODBCSYSINI") or "/etc")
    drivers = system / (environ.get("ODBCINSTINI") or "odbcinst.ini")
    return drivers, (PurePath(environ.get("ODBCINI") or f"{home}/.odbc.ini"), system / "odbc.ini")


def sources_in(drivers: str, sources: tuple[str, ...]) -> OdbcSources:
    """`drivers` is the text of odbcinst.ini, `sources` those of odbc.ini; what is no such file counts as empty."""
    found: dict[str, str] = {}
    for text in sources:
        for name, section in _sections(text, _NO_SOURCES).items():
            found.setdefault(name, section.get("driver", ""))
    return OdbcSources(tuple(_sections(drivers, _NO_DRIVERS)), dict(sorted(found.items())))


def _sections(text: str, without: frozenset[str]) -> dict[str, Mapping[str, str]]:
    parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    return {
        name: {key: value or "" for key, value in parser[name].items()}
        for name in parser.sections()
        if name.lower() not in without
    }
