"""Where the database is, and how every connection of the store behaves."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import conninfo

from agent.errors import ConfigurationError

CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 60
LOCK_SECONDS: Final = 30  # that a relay waits for the transactions of the others
IDLE_SECONDS: Final = 10  # inside a transaction: then its relay stands still, and the others wait for it
_KEEPALIVES: Final = {
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_SESSION: Final = {
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": f"{LOCK_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
    # A relay whose host has vanished holds its locks no longer than this lets it.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
    "client_connection_check_interval": "5s",
    "timezone": "UTC",
    "client_min_messages": "warning",
}


@dataclass(frozen=True, slots=True)
class Address:
    """`schema`: the schema of the store's tables; that of the index has `_index` behind it."""

    url: str
    password: str | None = field(default=None, repr=False)
    schema: str = "groundwire"

    @property
    def parameters(self) -> dict[str, Any]:
        """As psycopg takes them, with the password."""
        told = _parsed(self.url)
        if self.password is not None:
            told["password"] = self.password
        return {
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "groundwire-relay",
            **_KEEPALIVES,
            **told,
        }

    @property
    def conninfo(self) -> str:
        """The same as one text, which holds the password."""
        return conninfo.make_conninfo("", **self.parameters)

    @property
    def session(self) -> str:
        """What every session begins with."""
        settings = "; ".join(f"SET {name} = '{value}'" for name, value in _SESSION.items())
        return f'{settings}; SET search_path = "{self.schema}"'

    @property
    def index_schema(self) -> str:
        return f"{self.schema}_index"

    def key(self, lane: str) -> int:
        """Of an advisory lock: one for each schema and lane."""
        digest = hashlib.sha256(f"groundwire/{self.schema}/{lane}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)

    def __str__(self) -> str:
        told = _parsed(self.url)
        port = f":{told['port']}" if "port" in told else ""
        return f"postgresql://{told.get('host', 'localhost')}{port}/{told.get('dbname', '')}"


def _parsed(url: str) -> dict[str, Any]:
    try:
        return conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # Its text repeats the address, and with it what may be a password.
        raise ConfigurationError(
            "This is not the address of a PostgreSQL database.",
            where="store.url",
            hint="Such as postgresql://groundwire@db.example:5432/groundwire?sslmode=verify-full",
        ) from None


def check_url(url: str) -> None:
    """Raises ConfigurationError; to be called before the address is used or shown."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise ConfigurationError(
            "The store's address begins with postgresql://.",
            where="store.url",
            hint="Without [store] the relay keeps its records in a file of its own.",
        )
    told = _parsed(url)
    if "password" in told:
        raise ConfigurationError(
            "The password does not belong into the address.",
            where="store.url",
            hint="Name a file with it as store.password_file, or set GROUNDWIRE_STORE_PASSWORD.",
        )
    if not told.get("dbname"):
        raise ConfigurationError("The address names no database.", where="store.url")
