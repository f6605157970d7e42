"""Reads one stream page by page. Blocks; the driver runs it in threads.

`fetch` talks to the source, `finish` turns what came into a contract page. A fetch needs only the position where the
one before it ended, and that is known once its headers are there: the next page may be fetched while the lines of the
one before it are, and while that one is finished.
"""

from __future__ import annotations

import traceback
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from drivers.contract import (
    KEY_COLUMN,
    BadConfiguration,
    DriverError,
    Mark,
    Page,
    ReadMode,
    ReadRequest,
    SourceBusy,
    SourceChanged,
)
from drivers.cursors import Position, decode_cursor, encode_cursor
from drivers.keys import decode_raw_key, encode_keys
from drivers.nesting import LineSet, nest
from drivers.odbc import queries
from drivers.odbc.bytewise import BytewiseConnection, reason_to_tell
from drivers.odbc.connections import ReadConnections, Reading
from drivers.odbc.errors import NotText
from drivers.odbc.packing import unpack
from drivers.odbc.positions import earliest_text, exists_as, mark_text
from drivers.odbc.queries import Sql
from drivers.odbc.session import Session
from drivers.odbc.shape import LineShape, QueryColumn, StreamShape, projected
from drivers.odbc.tracking import VERSION, Ask, TrackedRead, tracked_tables
from drivers.odbc.values import key_texts, named_alike, typed
from drivers.unreadable import equals, is_raw, raw_texts, shown, to_bytes

VERIFY_TRIES: Final = 4  # a page that changes under each of these reads is given back as "busy"
BY_KEYS_CHUNK: Final = 500  # keys in one statement; longer lists are planned badly or refused

Reached = Callable[[Position], None]  # told where a page ends, if another one lies behind it


@dataclass(frozen=True, slots=True)
class Fetched:
    headers: pa.Table
    lines: tuple[pa.Table, ...]
    position: Position | None
    complete: bool


