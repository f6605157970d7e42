"""The versions of the store's schema: numbered scripts, each applied once to a store, in the order of their numbers.

`NNNN_name.sql` is for both engines, in SQLite's words; `NNNN_name.sqlite.sql` and `NNNN_name.postgresql.sql` are for
one each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Final

_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+?)(?:\.(sqlite|postgresql))?\.sql")


class Dialect(StrEnum):
    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True)
class Migration:
    number: int  # the version that it makes
    name: str
    script: str


def migrations(dialect: Dialect) -> tuple[Migration, ...]:
    """In the order of their numbers."""
    found = []
    for file in files("relay.store").joinpath("migrations").iterdir():
        match = _NAME.fullmatch(file.name)
        if match is not None and match[3] in (None, dialect):
            found.append(Migration(int(match[1]), match[2], file.read_text("utf-8")))
    return tuple(sorted(found, key=lambda migration: migration.number))
