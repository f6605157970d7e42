"""Reads one stream page by page.

`fetch` talks to NetSuite, `finish` turns what came into a contract page; while one page is finished the next may
already be fetched, because a fetch needs only the position where the one before it ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import pyarrow as pa

from drivers.contract import (
    KEY_COLUMN,
    BadConfiguration,
    Page,
    ReadMode,
    ReadRequest,
    SourceBusy,
    SourceChanged,
)
from drivers.cursors import Position, decode_cursor, encode_cursor
from drivers.keys import decode_key, encode_key
from drivers.nesting import LineSet, nest
from drivers.netsuite import queries
from drivers.netsuite.positions import is_id, is_printed_mark, mark_text
from drivers.netsuite.service import Row, Service
from drivers.netsuite.shape import LineShape, QueryColumn, StreamShape, projected
from drivers.netsuite.together import together
from drivers.netsuite.values import table_of, texts_of, typed

VERIFY_TRIES: Final = 4  # a page that changes under each of these reads is given back as "busy"
KEYS_PER_QUERY: Final = 500  # Oracle takes a thousand in one list


@dataclass(frozen=True, slots=True)
class Lines:
    """Of one line set. There may be many for one header: they are held in columns, an answer at a time."""

    parents: pa.ChunkedArray  # keys of their headers
    texts: pa.Table


@dataclass(frozen=True, slots=True)
class Fetched:
    headers: Sequence[Row]
    lines: Sequence[Lines]  # by line set; none where nothing was asked for
    position: Position | None
    complete: bool


class PageReader:
    def __init__(self, service: Service, shape: StreamShape, request: ReadRequest, *, rows: int) -> None:
        """`rows`: that one answer is asked for at most."""
        shape = projected(shape, request.stream.columns)
        self._service = service
        self._shape = shape
        self._request = request
        self._rows = rows
        self._keys_only = request.mode is ReadMode.KEYS
        self._by_replication = request.mode is ReadMode.CHANGES
        self._columns = shape.key if self._keys_only else shape.columns
        if self._by_replication and shape.replication is None:
            raise BadConfiguration(
                "changes were asked for, but the stream names no replication key",
                where=f"{shape.where}.replication_key",
                hint="Name one, or let the stream be compared in full.",
            )
        if request.page_rows < 1:
            raise BadConfiguration("a page has at least one row", where="sync.page_rows")
        replication = (shape.replication,) if self._by_replication and shape.replication else ()
        self._ordering: tuple[QueryColumn, ...] = (*replication, *shape.key)
        self.bounds = self._fixed_bounds()

    def start(self) -> Position | None:
        """Where this read goes on, or None at its beginning."""
        request, where = self._request, self._shape.where
        if request.after is None:
            return None
        position = decode_cursor(request.after, mode=request.mode, width=len(self._ordering), where=where)
        count = len(self._ordering) - len(self._shape.key)
        mark, ids = position.values[:count], position.values[count:]
        kind = self._ordering[0].kind
        if not all(map(is_id, ids)) or not all(is_printed_mark(each, kind) for each in mark):
            raise SourceChanged(
                "the stored position does not fit this stream any more",
                where=where,
                hint="The stream's key or replication key was changed: run a full re-sync of this stream.",
            )
        return position

    async def fetch(self, position: Position | None) -> Fetched:
        if self._request.mode is ReadMode.BY_KEYS:
            return await self._fetch_keys(position)
        if position is None:
            await self._refuse_null_keys()
        headers, lines, complete = await self._held_still(position, self.bounds)
        return Fetched(headers, lines, self._position_of(headers[-1]) if headers else None, complete)

    def finish(self, fetched: Fetched) -> Page:
        """Pure; may be run in a thread."""
        keys = pa.chunked_array([pa.array([self._key_of(row) for row in fetched.headers], pa.string())])
        table = table_of(fetched.headers, [] if self._keys_only else self._columns)
        if self._keys_only:
            table = pa.table({KEY_COLUMN: keys})
        else:
            table = table.add_column(0, KEY_COLUMN, keys)
            table = nest(table, keys, self._line_sets(fetched.lines))
        cursor = encode_cursor(fetched.position) if fetched.position else self._request.after
        return Page(table, cursor, complete=fetched.complete)

    # --- headers

    async def _held_still(
        self, position: Position | None, conditions: Sequence[str]
    ) -> tuple[list[Row], list[Lines], bool]:
        """The headers of one page with their lines, and whether they are the last.

        Nothing promises that the two are read from one state: headers that read the same before and after do.
        """
        for _ in range(VERIFY_TRIES):
            headers, complete = await self._headers(position, conditions)
            lines = await self._lines(headers)
            if not lines or not headers or (await self._headers(position, conditions))[0] == headers:
                return headers, lines, complete
        raise SourceBusy(
            f"the same page changed during {VERIFY_TRIES} reads of it",
            where=self._shape.where,
            hint="It is tried again by itself. If it lasts, lower page_rows.",
        )

    async def _headers(self, position: Position | None, conditions: Sequence[str]) -> tuple[list[Row], bool]:
        """The rows of one page, in as many answers as it takes, and whether they are the last."""
        found: list[Row] = []
        wanted = self._request.page_rows
        while True:
            more = await self._ask(position, conditions, wanted - len(found), found)
            if not more or len(found) >= wanted:
                return found, not more
            position = self._position_of(found[-1])

    async def _ask(
        self, position: Position | None, conditions: Sequence[str], wanted: int, found: list[Row]
    ) -> bool:
        """Add up to `wanted` rows behind a position; whether there are more."""
        statement = queries.header_page(
            self._shape,
            self._columns,
            [*conditions, *self._behind(position)],
            by_replication=self._by_replication,
        )
        # The row behind the wanted ones tells whether there is more, and whether its key is a new one.
        where = f"{self._shape.where}.query"
        limit = min(wanted + 1, self._rows)
        answer = await self._service.query(statement, limit=limit, where=where)
        rows = answer.items
        self._check_order(position, rows)
        keep = min(wanted, len(rows) - 1 if answer.more else len(rows))
        if answer.more and keep < 1:
            raise _cut_short(limit, len(rows), where)
        found += rows[:keep]
        return answer.more or len(rows) > keep

    def _check_order(self, position: Position | None, rows: Sequence[Row]) -> None:
        """Each place must lie behind the one before it, or rows would be passed over without a word."""
        before = self._place(position.values) if position is not None else None
        for row in rows:
            here = self._place(self._position_of(row).values)
            if before is not None and here == before:
                raise SourceChanged(
                    f"the query yields more than one row with the key {self._key_of(row)!r}",
                    where=f"{self._shape.where}.key",
                    hint="Add the columns that tell such rows apart to the key, or make the query yield one row "
                    "per key (a join with another table often multiplies rows).",
                )
            if before is not None and here < before:
                raise SourceChanged(
                    f"NetSuite's rows are not in the order of {', '.join(c.name for c in self._ordering)}",
                    where=f"{self._shape.where}.query",
                    hint="Leave ORDER BY out of the query.",
                )
            before = here

    def _place(self, values: Sequence[str]) -> tuple[str | int, ...]:
        """As the source orders: marks by their text, ids by their number."""
        if self._by_replication:
            return (values[0], *map(int, values[1:]))
        return tuple(map(int, values))

    def _behind(self, position: Position | None) -> list[str]:
        if position is None:
            return []
        values = list(position.values)
        names = [f"h.{column.name}" for column in self._ordering]
        conditions = []
        if self._by_replication:
            replication = self._ordering[0]
            names[0] = queries.printed(replication, "h")
            # Says again what already holds: of what is printed there is no index.
            conditions.append(queries.at_or_after(replication, values[0], "h"))
            values[0] = queries.literal(values[0])
        return [*conditions, queries.behind(names, values)]

    def _fixed_bounds(self) -> list[str]:
        """The conditions that hold for every page of this read."""
        request, replication = self._request, self._shape.replication
        if replication is None or request.mode not in {ReadMode.WINDOW, ReadMode.CHANGES}:
            return []
        start, end = mark_text(request.start, self._shape), mark_text(request.end, self._shape)
        name = f"h.{replication.name}"
        if request.mode is ReadMode.WINDOW:
            at = queries.at_or_after(replication, start, "h") if start else ""
            return [f"({at} OR {name} IS NULL)"] if start else []
        bounds = [f"{name} IS NOT NULL"]
        if start:
            bounds.append(queries.at_or_after(replication, start, "h"))
        if end:
            bounds.append(queries.at_or_before(replication, end, "h"))
        return bounds

    async def _fetch_keys(self, position: Position | None) -> Fetched:
        taken = position.taken if position else 0
        asked = self._request.keys
        chosen = asked[taken : taken + min(self._request.page_rows, KEYS_PER_QUERY)]
        after = taken + len(chosen)
        seen = set(asked[:taken])
        keys = [decode_key(key) for key in dict.fromkeys(chosen) if key not in seen]
        keys = [key for key in keys if len(key) == len(self._shape.key) and all(map(is_id, key))]
        headers: list[Row] = []
        lines: list[Lines] = []
        if keys:
            headers, lines, _ = await self._held_still(None, [queries.one_of(self._shape.key, keys, "h")])
        return Fetched(headers, lines, Position(ReadMode.BY_KEYS, taken=after), complete=after >= len(asked))

    async def _refuse_null_keys(self) -> None:
        """Nulls compare with nothing: paging by key would lose them without a word."""
        statement = queries.null_key_probe(self._shape, self.bounds)
        found = await self._service.query(statement, limit=1, where=f"{self._shape.where}.query")
        if found.items:
            raise self._null_key()

    # --- lines

    async def _lines(self, headers: Sequence[Row]) -> list[Lines]:
        """For each line set the lines of these headers, in few queries, however many headers there are."""
        if self._keys_only or not self._shape.lines:
            return []
        keys = [[str(row[column.name]) for column in self._shape.key] for row in headers]
        chunks = [keys[at : at + KEYS_PER_QUERY] for at in range(0, len(keys), KEYS_PER_QUERY)]
        asked = [(lines, chunk) for lines in self._shape.lines for chunk in chunks]
        answers = await together([self._lines_of(lines, chunk) for lines, chunk in asked])
        return [
            _joined(lines, [found for (each, _), found in zip(asked, answers, strict=True) if each is lines])
            for lines in self._shape.lines
        ]

    async def _lines_of(self, lines: LineShape, keys: Sequence[Sequence[str]]) -> Lines:
        found: list[Lines] = []
        chosen = queries.one_of(lines.parent, keys, "l")
        before: tuple[str, ...] | None = None
        while True:
            behind = [queries.lines_behind(lines, before)] if before else []
            statement = queries.lines_of(lines, [chosen, *behind])
            answer = await self._service.query(statement, limit=self._rows, where=f"{lines.where}.query")
            places = [self._line_place(lines, row) for row in answer.items]
            self._check_lines(lines, [*([before] if before else []), *places])
            # The last one is asked for again, so that a line of the same place behind it would be seen.
            keep = len(places) - 1 if answer.more else len(places)
            parents = [encode_key(place[: len(lines.parent)]) for place in places[:keep]]
            found.append(_in_columns(lines, parents, answer.items[:keep]))
            if not answer.more:
                return _joined(lines, found)
            if keep < 1:
                raise _cut_short(self._rows, len(places), f"{lines.where}.query")
            before = places[keep - 1]

    def _line_place(self, lines: LineShape, row: Row) -> tuple[str, ...]:
        count = len(lines.parent) + len(lines.order_by)
        values = tuple(row.get(queries.helper_name(number)) for number in range(count))
        if not all(map(is_id, values)):
            raise SourceChanged(
                "a line has no whole number in parent or order_by",
                where=lines.where,
                hint="Use columns that are never null and hold whole numbers, such as linesequencenumber.",
            )
        return tuple(map(str, values))

    def _check_lines(self, lines: LineShape, places: Sequence[tuple[str, ...]]) -> None:
        numbers = [tuple(map(int, place)) for place in places]
        for before, here in pairwise(numbers):
            if here <= before:
                key = encode_key([str(part) for part in here[: len(lines.parent)]])
                raise SourceChanged(
                    f"two lines of the record {key!r} have the same place",
                    where=f"{lines.where}.order_by",
                    hint="Name columns that tell the lines of one record apart, such as linesequencenumber or id.",
                )

    def _line_sets(self, fetched: Sequence[Lines]) -> list[LineSet]:
        shapes = self._shape.lines
        found = fetched or [_joined(lines, []) for lines in shapes]
        return [
            LineSet(lines.name, each.parents, typed(each.texts, lines.columns))
            for lines, each in zip(shapes, found, strict=True)
        ]

    # --- keys

    def _position_of(self, row: Row) -> Position:
        return Position(self._request.mode, tuple(self._value(row, column) for column in self._ordering))

    def _value(self, row: Row, column: QueryColumn) -> str:
        value = row.get(column.name)
        if column in self._shape.key:
            if value is None:
                raise self._null_key()
            if not is_id(value):
                raise SourceChanged(
                    f"the key {column.name} is no whole number: {str(value)[:40]!r}",
                    where=f"{self._shape.where}.key",
                    hint="Use NetSuite's internal ids as key.",
                )
        elif not is_printed_mark(value, column.kind):
            raise SourceChanged(
                f"{column.name} is not printed as was asked: {str(value)[:40]!r}",
                where=f"{self._shape.where}.replication_key",
                hint="Let the query yield the date itself, without TO_CHAR: the driver asks for its text.",
            )
        return str(value)

    def _key_of(self, row: Row) -> str:
        return encode_key([str(row.get(column.name)) for column in self._shape.key])

    def _null_key(self) -> SourceChanged:
        return SourceChanged(
            f"a row has no value in its key ({', '.join(column.name for column in self._shape.key)})",
            where=f"{self._shape.where}.key",
            hint="Choose key columns that are never null, or leave such rows out in the query's WHERE.",
        )


def _cut_short(asked: int, held: int, where: str) -> SourceChanged:
    return SourceChanged(
        f"an answer to a query for {asked} rows holds {held} and says that there are more",
        where=where,
        hint="Try the query in NetSuite; report it if it works there.",
    )


def _in_columns(lines: LineShape, parents: Sequence[str], rows: Sequence[Row]) -> Lines:
    keys = pa.chunked_array([pa.array(parents, pa.string())])
    return Lines(keys, texts_of(rows, lines.columns))


def _joined(lines: LineShape, parts: Sequence[Lines]) -> Lines:
    parts = parts or [_in_columns(lines, [], [])]
    chunks = [chunk for part in parts for chunk in part.parents.chunks]
    return Lines(pa.chunked_array(chunks, pa.string()), pa.concat_tables([part.texts for part in parts]))