class PageReader:
    def __init__(self, session: Session, shape: StreamShape, request: ReadRequest) -> None:
        shape = projected(shape, request.stream.columns)
        self._session = session
        self._dialect = session.dialect
        self._shape = shape
        self._request = request
        self._where = f"streams.{shape.name}.read"
        self._connections = ReadConnections(session, self._where)
        self._keys_only = request.mode is ReadMode.KEYS
        self._by_replication = request.mode is ReadMode.CHANGES
        tables = tracked_tables(session.dialect, shape) if self._by_replication else None
        self._tracked: TrackedRead | None = None
        if tables is not None:
            self._tracked = TrackedRead(session.dialect, shape, tables, request)
            shape = self._shape = self._tracked.shape(None)
        self._columns = shape.key if self._keys_only else shape.columns
        if self._by_replication and shape.replication is None:
            raise BadConfiguration(
                "changes were asked for, but the stream names no replication key",
                where=f"{self._where}.replication_key",
                hint="Name one, or let the stream be compared in full.",
            )
        if request.page_rows < 1:
            raise BadConfiguration("a page has at least one row", where="sync.page_rows")
        self._ordering = self._ordering_columns()
        self._bounds = self._fixed_bounds()

    @property
    def bounds(self) -> Sequence[Sql]:
        """The conditions that hold for every page of this read."""
        return self._bounds

    def shape(self, ask: Ask) -> StreamShape:
        """The stream as this read asks for it."""
        return self._shape if self._tracked is None else self._tracked.shape(self._tracked.since(ask))

    def start(self) -> Position | None:
        """Where this read goes on, or None at its beginning."""
        if self._request.after is None:
            return None
        position = decode_cursor(
            self._request.after, mode=self._request.mode, width=len(self._ordering), where=self._where
        )
        if self._tracked is not None:
            self._tracked.go_on_behind(position.values[0])
        return position

    def fetch(self, position: Position | None, reached: Reached | None = None) -> Fetched:
        """Read the page behind `position`. `reached` may be told where it ends, long before the page is there.

        What is told may turn out otherwise, where the page has to be read again: `Fetched.position` holds.
        """

        def work(connection: Reading) -> Fetched:
            if self._request.mode is ReadMode.BY_KEYS:
                return self._fetch_keys(connection, position)
            return self._fetch_page(connection, position, reached or _untold)

        try:
            return self._connections.run(work)
        except NotText as bulk:
            _let_go(bulk)
            try:
                return self._connections.run_bytewise(work)
            except DriverError as error:
                raise reason_to_tell(bulk, error) from error

    def finish(self, fetched: Fetched) -> Page:
        keys = encode_keys([key_texts(fetched.headers.column(column.name)) for column in self._shape.key])
        self._refuse_repeated(keys)
        headers = typed(fetched.headers, self._columns).select(
            [] if self._keys_only else [name for name in _names(self._columns) if name != VERSION.name]
        )
        table = headers.add_column(0, KEY_COLUMN, keys)
        if not self._keys_only:
            table = nest(table, keys, self._line_sets(fetched.lines))
        if self._request.mode is ReadMode.BY_KEYS:
            # The source may find more than was named, where its equality ignores case.
            table = table.filter(
                pc.is_in(table.column(KEY_COLUMN), value_set=pa.array(self._request.keys, pa.string()))
            )
        cursor = encode_cursor(fetched.position) if fetched.position else self._request.after
        return Page(table, cursor, complete=fetched.complete)

    def stop(self) -> None:
        """Nobody waits for the pages under way any more: the source need not go on with them."""
        self._connections.stop()

    def close(self) -> None:
        self._connections.close()

    def _fetch_page(self, connection: Reading, position: Position | None, reached: Reached) -> Fetched:
        if self._tracked is None:
            return self._fetch_rows(connection, position, reached)

        def ask(sql: Sql, where: str) -> Any:
            answer = connection.read(sql, where=where)
            return answer.column(0)[0].as_py() if answer.num_rows else None

        since = self._tracked.since(ask)
        self._shape = self._tracked.shape(since)
        fetched = self._fetch_rows(connection, position, _untold)
        if since is None or self._tracked.since(ask) is not None:
            return fetched
        # The source forgot changes while they were read; behind the same position now every row is asked for.
        self._shape = self._tracked.shape(None)
        return self._fetch_rows(connection, position, _untold)

    def _fetch_rows(self, connection: Reading, position: Position | None, reached: Reached) -> Fetched:
        if position is None:
            self._refuse_null_keys(connection)
        wanted = self._request.page_rows
        statement = queries.header_page(
            self._dialect,
            self._shape,
            self._columns,
            [*self._bounds, *self._behind(position)],
            by_replication=self._by_replication,
            rows=wanted
            + 1,  # the row behind the page tells whether there is more, and whether its key is new
        )
        for _ in range(1 if self._dialect.consistent else VERIFY_TRIES):
            found = self._read_headers(connection, statement)
            self._refuse_nulls_in(found)
            self._refuse_straddling(connection, found, wanted)
            headers = found.slice(0, wanted)
            self._refuse_going_back(headers, position)
            last = self._position_at(headers, headers.num_rows - 1) if headers.num_rows else None
            complete = found.num_rows <= wanted
            if last is not None and not complete:
                reached(last)
            lines = self._read_lines(connection, headers)
            if self._dialect.consistent or not lines or self._unchanged(connection, statement, found):
                break
        else:
            raise SourceBusy(
                f"the same page changed during {VERIFY_TRIES} reads of it",
                where=self._where,
                hint="It is tried again by itself. If it lasts, lower page_rows.",
            )
        return Fetched(headers, lines, last, complete)

    def _unchanged(self, connection: Reading, statement: Sql, found: pa.Table) -> bool:
        """Without a snapshot, a page whose headers read the same before and after its lines belongs together."""
        return self._read_headers(connection, statement).equals(found)

    def _read_headers(self, connection: Reading, statement: Sql) -> pa.Table:
        table = connection.read(statement, where=f"{self._where}.query")
        if not self._dialect.pack:
            return self._moments(table, self._columns)
        return unpack(table.column(0), self._columns, exact=frozenset(_names(self._ordering)))

    def _read_lines(self, connection: Reading, headers: pa.Table) -> tuple[pa.Table, ...]:
        if self._keys_only or not self._shape.lines:
            return ()
        if not headers.num_rows:  # an empty source still shows what its lines are made of
            return self._empty_lines(connection) if self._request.after is None else ()
        first = self._position_at(headers, 0).values
        last = self._position_at(headers, headers.num_rows - 1).values
        where = [
            *self._bounds,
            queries.compare(self._dialect, self._ordering, ">=", first, "h"),
            queries.compare(self._dialect, self._ordering, "<=", last, "h"),
        ]
        answers = []
        for lines in self._shape.lines:
            hint = None
            if not self._by_replication:
                hint = queries.parent_range(self._dialect, self._shape, lines, first, last)
            statement = queries.lines_of(self._dialect, self._shape, lines, where, hint)
            answers.append(connection.read(statement, where=f"{self._where}.lines.{lines.name}.query"))
        return tuple(answers)

    def _fetch_keys(self, connection: Reading, position: Position | None) -> Fetched:
        taken = position.taken if position else 0
        size = min(
            self._request.page_rows,
            BY_KEYS_CHUNK,
            max(1, self._dialect.max_parameters // len(self._shape.key)),
        )
        chosen = self._request.keys[taken : taken + size]
        after = taken + len(chosen)
        complete = after >= len(self._request.keys)
        seen = set(self._request.keys[:taken])
        keys = [decode_raw_key(key) for key in dict.fromkeys(chosen) if key not in seen]
        keys = [key for key in keys if self._can_exist(key)]
        if isinstance(connection, BytewiseConnection) and not connection.keeps_anything:
            keys = [key for key in keys if not any(map(is_raw, key))]
        here = Position(ReadMode.BY_KEYS, taken=after)
        if not keys:
            return Fetched(self._empty_headers(connection), self._empty_lines(connection), here, complete)
        headers = self._read_headers(connection, queries.rows_by_key(self._dialect, self._shape, keys))
        where = [queries.one_of(self._dialect, self._shape.key, keys, "h")]
        lines = tuple(
            connection.read(
                queries.lines_of(self._dialect, self._shape, each, where, None),
                where=f"{self._where}.lines.{each.name}.query",
            )
            for each in self._shape.lines
        )
        return Fetched(headers, lines, here, complete)

    def _empty_headers(self, connection: Reading) -> pa.Table:
        statement = queries.header_page(
            self._dialect, self._shape, self._columns, [Sql("1 = 0")], by_replication=False, rows=1
        )
        return self._read_headers(connection, statement)

    def _empty_lines(self, connection: Reading) -> tuple[pa.Table, ...]:
        return tuple(
            connection.read(
                queries.lines_of(self._dialect, self._shape, each, [Sql("1 = 0")], None),
                where=f"{self._where}.lines.{each.name}.query",
            )
            for each in self._shape.lines
        )

    def _can_exist(self, key: Sequence[str]) -> bool:
        return len(key) == len(self._shape.key) and all(
            exists_as(
                column,
                part,
                nul_in_text=self._dialect.nul_in_text,
                largest=self._dialect.largest_integer,
            )
            for column, part in zip(self._shape.key, key, strict=True)
        )

    def _ordering_columns(self) -> tuple[QueryColumn, ...]:
        replication = self._shape.replication
        return (replication, *self._shape.key) if self._by_replication and replication else self._shape.key

    def _fixed_bounds(self) -> list[Sql]:
        """The conditions that hold for every page of this read."""
        request, replication = self._request, self._shape.replication
        if replication is None or request.mode not in {ReadMode.WINDOW, ReadMode.CHANGES}:
            return []
        start = self._mark(request.start, lower=True)
        if request.mode is ReadMode.WINDOW:
            return [queries.in_window(self._dialect, replication, start, "h")] if start else []
        bounds = []
        if start:
            bounds.append(queries.compare(self._dialect, [replication], ">=", [start], "h"))
        end = self._mark(request.end, lower=False)
        if end:
            bounds.append(queries.compare(self._dialect, [replication], "<=", [end], "h"))
        if not bounds:
            bounds.append(Sql(f"h.{queries.quote(self._dialect, replication.name)} IS NOT NULL"))
        return bounds

    def _mark(self, mark: Mark | None, *, lower: bool) -> str | None:
        shape = self._shape
        if mark is None or shape.replication is None or shape.mark_kind is None:
            return None
        text = mark_text(
            mark,
            shape.replication,
            expected=shape.mark_kind,
            where=self._where,
            largest=self._dialect.largest_integer,
        )
        # SQLite compares texts, and the shorter of two ways to print one moment sorts first.
        return earliest_text(text) if lower and self._dialect.name == "sqlite" else text

    def _behind(self, position: Position | None) -> list[Sql]:
        if position is None:
            return []
        return [queries.compare(self._dialect, self._ordering, ">", position.values, "h")]

    def _position_at(self, headers: pa.Table, row: int) -> Position:
        values = tuple(
            str(raw_texts(key_texts(headers.column(column.name).slice(row, 1)))[0])
            for column in self._ordering
        )
        return Position(self._request.mode, values=values)

    def _line_sets(self, tables: Sequence[pa.Table]) -> list[LineSet]:
        sets = []
        for shape, answer in zip(self._shape.lines, tables, strict=False):
            helpers = [queries.helper_name(number) for number in range(len(self._shape.key))]
            table = (
                self._unpacked(answer, shape, helpers)
                if self._dialect.pack
                else self._moments(answer, [*self._shape.key, *shape.columns])
            )
            parents = encode_keys([key_texts(table.column(name)) for name in helpers])
            lines = typed(table.select(_names(shape.columns)), shape.columns)
            sets.append(LineSet(shape.name, parents, lines))
        return sets

    def _moments(self, table: pa.Table, columns: Sequence[QueryColumn]) -> pa.Table:
        dialect = self._dialect
        return named_alike(table, columns) if dialect.moments_as_text or dialect.finer is not None else table

    def _unpacked(self, table: pa.Table, lines: LineShape, helpers: Sequence[str]) -> pa.Table:
        keys = [replace(column, name=name) for column, name in zip(self._shape.key, helpers, strict=True)]
        return unpack(table.column(0), [*keys, *lines.columns], exact=frozenset(helpers))

    def _refuse_null_keys(self, connection: Reading) -> None:
        """Nulls sort first or last and compare with nothing: paging by key would lose them without a word."""
        probe = queries.null_key_probe(self._dialect, self._shape, self._bounds)
        if connection.read(probe, where=f"{self._where}.query").num_rows:
            raise self._null_key()

    def _refuse_nulls_in(self, headers: pa.Table) -> None:
        if any(headers.column(column.name).null_count for column in self._shape.key):
            raise self._null_key()

    def _null_key(self) -> SourceChanged:
        return SourceChanged(
            f"a row has no value in its key ({', '.join(column.name for column in self._shape.key)})",
            where=f"{self._where}.key",
            hint="Choose key columns that are never null, or leave such rows out in the query's WHERE.",
        )

    def _refuse_straddling(self, connection: Reading, found: pa.Table, wanted: int) -> None:
        if found.num_rows <= wanted:
            return
        pair = encode_keys([key_texts(found.column(c.name).slice(wanted - 1, 2)) for c in self._shape.key])
        last, following = (str(value.as_py()) for value in pair)
        if last == following:
            raise self._repeated(last)
        if _folded(last) != _folded(following):
            return
        # The source may take the two for one key (case, accents, padding): only it can tell.
        key = decode_raw_key(last)
        count = connection.read(
            queries.key_count(self._dialect, self._shape, key), where=f"{self._where}.query"
        )
        if int(count.column(0)[0].as_py()) > 1:
            raise self._repeated(last)

    def _refuse_going_back(self, headers: pa.Table, position: Position | None) -> None:
        """A source that compares otherwise than it orders would lead in a circle."""
        if position is None or not headers.num_rows:
            return
        again = pa.scalar(value=True)
        for column, value in zip(self._ordering, position.values, strict=True):
            again = pc.and_(again, equals(key_texts(headers.column(column.name)), value))
        if pc.any(again).as_py():
            ended_with = ", ".join(shown(to_bytes(value)) for value in position.values)
            raise SourceChanged(
                f"the source gives a row again that the page before ended with ({ended_with})",
                where=f"{self._where}.query",
                hint="It compares one of these columns otherwise than it orders them. Cast that column in the query, "
                "a text to one with a binary collation.",
            )

    def _refuse_repeated(self, keys: pa.ChunkedArray) -> None:
        if len(keys) == pc.count_distinct(keys).as_py():
            return
        counts = pc.value_counts(keys)
        repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
        raise self._repeated(str(repeated[0].as_py()))

    def _repeated(self, key: str) -> SourceChanged:
        return SourceChanged(
            f"the query yields more than one row with the key {key!r}",
            where=f"{self._where}.key",
            hint="Add the columns that tell such rows apart to the key, or make the query yield one row per key "
            "(a join with another table often multiplies rows).",
        )


def _names(columns: Sequence[QueryColumn]) -> list[str]:
    return [column.name for column in columns]


def _let_go(error: BaseException) -> None:
    """Of the connection that an error was met on: what was raised keeps it open, and the source may give no other."""
    for each in (error, error.__cause__):
        if each is not None:
            traceback.clear_frames(each.__traceback__)


def _folded(key: str) -> str:
    decomposed = unicodedata.normalize("NFKD", key.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c) and not c.isspace())


def _untold(_: Position) -> None:
    """A read that changes with what is asked goes on behind whole pages alone."""
