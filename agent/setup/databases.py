"""What an ODBC connection needs, by the driver or data source that was chosen. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agent.odbc_registry import OdbcSources
from agent.setup.needs import Need

SOURCE: Final = "odbc"  # the need that names the driver or data source
DSN: Final = "dsn:"  # before the name of a data source
DRIVER: Final = "driver:"
_TLS_WHY: Final = (
    "verify: encrypted, and the server's certificate is checked. encrypt: encrypted, whoever the server is. off: not "
    "encrypted, for a database on this machine."
)


@dataclass(frozen=True, slots=True)
class Family:
    """How the drivers of one product call what they need."""

    names: re.Pattern[str]
    port: int | None = None
    server: str = "Server"
    port_name: str = "Port"  # empty: it stands behind the server
    separator: str = ","
    database: str = "Database"
    tls: tuple[str, ...] = ("verify", "encrypt", "off")
    file: bool = False  # the database is a file
    words: Mapping[str, str] = field(default_factory=dict)


def _named(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_FAMILIES: Final = (
    Family(_named("sqlite"), file=True, tls=()),
    Family(_named("postgresql|psqlodbc"), 5432),
    Family(_named("mariadb|libmaodbc|mysql|myodbc"), 3306),
    Family(_named("freetds|tdsodbc"), 1433, tls=("encrypt", "off")),
    Family(_named("sql server|msodbcsql"), 1433, port_name=""),
    Family(_named("hdbodbc|hana"), 30015, server="ServerNode", port_name="", separator=":", database="DatabaseName"),
    Family(_named("db2"), 50000, server="Hostname", tls=("verify", "off")),
    Family(_named("oracle|sqora"), None, server="DBQ", port_name="", database="", tls=()),
)  # fmt: skip
_OTHER: Final = Family(_named(""), None, port_name="", tls=())


def choices_of(sources: OdbcSources) -> dict[str, str]:
    """Data sources first: somebody has made each of them for a purpose."""
    named = {
        f"{DSN}{name}": f"{name}, a data source" + (f" of {driver}" if driver else "")
        for name, driver in sources.sources.items()
    }
    return {**named, **{f"{DRIVER}{name}": f"{name}, a driver" for name in _best_first(sources.drivers)}}


def needs_of(source: str) -> tuple[Need, ...]:
    """Behind the choice of the source itself."""
    if source.startswith(DSN):
        return (_fixed("Dsn", source.removeprefix(DSN)), *_sign_in(optional=True))
    driver = source.removeprefix(DRIVER)
    family = next((one for one in _FAMILIES if one.names.search(driver)), _OTHER)
    head = _fixed("Driver", driver)
    if family.file:
        return (head, _file(family))
    return (head, *_place(family), *_sign_in(optional=False), *_tls(family))


def source_need(sources: OdbcSources) -> Need:
    choices = choices_of(sources)
    return Need(
        SOURCE,
        "Which ODBC driver or data source?",
        why="A data source of this machine knows the server already; with a driver you give server and database here.",
        kind="choice",
        choices=choices,
        default=next(iter(choices), None) if len(choices) == 1 else None,
    )


def _place(family: Family) -> tuple[Need, ...]:
    if family.server == "DBQ":
        return (
            Need(
                "server",
                "Service",
                why="A name of tnsnames.ora, or //HOST:1521/SERVICE.",
                into="options.connection.DBQ",
                example="//db.example.com:1521/MAXIMO",
            ),
        )
    behind = not family.port_name
    found = [
        Need(
            "server",
            "Server",
            why=f"Name or address; another port than {family.port} is written HOST{family.separator}PORT."
            if behind and family.port
            else "Name or address.",
            into=f"options.connection.{family.server}",
            example="db.example.com",
            default="127.0.0.1" if family.port_name else None,
        )
    ]
    if not behind:
        found.append(
            Need(
                "port",
                "Port",
                into=f"options.connection.{family.port_name}",
                kind="number",
                default=str(family.port),
            )
        )
    found.append(Need("database", "Database", into=f"options.connection.{family.database}", example="erp"))
    return tuple(found)


def _sign_in(*, optional: bool) -> tuple[Need, ...]:
    more = " Left empty: as the data source says." if optional else ""
    return (
        Need(
            "user",
            "User",
            why=f"An account of the database for Groundwire alone, which may only read.{more}",
            into="options.connection.Uid",
            example="groundwire",
            optional=optional,
        ),
        Need("password", "Password", into="secrets.Pwd", kind="secret", optional=optional),
    )


def _tls(family: Family) -> tuple[Need, ...]:
    if not family.tls:
        return ()
    return (
        Need(
            "tls",
            "Is the way to the database encrypted?",
            why=_TLS_WHY,
            into="options.tls",
            kind="choice",
            choices={
                word: text
                for word, text in (
                    ("verify", "yes, and the server's certificate is checked"),
                    ("encrypt", "yes, but whoever the server is"),
                    ("off", "no"),
                )
                if word in family.tls
            },
            default=family.tls[0],
        ),
    )


def _file(family: Family) -> Need:
    return Need(
        "database",
        "Database file",
        into=f"options.connection.{family.database}",
        kind="file",
        example="/var/lib/erp/erp.db",
    )


def _fixed(name: str, value: str) -> Need:
    return Need(name.lower(), name, into=f"options.connection.{name}", kind="fixed", default=value)


def _best_first(drivers: tuple[str, ...]) -> list[str]:
    """Of a product's two drivers the one for Unicode, which loses no letter; SQLite's older one last."""
    return sorted(
        drivers, key=lambda name: (bool(re.search(r"ansi|^sqlite$", name, re.IGNORECASE)), name.lower())
    )
