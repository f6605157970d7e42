"""Whether the way to the database is encrypted and whom it trusts: one choice, in the words of each ODBC driver.

Their defaults differ, so that nobody should rely on them. What is chosen is written into the agent's log with each start of
the connection and shown by `check`, beside what the server says of the connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from drivers.contract import BadConfiguration

Choice = Literal["verify", "encrypt", "off"]
Attributes = Mapping[str, str]

_WORDS: Final[Mapping[Choice, str]] = {
    "verify": "encrypted, and the server's certificate and name are verified",
    "encrypt": "encrypted, but the server is not verified",
    "off": "not encrypted",
}
_WHERE: Final = "options.tls"


@dataclass(frozen=True, slots=True)
class DriverTls:
    """How one ODBC driver is told."""

    names: re.Pattern[str]  # of the driver, as it is registered
    choices: Mapping[Choice, Attributes]
    otherwise: str  # what it does when nobody says anything
    elsewhere: Mapping[Choice, str] = field(
        default_factory=dict
    )  # what cannot be said in a connection string


def _named(words: str) -> re.Pattern[str]:
    return re.compile(words, re.IGNORECASE)


_DRIVERS: Final = (
    DriverTls(
        _named("postgresql|psqlodbc"),
        {
            "verify": {"SSLmode": "verify-full"},
            "encrypt": {"SSLmode": "require"},
            "off": {"SSLmode": "disable"},
        },
        "psqlODBC encrypts if the server can, and verifies nothing",
    ),
    DriverTls(
        _named("mariadb|libmaodbc"),
        {"verify": {"FORCETLS": "1", "SSLVERIFY": "1"}, "encrypt": {"FORCETLS": "1"}, "off": {}},
        "MariaDB's driver does not encrypt",
    ),
    DriverTls(
        _named("mysql|myodbc"),
        {
            "verify": {"SSLMODE": "VERIFY_IDENTITY"},
            "encrypt": {"SSLMODE": "REQUIRED"},
            "off": {"SSLMODE": "DISABLED"},
        },
        "MySQL's driver encrypts if the server can, and verifies nothing",
    ),
    DriverTls(
        _named("freetds|tdsodbc"),
        {"encrypt": {"Encryption": "require"}, "off": {"Encryption": "off"}},
        "FreeTDS encrypts if the server asks for it, and verifies nothing",
        {"verify": "FreeTDS reads `ca file` and `check certificate hostname` from freetds.conf alone: set them there."},
    ),
    DriverTls(
        _named("sql server|msodbcsql"),
        {
            "verify": {"Encrypt": "yes", "TrustServerCertificate": "no"},
            "encrypt": {"Encrypt": "yes", "TrustServerCertificate": "yes"},
            "off": {"Encrypt": "no"},
        },
        "Microsoft's driver 18 encrypts and verifies, its driver 17 does not encrypt",
    ),
    DriverTls(
        _named("hdbodbc|hana"),
        {
            "verify": {"encrypt": "TRUE", "sslValidateCertificate": "TRUE"},
            "encrypt": {"encrypt": "TRUE", "sslValidateCertificate": "FALSE"},
            "off": {"encrypt": "FALSE"},
        },
        "HANA's driver does not encrypt",
    ),
    DriverTls(
        _named("db2"),
        {"verify": {"Security": "SSL"}, "off": {}},
        "DB2's driver does not encrypt",
        {"encrypt": "DB2's driver verifies whenever it encrypts: choose verify."},
    ),
    DriverTls(
        _named("oracle|sqora"),
        {},
        "Oracle's driver does what the service's entry in tnsnames.ora says",
        dict.fromkeys(("verify", "encrypt", "off"), "Oracle's client takes it from tnsnames.ora and sqlnet.ora (PROTOCOL = TCPS)."),
    ),
)  # fmt: skip


# Drivers for the same products by others, who have words of their own.
_OTHERS: Final = _named("datadirect|wire protocol|progress|devart|cdata|easysoft|simba|actual|openlink")


def tls_attributes(driver: str, choice: Choice | None, stated: Mapping[str, str]) -> Attributes:
    """What the choice adds to the connection string. Raises BadConfiguration where it cannot be had this way."""
    if choice is None:
        return {}
    known = _known(driver)
    if known is None:
        raise BadConfiguration(
            f"how the ODBC driver {driver!r} is told about TLS is not known here"
            if driver
            else "a data source of the machine names the ODBC driver, so nobody here knows how it is told about TLS",
            where=_WHERE,
            hint="Remove it, and state TLS by the driver's own attributes in options.connection"
            + (" or in the data source." if not driver else "."),
        )
    if choice not in known.choices:
        raise BadConfiguration(
            f"{choice!r} cannot be said in a connection string of this driver",
            where=_WHERE,
            hint=known.elsewhere[choice],
        )
    attributes = known.choices[choice]
    own = {name.lower(): value for name, value in stated.items()}
    for name in dict.fromkeys(name for each in known.choices.values() for name in each):
        said, meant = own.get(name.lower()), attributes.get(name)
        if said is not None and said.lower() != (meant or "").lower():
            means = f"{name} = {meant!r}" if meant else f"no {name}"
            raise BadConfiguration(
                f"options.tls = {choice!r} means {means}, and the connection says {said!r}",
                where=f"options.connection.{name}",
                hint="Keep one of the two.",
            )
    return attributes


def described(driver: str, choice: Choice | None, stated: Mapping[str, str]) -> str:
    """The choice as a sentence for the log and for `check`."""
    if choice is not None:
        return f"{choice}: {_WORDS[choice]}"
    known = _known(driver)
    if known is None:
        return "not chosen"
    names = {name.lower(): name for each in known.choices.values() for name in each}
    own = [f"{name} = {value}" for name, value in stated.items() if name.lower() in names]
    return f"as the connection says: {', '.join(own)}" if own else f"not chosen: {known.otherwise}"


def _known(driver: str) -> DriverTls | None:
    if _OTHERS.search(driver):
        return None
    return next((each for each in _DRIVERS if each.names.search(driver)), None)
