"""Places that readers keep, over stores that are closed, opened, copied and put back in any order."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, multiple, rule

from relay.store import eras, numbering
from relay.store.sql import Parameters

SCHEMA = """
CREATE TABLE eras (number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, mark TEXT NOT NULL,
                   began_after INTEGER NOT NULL);
CREATE TABLE batches (position INTEGER PRIMARY KEY, content TEXT NOT NULL);
CREATE TABLE numbering (name TEXT PRIMARY KEY, last INTEGER NOT NULL);
INSERT INTO numbering VALUES ('batches', 0);
"""


class OneSql:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def execute(self, statement: str, parameters: Parameters = ()) -> list[Any]:
        return self.connection.execute(statement, tuple(parameters)).fetchall()

    def row(self, statement: str, parameters: Parameters = ()) -> Any | None:
        return next(iter(self.execute(statement, parameters)), None)

    def value(self, statement: str, parameters: Parameters = ()) -> Any:
        found = self.row(statement, parameters)
        return None if found is None else found[0]

    def change(self, statement: str, parameters: Parameters = ()) -> int:
        return self.connection.execute(statement, tuple(parameters)).rowcount

    def change_many(self, statement: str, rows: Iterable[Parameters]) -> None:
        self.connection.executemany(statement, [tuple(row) for row in rows])


@dataclass(frozen=True)
class Reader:
    """What a reader of the whole feed has, and where it goes on."""

    era: bytes
    position: int
    has: Sequence[str] = field(default=())


class Stores(RuleBasedStateMachine):
    """The law: a reader whose place is borne out has exactly what the store has up to there."""

    copies = Bundle("copies")
    readers = Bundle("readers")

    def __init__(self) -> None:
        super().__init__()
        self.opened = 0
        self.written = 0
        self.connection = sqlite3.connect(":memory:")
        self.connection.executescript(SCHEMA)
        self.open_again()

    @property
    def sql(self) -> OneSql:
        return OneSql(self.connection)

    def contents(self, upto: int) -> list[str]:
        rows = self.sql.execute("SELECT content FROM batches WHERE position <= ? ORDER BY position", (upto,))
        return [content for (content,) in rows]

    @rule()
    def open_again(self) -> None:
        self.opened += 1
        self.mark = f"opening {self.opened}"

    @rule(count=st.integers(1, 4))
    def append(self, count: int) -> None:
        eras.note(self.sql, self.mark)
        for _ in range(count):
            self.written += 1
            position = numbering.take(self.sql, "batches", 1)
            self.sql.change("INSERT INTO batches VALUES (?, ?)", (position, f"batch {self.written}"))

    @rule(target=copies)
    def copy(self) -> bytes:
        self.connection.commit()
        return self.connection.serialize()

    @rule(copied=copies)
    def put_back(self, copied: bytes) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.connection.deserialize(copied)
        self.open_again()

    @rule(target=readers, short_of_the_end=st.integers(0, 3))
    def read(self, short_of_the_end: int) -> Reader:
        standing = eras.standing(self.sql, None)
        position = max(standing.last - short_of_the_end, 0)
        return Reader(standing.era, position, tuple(self.contents(position)))

    @rule(target=readers, reader=readers)
    def go_on(self, reader: Reader) -> Any:
        standing = eras.standing(self.sql, reader.era)
        if not standing.bears_out(reader.position):
            return multiple()
        assert list(reader.has) == self.contents(reader.position)
        return Reader(standing.era, standing.last, tuple(self.contents(standing.last)))

    @rule(reader=readers)
    def nobody_is_sent_away_for_nothing(self, reader: Reader) -> None:
        standing = eras.standing(self.sql, reader.era)
        same = list(reader.has) == self.contents(reader.position)

        assert not (same and standing.known) or standing.bears_out(reader.position)


Stores.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
test_a_place_is_borne_out_exactly_where_nothing_was_lost = Stores.TestCase
