"""PostgreSQL's errors in our terms: the only place of the relay that knows both."""

from __future__ import annotations

from typing import Final

import psycopg

from agent.errors import (
    ConfigurationError,
    CredentialsRefused,
    GroundwireError,
    NotPermitted,
    StorageDamaged,
    StorageFull,
    TransientError,
    Unreachable,
    VersionMismatch,
)
from relay.store.postgresql.address import Address

_WAITS: Final = "Nothing to do here: the relay goes on by itself as soon as the database answers. Nothing that was acked is lost."
_DAMAGED: Final = "Look at the server's log and its disk; put the database back from its copy. Agents send again what they still keep."
_GRANTS: Final = (
    "Let the relay's account own its schemas: CREATE SCHEMA {schema} AUTHORIZATION account; "
    "CREATE SCHEMA {index} AUTHORIZATION account; or GRANT CREATE ON DATABASE to it."
)
# The server tells a client that it turns away no code, only a sentence.
_TURNED_AWAY: Final = (
    ("password authentication failed", "password"),
    ("no password supplied", "password"),
    ("no pg_hba.conf entry", "entry"),
    ("SSL", "tls"),
    ("certificate", "tls"),
    ("is not permitted to log in", "login"),
)
_MEANINGS: Final[tuple[tuple[tuple[str, ...], type[GroundwireError], str, str], ...]] = (
    (("40001", "40P01", "55P03"), TransientError, "Other transactions were in the way", ""),
    (("53100", "53400"), StorageFull, "The disk of the database is full", ""),
    (("57014",), TransientError, "The database took too long", ""),
    (("XX001", "XX002"), StorageDamaged, "The database cannot read what it holds", _DAMAGED),
    (
        ("42P01", "42703", "3F000"),
        VersionMismatch,
        "The tables are not those of this relay",
        "Somebody changed the schema, or a newer relay brought it forward: start the version that fits.",
    ),
    (("08", "53", "57", "58", "25006"), Unreachable, "The database does not answer", _WAITS),
)
AGAIN: Final = frozenset({"40001", "40P01"})  # the same transaction may stand when it is run once more


def translate(error: psycopg.Error, address: Address) -> GroundwireError:
    code = error.sqlstate or ""
    told = f"({_text(error, address)})"
    where = str(address)
    if code == "42501":
        hint = _GRANTS.format(schema=address.schema, index=address.index_schema)
        return NotPermitted(f"The database does not let the relay do this {told}.", where=where, hint=hint)
    for codes, kind, message, hint in _MEANINGS:
        if code and code.startswith(codes):
            return kind(f"{message} {told}.", where=where, hint=hint)
    if not code and lost(error):
        return Unreachable(f"The database does not answer {told}.", where=where, hint=_WAITS)
    return GroundwireError(f"The database refused a statement of the relay {told}.", where=where)


def refused(error: psycopg.OperationalError, address: Address) -> GroundwireError:
    """What kept a connection from being made."""
    text, where = _text(error, address), str(address)
    kind = next((kind for words, kind in _TURNED_AWAY if words in text), "")
    if kind == "password":
        return CredentialsRefused(
            "The database refused the relay's account or password.",
            where=where,
            hint="Correct store.password_file (or GROUNDWIRE_STORE_PASSWORD) and the account in store.url.",
        )
    if kind in {"entry", "login"}:
        return NotPermitted(
            f"The database does not let the relay in ({text}).",
            where=where,
            hint="Allow the relay's host, account and database in the server's pg_hba.conf, and give the account LOGIN.",
        )
    if kind == "tls":
        return ConfigurationError(
            f"No trusted connection came about ({text}).",
            where=where,
            hint="Compare sslmode and sslrootcert in store.url with the server's certificate.",
        )
    if "does not exist" in text:
        return ConfigurationError(
            f"The database is not there ({text}).",
            where=where,
            hint="Make it with `createdb`, owned by the relay's account, or correct store.url.",
        )
    return Unreachable(
        f"The database cannot be reached ({text}).",
        where=where,
        hint="Check that the server runs, that host and port in store.url are right, and that no firewall stands between.",
    )


def lost(error: psycopg.Error) -> bool:
    """Whether the connection went with it."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate[:2] == "08" or error.sqlstate in {"57P01", "57P02", "57P03", "57P05", "25P03"}


def _text(error: psycopg.Error, address: Address) -> str:
    """One line, without the password should a server repeat it."""
    told = error.diag.message_primary or str(error)
    if address.password:
        told = told.replace(address.password, "***")
    return " ".join(told.split())
