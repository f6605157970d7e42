"""The records of an export in the order of their keys: one SQLite file, of limited size, that is read page by page.

It is a copy of what lies at the source: nothing in it is made durable, and a file that was not finished is not used.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from drivers.contract import BadConfiguration, SourceBusy, SourceChanged
from drivers.dmf.rows import Columns, Row
from drivers.dmf.shape import EntityShape, StreamShape
from drivers.keys import encode_key

_PAGE: Final = 4_096  # bytes, of SQLite
_SCHEMA: Final = """
CREATE TABLE entities (place INTEGER PRIMARY KEY, fields BLOB NOT NULL);
CREATE TABLE records (place INTEGER NOT NULL, key TEXT NOT NULL, row BLOB NOT NULL);
"""
_INDEXES: Final = """
CREATE UNIQUE INDEX headers ON records (key) WHERE place = 0;
CREATE INDEX lines ON records (place, key) WHERE place > 0;
"""
_ROWS_AT_ONCE: Final = 1_000

Record = tuple[str, list[str | None]]


class SortedFile:
    """`place` is the entity's place in the stream's shape; 0 the headers."""

    def __init__(self, database: sqlite3.Connection, path: Path) -> None:
        self._database = database
        self.path = path

    def close(self) -> None:
        self._database.close()

    def fields(self, place: int) -> list[str]:
        found = self._database.execute("SELECT fields FROM entities WHERE place = ?", (place,)).fetchone()
        names: list[str] = msgspec.json.decode(found[0])
        return names

    def headers(self, after: str | None, limit: int) -> list[Record]:
        condition, values = ("AND key > ?", [after]) if after is not None else ("", [])
        found = self._database.execute(
            f"SELECT key, row FROM records WHERE place = 0 {condition} ORDER BY key LIMIT ?",  # noqa: S608 - no value
            [*values, limit],
        )
        return _records(found)

    def keys(self, after: str | None, limit: int) -> list[str]:
        condition, values = ("AND key > ?", [after]) if after is not None else ("", [])
        found = self._database.execute(
            f"SELECT key FROM records WHERE place = 0 {condition} ORDER BY key LIMIT ?",  # noqa: S608 - no value
            [*values, limit],
        )
        return [key for (key,) in found]

    def header(self, key: str) -> list[Record]:
        return _records(
            self._database.execute("SELECT key, row FROM records WHERE place = 0 AND key = ?", (key,))
        )

    def has(self, key: str, *, like: bool) -> bool:
        """`like`: small and capital letters are the same, as they are for the database of Finance & Operations."""
        collation = "COLLATE NOCASE" if like else ""
        found = self._database.execute(
            f"SELECT 1 FROM records WHERE place = 0 AND key = ? {collation} LIMIT 1",  # noqa: S608 - no value
            (key,),
        )
        return found.fetchone() is not None

    def lines(self, place: int, keys: Sequence[str], *, together: bool) -> list[Record]:
        """Of these headers, in their order. `together`: there is no other header between them."""
        spans = [(key, key) for key in keys] if not together else [(keys[0], keys[-1])] if keys else []
        found: list[Record] = []
        for span in spans:
            found += _records(
                self._database.execute(
                    "SELECT key, row FROM records WHERE place = ? AND place > 0 AND key BETWEEN ? AND ? ORDER BY key",
                    (place, *span),
                )
            )
        return found


def open_sorted(path: Path) -> SortedFile:
    database = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, check_same_thread=False)
    return SortedFile(database, path)


class Sorter:
    """Makes a file; `finish` gives it its name, and until then there is none."""

    def __init__(
        self, path: Path, shape: StreamShape, *, max_bytes: int, max_rows: int, company_field: str
    ) -> None:
        self._path = path
        self._part = path.with_suffix(".part")
        self._shape = shape
        self._max_bytes = max_bytes
        self._left = max_rows
        self._max_rows = max_rows
        self._company_field = company_field
        self._stopped = False
        self._columns = [Columns() for _ in shape.entities]
        self._added: set[int] = set()  # entities whose company is not told by their exports
        self._part.unlink(missing_ok=True)
        os.close(os.open(self._part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self._database = sqlite3.connect(self._part, check_same_thread=False)
        self._database.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA page_size = {_PAGE};"
            f"PRAGMA max_page_count = {max(max_bytes // _PAGE, 1)}; PRAGMA cache_size = -65536;{_SCHEMA}"
        )

    def columns(self, place: int) -> Columns:
        return self._columns[place]

    def add(self, place: int, rows: Iterable[Row], company: str | None) -> None:
        """`company`: of all these records, where the export does not say it. Raises SourceChanged for a null key."""
        with self._judged():
            made = self._made(place, rows, company)
            while batch := list(islice(made, _ROWS_AT_ONCE)):
                self._database.executemany("INSERT INTO records VALUES (?, ?, ?)", batch)

    def finish(self) -> None:
        with self._judged():
            for place, columns in enumerate(self._columns):
                self._database.execute(
                    "INSERT INTO entities VALUES (?, ?)", (place, msgspec.json.encode(columns.names))
                )
            self._database.commit()
            try:
                self._database.executescript(_INDEXES)
            except sqlite3.IntegrityError as error:
                raise self._repeated() from error
            self._database.close()
            self._part.replace(self._path)

    def stop(self) -> None:
        """From another thread: nobody waits for this any more."""
        self._stopped = True

    def discard(self) -> None:
        self._database.close()
        self._part.unlink(missing_ok=True)

    def _made(self, place: int, rows: Iterable[Row], company: str | None) -> Iterator[tuple[int, str, bytes]]:
        shape, columns = self._shape.entities[place], self._columns[place]
        own: int | None = None
        known: list[int] | None = None
        encode = msgspec.json.Encoder().encode
        for row in rows:
            if known is None:
                # Whether an export tells the company by itself shows with its first record.
                own = None if company is None else self._own_place(place)
                known = [columns.place(name) for name in self._identity(shape, columns)]
            values = list(row)
            values += [None] * (len(columns.names) - len(values))
            if own is not None:
                values[own] = company
            yield place, self._key(shape, [values[each] for each in known]), encode(values)
        if known is None and company is not None:
            self._own_place(place)

    def _own_place(self, place: int) -> int | None:
        """Where the company of each record goes; None: the export tells it."""
        columns = self._columns[place]
        if self._company_field in columns.names and place not in self._added:
            return None
        self._added.add(place)
        return columns.place(self._company_field)

    def _identity(self, shape: EntityShape, columns: Columns) -> Sequence[str]:
        missing = [name for name in shape.identity if name not in columns.names]
        if missing:
            raise SourceChanged(
                f"the entity {shape.entity!r} has no field {missing[0]}",
                where=f"{shape.where}.{'parent' if shape.name else 'key'}",
                hint=f"It has {', '.join(columns.names[:40])}. Map the field in the data project, or correct the stream.",
            )
        return shape.identity

    def _key(self, shape: EntityShape, parts: Sequence[str | None]) -> str:
        if self._stopped:
            raise SourceBusy("the read was left before its export was sorted", where=shape.where)
        self._left -= 1
        if self._left < 0:
            raise SourceChanged(
                f"the export has more than {self._max_rows} records and lines",
                where=shape.where,
                hint="Let the data project export less, or raise options.max_rows.",
            )
        given = [part for part in parts if part is not None]
        if len(given) != len(parts):
            raise SourceChanged(
                f"a record of {shape.entity!r} has no value in {', '.join(shape.identity)}",
                where=f"{shape.where}.{'parent' if shape.name else 'key'}",
                hint="Choose fields that are never empty.",
            )
        return encode_key(given)

    def _repeated(self) -> SourceChanged:
        found = self._database.execute(
            "SELECT key FROM records WHERE place = 0 GROUP BY key HAVING count(*) > 1 LIMIT 1"
        ).fetchone()
        return SourceChanged(
            f"the export has more than one record with the key {found[0] if found else ''!r}",
            where=f"{self._shape.where}.key",
            hint=f"Add the fields that tell such records apart; of several legal entities that is {self._company_field}.",
        )

    @contextmanager
    def _judged(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise BadConfiguration(
                f"the sorted copy of the export cannot be written: {error}",
                where="options.max_file_bytes",
                hint=f"It may have {self._max_bytes} bytes: raise that, or make room on the disk of {self._path.parent}.",
            ) from error


def _records(found: Iterable[tuple[Any, ...]]) -> list[Record]:
    decode = msgspec.json.Decoder(list[str | None]).decode
    return [(key, decode(row)) for key, row in found]
