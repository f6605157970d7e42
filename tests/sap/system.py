"""A small SAP-like system: tables, clients, users, authorisations, locks, number ranges, units of work.

It knows no protocol. A front (the caller seam in process, SOAP-RFC or OData over HTTP) opens a `Session` for a user and
calls functions in it; what a session wrote is seen by others only when it commits, and is gone when it ends without.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock
from typing import Any

from tests.canaries import canary
from tests.sap.dictionary import Definition, load

Row = dict[str, str]


class AbapException(Exception):
    """A function module raises an exception of its own."""

    def __init__(self, key: str, text: str = "", area: str = "", number: str = "") -> None:
        super().__init__(key)
        self.key, self.text, self.area, self.number = key, text or key, area, number


class ShortDump(Exception):
    """The session ends, and everything in it is undone."""


class NoAuthority(Exception):
    pass


class LogonRefused(Exception):
    pass


class Busy(Exception):
    """No work process is free."""


class LineCut(Exception):
    """The line breaks: before the call is carried out, or after it and before its reply."""

    def __init__(self, *, carried_out: bool) -> None:
        super().__init__("connection reset by peer")
        self.carried_out = carried_out


@dataclass
class User:
    name: str
    password: str
    locked: bool = False
    expired: bool = False
    refused: str = ""  # in SAP's own words, with the right password
    functions: frozenset[str] | None = None  # None: all
    tables: frozenset[str] | None = None


@dataclass
class Change:
    """One write of a unit of work: an upsert, or a deletion."""

    table: str
    row: Row
    delete: bool = False


@dataclass
class Session:
    system: System
    user: User
    language: str = "E"
    pending: list[Change] = field(default_factory=list)
    locks: set[tuple[str, str]] = field(default_factory=set)
    ended: bool = False

    def write(self, table: str, row: Mapping[str, str]) -> None:
        self.pending.append(Change(table, dict(row)))

    def lock(self, table: str, key: str) -> bool:
        owner = self.system.locks.setdefault((table, key), self)
        if owner is self:
            self.locks.add((table, key))
        return owner is self

    def commit(self) -> None:
        self.system.apply(self.pending)
        self._clear()

    def rollback(self) -> None:
        self._clear()

    def end(self) -> None:
        self._clear()
        self.ended = True

    def _clear(self) -> None:
        self.pending.clear()
        for lock in self.locks:
            self.system.locks.pop(lock, None)
        self.locks.clear()


@dataclass
class Profile:
    """What this system has and how it behaves."""

    release: str = "740"
    readers: tuple[str, ...] = ("RFC_READ_TABLE",)
    et_data: bool = False  # RFC_READ_TABLE returns rows in ET_DATA where it is asked to, and sorts
    scrambled: bool = True  # rows come in no order that anybody could rely on
    rows_in_memory: int = 200_000  # more in one call end with a short dump
    letters_first: bool = False  # its database orders texts as EBCDIC does


def _by_ebcdic(left: str, right: str) -> int:
    one, other = left.encode("cp037"), right.encode("cp037")
    return (one > other) - (one < other)


class System:
    def __init__(
        self, profile: Profile | None = None, *, now: datetime = datetime(2026, 3, 15, 10, 0, 0)
    ) -> None:
        self.profile = profile or Profile()
        self.client = "100"
        self.now = now
        self.dictionary: dict[str, Definition] = load()
        self.users = {"RFCUSER": User("RFCUSER", canary())}
        self.locks: dict[tuple[str, str], Session] = {}
        self.closed_periods: set[str] = set()
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        # Asked before each call; may raise Busy, ShortDump, LineCut, or write what others write meanwhile.
        self.before_call: Callable[[str, Mapping[str, Any]], None] = lambda _function, _parameters: None
        self.lock = RLock()
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.create_collation("EBCDIC", _by_ebcdic)
        self._numbers = {
            "EBELN": itertools.count(4500001000),
            "AUFNR": itertools.count(800001000),
            "MBLNR": itertools.count(4900001000),
            "CHANGENR": itertools.count(1),
        }
        for definition in self.dictionary.values():
            if definition.is_table:
                self._create(definition)
        for currency, decimals in (("JPY", 0), ("KRW", 0), ("KWD", 3), ("TND", 3), ("CLF", 4), ("USDN", 5)):
            self.put("TCURX", CURRKEY=currency, CURRDEC=str(decimals))

    # --- sessions

    def logon(self, user: str, password: str, client: str, language: str = "E") -> Session:
        if client != self.client:
            raise LogonRefused(f"Client {client} is not available in this system")
        found = self.users.get(user.upper())
        if found is None or found.password != password:
            raise LogonRefused("Name or password is incorrect (repeat logon)")
        if found.locked:
            raise LogonRefused("User is locked. Please notify the person responsible")
        if found.expired:
            raise LogonRefused("Password has expired: change your password")
        if found.refused:
            raise LogonRefused(found.refused)
        return Session(self, found, language)

    # --- data

    def add_table(self, definition: Definition) -> None:
        self.dictionary[definition.name] = definition
        self._create(definition)

    def put(self, table: str, **values: str) -> None:
        """Write a row at once, as another user's finished work."""
        self.apply([Change(table, dict(values))])

    def remove(self, table: str, **key: str) -> None:
        self.apply([Change(table, dict(key), delete=True)])

    def apply(self, changes: Sequence[Change]) -> None:
        with self.lock:
            for change in changes:
                self._apply(change)
            self._db.commit()

    def put_many(self, table: str, rows: Iterator[Sequence[str]]) -> None:
        """Whole rows in the order of the columns."""
        places = ", ".join("?" * len(self.dictionary[table].columns))
        with self.lock:
            self._db.executemany(f'INSERT OR REPLACE INTO "{table}" VALUES ({places})', rows)
            self._db.commit()

    def rows(self, table: str, **where: str) -> list[Row]:
        names = self.dictionary[table].names
        condition = " AND ".join(f'"{name}" = ?' for name in where) or "1"
        key = ", ".join(f'"{name}"' for name in self.dictionary[table].key)
        with self.lock:
            found = self._db.execute(
                f'SELECT * FROM "{table}" WHERE {condition} ORDER BY {key}', tuple(where.values())
            ).fetchall()
        return [dict(zip(names, row, strict=True)) for row in found]

    def row(self, table: str, **where: str) -> Row | None:
        return next(iter(self.rows(table, **where)), None)

    def select(
        self, table: str, columns: Sequence[str], where: str, values: Sequence[str], *, limit: int, sort: bool
    ) -> list[tuple[str, ...]]:
        """`where` has a `?` for each value."""
        names = ", ".join(f'"{name}"' for name in columns)
        definition = self.dictionary[table]
        key = ", ".join(f'"{name}"' for name in definition.key)
        order = key if sort or not self.profile.scrambled else "(rowid * 2654435761) % 4294967296"
        client = next((column.name for column in definition.columns if column.type == "CLNT"), None)
        mine = f'"{client}" = ? AND ' if client else ""
        statement = (
            f'SELECT {names} FROM "{table}" WHERE {mine}({where or "1"}) ORDER BY {order} LIMIT {limit}'
        )
        with self.lock:
            return self._db.execute(statement, ((self.client,) if client else ()) + tuple(values)).fetchall()

    def next_number(self, name: str) -> str:
        """Numbers that are drawn are gone, committed or not."""
        with self.lock:
            return str(next(self._numbers[name]))

    def changed(self, session: Session, object_class: str, object_id: str, tcode: str) -> None:
        """Write a change document as part of the session's unit of work."""
        session.write("CDHDR", {
            "OBJECTCLAS": object_class, "OBJECTID": object_id, "CHANGENR": self.next_number("CHANGENR").rjust(10, "0"),
            "USERNAME": session.user.name, "UDATE": self.today, "UTIME": self.clock, "TCODE": tcode,
        })  # fmt: skip

    def fill_catalogue(self) -> None:
        """The dictionary in its own tables, for who reads those instead of asking."""
        for definition in list(self.dictionary.values()):
            for position, column in enumerate(definition.columns, 1):
                self.put(
                    "DD03L", TABNAME=definition.name, FIELDNAME=column.name, AS4LOCAL="A", POSITION=f"{position:04d}",
                    KEYFLAG="X" if column.key else "", DATATYPE=column.type, LENG=f"{column.length:06d}",
                    DECIMALS=f"{column.decimals:06d}", REFTABLE=column.reference[0], REFFIELD=column.reference[1],
                    DOMNAME=f"D_{column.exit}" if column.exit else "",
                )  # fmt: skip
        for name in ("ALPHA", "MATN1", "CUNIT"):
            self.put("DD01L", DOMNAME=f"D_{name}", AS4LOCAL="A", CONVEXIT=name)

    # --- time

    @property
    def today(self) -> str:
        return self.now.strftime("%Y%m%d")

    @property
    def clock(self) -> str:
        return self.now.strftime("%H%M%S")

    def pass_time(self, **length: float) -> None:
        self.now += timedelta(**length)

    def close(self) -> None:
        self._db.close()

    def _create(self, definition: Definition) -> None:
        order = "COLLATE EBCDIC " if self.profile.letters_first else ""
        columns = ", ".join(f'"{column.name}" TEXT {order}NOT NULL' for column in definition.columns)
        key = ", ".join(f'"{name}"' for name in definition.key)
        self._db.execute(f'CREATE TABLE "{definition.name}" ({columns}, PRIMARY KEY ({key}))')

    def _apply(self, change: Change) -> None:
        definition = self.dictionary[change.table]
        row = {
            column.name: self.client if column.type == "CLNT" else change.row.get(column.name, "")
            for column in definition.columns
        }
        same = " AND ".join(f'"{name}" = ?' for name in definition.key)
        key = tuple(row[name] for name in definition.key)
        if change.delete:
            self._db.execute(f'DELETE FROM "{change.table}" WHERE {same}', key)
            return
        unknown = set(change.row) - set(definition.names)
        assert not unknown, f"{change.table} has no {unknown}"
        old = self._db.execute(f'SELECT * FROM "{change.table}" WHERE {same}', key).fetchone()
        before = dict(zip(definition.names, old, strict=True)) if old else {}
        whole = [
            row[column.name]
            if column.name in change.row or column.type == "CLNT"
            else before.get(column.name, column.initial)
            for column in definition.columns
        ]
        places = ", ".join("?" * len(whole))
        self._db.execute(f'INSERT OR REPLACE INTO "{change.table}" VALUES ({places})', whole)
