"""Pure: attributes and secrets in, ODBC connection string out. The result is a secret; it is never logged or shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from drivers.contract import BadConfiguration
from drivers.odbc.tls import Choice, tls_attributes

_NAME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9 _.\-]{0,63}$")
_PLAIN: Final = re.compile(r"^[A-Za-z0-9_.:/\\-]+$")
_UNUSABLE: Final = re.compile("[\x00\r\n]")

# What each driver needs to hand values over unchanged. Operators may override any of them.
_PSQL: Final = {
    "BoolsAsChar": "0",  # else booleans arrive as the texts "1" and "0"
    "UseDeclareFetch": "0",  # pages are bounded already; one round trip instead of many
    "UnknownsAsLongVarchar": "1",  # else json and arrays are declared as 255 characters long
    "MaxLongVarcharSize": "1073741823",  # the driver's own limit gives way to max_text_bytes
    "MaxVarcharSize": "10485760",  # what PostgreSQL itself allows in varchar(n)
    "ByteaAsLongVarBinary": "1",
    "LFConversion": "0",  # else a line feed is changed on Windows
    "TrueIsMinus1": "0",
}
_MARIADB: Final = {
    "CHARSET": "utf8mb4",  # else letters outside the basic plane become "?"
    "OPTION": "2",  # an update counts the rows that it finds, not only those that it changes
}
_MARIADBS_OWN: Final = re.compile("mariadb|libmaodbc", re.IGNORECASE)
_FREETDS: Final = {"ClientCharset": "UTF-8", "TDS_Version": "7.4"}
_SQLITE: Final = {"NoWCHAR": "0", "BigInt": "1", "Timeout": "10000", "FKSupport": "0"}
_DEFAULTS: Final[tuple[tuple[re.Pattern[str], Mapping[str, str]], ...]] = (
    (re.compile("postgresql|psqlodbc", re.IGNORECASE), _PSQL),
    (re.compile("mariadb|mysql|libmaodbc", re.IGNORECASE), _MARIADB),
    (re.compile("freetds|tdsodbc", re.IGNORECASE), _FREETDS),
    (re.compile("sqlite", re.IGNORECASE), _SQLITE),
)


def driver_defaults(driver: str) -> Mapping[str, str]:
    for pattern, attributes in _DEFAULTS:
        if pattern.search(driver):
            return attributes
    return {}


def build(
    attributes: Mapping[str, str | int | bool],
    secrets: Mapping[str, str],
    tls: Choice | None = None,
    *,
    connect_seconds: int | None = None,
) -> str:
    merged: dict[str, tuple[str, str]] = {}
    stated = texts_of(attributes)
    driver = driver_of(stated)
    if not driver and not any(name.lower() in {"dsn", "filedsn"} for name in stated):
        raise BadConfiguration(
            "the connection names neither Driver nor DSN",
            where="options.connection",
            hint='Add Driver = "...", a name that `odbcinst -q -d` lists.',
        )
    limit = time_limit(driver, connect_seconds)
    for source in (driver_defaults(driver), limit, tls_attributes(driver, tls, stated), stated, secrets):
        for name, value in source.items():
            _refuse_unusable(name, value)
            merged[name.lower()] = (name, value)
    return "".join(f"{name}={_escape(value)};" for name, value in merged.values())


def time_limit(driver: str, connect_seconds: int | None) -> Mapping[str, str]:
    """Of signing in, for a driver that does not heed ODBC's own: a server that takes the call and says nothing."""
    if connect_seconds is None or not _MARIADBS_OWN.search(driver):
        return {}
    return {"CONN_TIMEOUT": str(connect_seconds)}


def texts_of(attributes: Mapping[str, str | int | bool]) -> dict[str, str]:
    return {name: _text(value) for name, value in attributes.items()}


def driver_of(stated: Mapping[str, str]) -> str:
    """Empty where a data source of the host names it."""
    return next((value for name, value in stated.items() if name.lower() == "driver"), "")


def _refuse_unusable(name: str, value: str) -> None:
    if not _NAME.match(name):
        raise BadConfiguration(
            f"{name!r} is not the name of a connection attribute", where="options.connection"
        )
    if _UNUSABLE.search(value):
        raise BadConfiguration(
            "the value holds a line break or NUL, which a connection string cannot carry",
            where=f"options.connection.{name}",
            hint="If it comes from a file, see that the file holds the value alone.",
        )


def _escape(value: str) -> str:
    """Brace all but plain words: inside braces only `}` has a meaning, and doubling takes it away.

    Plain words stay bare, because drivers take a braced port number for a text.
    """
    return value if _PLAIN.match(value) else "{" + value.replace("}", "}}") + "}"


def _text(value: str | int) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)
