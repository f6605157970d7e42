"""One choice about TLS, in the words of each ODBC driver."""

from __future__ import annotations

import pytest

from drivers.contract import BadConfiguration
from drivers.odbc.connection_string import build
from drivers.odbc.tls import described

NAMES = (
    "PostgreSQL Unicode",
    "MariaDB Unicode",
    "MySQL ODBC 9.0 Unicode Driver",
    "ODBC Driver 18 for SQL Server",
    "HDBODBC",
    "IBM DB2 ODBC DRIVER",
)


@pytest.mark.parametrize(
    ("driver", "choice", "written"),
    [
        ("PostgreSQL Unicode", "verify", "SSLmode=verify-full;"),
        ("PostgreSQL Unicode", "off", "SSLmode=disable;"),
        ("MariaDB Unicode", "verify", "FORCETLS=1;SSLVERIFY=1;"),
        ("MySQL ODBC 9.0 Unicode Driver", "verify", "SSLMODE={VERIFY_IDENTITY};"),
        ("ODBC Driver 18 for SQL Server", "verify", "Encrypt=yes;TrustServerCertificate=no;"),
        ("ODBC Driver 18 for SQL Server", "encrypt", "Encrypt=yes;TrustServerCertificate=yes;"),
        ("FreeTDS", "encrypt", "Encryption=require;"),
        ("HDBODBC", "verify", "encrypt=TRUE;sslValidateCertificate=TRUE;"),
        ("IBM DB2 ODBC DRIVER", "verify", "Security=SSL;"),
    ],
)
def test_the_choice_is_said_in_the_driver_s_own_words(driver: str, choice: str, written: str) -> None:
    text = build({"Driver": driver, "Server": "db"}, {}, choice)  # type: ignore[arg-type]

    assert written.replace("{", "").replace("}", "") in text.replace("{", "").replace("}", "")


@pytest.mark.parametrize(
    ("driver", "choice", "hint"),
    [
        ("FreeTDS", "verify", "freetds.conf"),
        ("IBM DB2 ODBC DRIVER", "encrypt", "choose verify"),
        ("Oracle 21 ODBC driver", "verify", "TCPS"),
        ("Nobody's", "verify", "own attributes"),
        ("IBM i Access ODBC Driver", "verify", "own attributes"),
        ("DataDirect 8.0 SQL Server Wire Protocol", "encrypt", "own attributes"),
        ("Devart ODBC Driver for PostgreSQL", "verify", "own attributes"),
    ],
)
def test_what_a_driver_cannot_be_told_is_refused_and_never_taken_as_done(
    driver: str, choice: str, hint: str
) -> None:
    with pytest.raises(BadConfiguration) as caught:
        build({"Driver": driver}, {}, choice)  # type: ignore[arg-type]

    assert hint in caught.value.hint
    assert caught.value.where == "options.tls"


def test_a_choice_needs_the_driver_s_name() -> None:
    with pytest.raises(BadConfiguration, match="data source") as caught:
        build({"DSN": "erp"}, {}, "verify")

    assert caught.value.where == "options.tls"


def test_a_choice_that_the_connection_contradicts_is_refused() -> None:
    with pytest.raises(BadConfiguration) as caught:
        build({"Driver": "PostgreSQL Unicode", "sslmode": "prefer"}, {}, "verify")

    assert caught.value.where == "options.connection.SSLmode"


@pytest.mark.parametrize(
    ("driver", "choice", "said"),
    [
        ("MariaDB Unicode", "off", {"ForceTLS": "1"}),
        ("MariaDB Unicode", "encrypt", {"SSLVERIFY": "1"}),
        ("IBM DB2 ODBC DRIVER", "off", {"Security": "SSL"}),
    ],
)
def test_a_choice_is_contradicted_by_what_it_leaves_unsaid_too(
    driver: str, choice: str, said: dict[str, str]
) -> None:
    with pytest.raises(BadConfiguration, match="means no"):
        build({"Driver": driver, **said}, {}, choice)  # type: ignore[arg-type]


@pytest.mark.parametrize("driver", NAMES)
def test_what_nobody_chose_is_told_with_what_the_driver_does_then(driver: str) -> None:
    assert described(driver, None, {}).startswith("not chosen: ")
    assert described(driver, "verify", {}).startswith("verify: encrypted, and the server's certificate")


def test_what_the_connection_says_itself_is_told() -> None:
    assert (
        described("PostgreSQL Unicode", None, {"sslmode": "require"})
        == "as the connection says: sslmode = require"
    )
