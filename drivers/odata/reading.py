"""Reads one stream page by page.

`fetch` talks to the source, `finish` turns what came into a contract page; while one page is finished the next is
already fetched, because a fetch needs only the position where the one before it ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from drivers.contract import (
    KEY_COLUMN,
    BadConfiguration,
    Mark,
    Page,
    ReadMode,
    ReadRequest,
    SourceBusy,
    SourceChanged,
)
from drivers.keys import decode_key, encode_keys
from drivers.nesting import LineSet, nested
from drivers.odata.columns import (
    header_columns,
    key_texts,
    line_list,
    lines_table,
    order_of,
    sort_keys,
)
from drivers.odata.edm import Property
from drivers.odata.fetching import SetReader
from drivers.odata.line_sets import FetchedLines, LineSetReader, keys_in
from drivers.odata.links import LinkedPages, Place
from drivers.odata.literals import NoLiteral
from drivers.odata.naming import Key, chunks, one_key
from drivers.odata.options import ConnectionOptions
from drivers.odata.ordering import (
    START,
    OrderedBy,
    Position,
    Values,
    decode_cursor,
    encode_cursor,
    mark_text,
    step_of,
    texts_of,
)
from drivers.odata.requests import any_of
from drivers.odata.service import Service
from drivers.odata.shape import LineShape, Node, StreamShape, projected
from drivers.odata.walking import LEAST_CAP, Walk, column_values
from drivers.odata.walking import repeated as repeated_key

VERIFY_TRIES: Final = 4  # a page that changes under each of these reads is given back as "busy"


@dataclass(frozen=True, slots=True)
class Fetched:
    rows: list[Any]
    lines: tuple[FetchedLines, ...]  # of sets of their own
    position: Position | None
    complete: bool


class PageReader:
    def __init__(
        self,
        services: Callable[[str], Service],
        options: ConnectionOptions,
        shape: StreamShape,
        request: ReadRequest,
    ) -> None:
        service = services(shape.service)
        self._keys_only = request.mode is ReadMode.KEYS
        self._shape = shape = projected(shape, request.stream.columns, keys_only=self._keys_only)
        self._request = request
        self._cursor = request.after  # of the last page with records
        self._options = options
        self._where = shape.where
        self._tree = shape.tree
        if request.page_rows < 1:
            raise BadConfiguration("a page has at least one row", where="sync.page_rows")
        # One reads the pages; the other looks whether the headers are still the same, and leaves the lines out.
        self._set = self._reader(service, shape.options.entity_set, self._tree, self._where)
        self._headers = self._reader(service, shape.options.entity_set, shape.node, self._where)
        self._key = tuple(OrderedBy(each, shape.version) for each in shape.key)
        self._line_sets = [self._line_set(service, services, each) for each in shape.lines if each.entity_set]
        self._columns = self._ordering()
        self._bounds = self._fixed_bounds()
        self._linked = self._by_links(service)
        self._walk = Walk(self._set, self._columns, self._bounds, self._tree, self._where)

    def _reader(self, service: Service, entity_set: str, tree: Node, where: str) -> SetReader:
        return SetReader(
            service,
            entity_set,
            tree,
            self._shape.version,
            url_chars=self._options.url_chars,
            where=where,
            newest=self._request.mode is ReadMode.BY_KEYS,
        )

    @property
    def conditions(self) -> Sequence[str]:
        """What holds for every record of this read, whatever its page."""
        return self._bounds

    @property
    def lines(self) -> Sequence[LineShape]:
        """The line sets that are read."""
        return self._shape.lines

    def start(self) -> Position | None:
        """Where this read goes on, or None at its beginning."""
        if self._request.after is None:
            return None
        return decode_cursor(
            self._request.after,
            mode=self._request.mode,
            width=len(self._columns),
            where=self._where,
            linked=self._linked is not None,
        )

    async def fetch(self, position: Position | None) -> Fetched:
        try:
            return await self._fetch(position)
        except (NoLiteral, OverflowError) as error:
            raise SourceChanged(
                f"a record has {str(error)[:100]!r} in what it is read by, which can be no such value",
                where=self._where,
                hint="Correct the record, leave it out by `filter`, or choose other properties for key, order_by and "
                "replication_key.",
            ) from error

    async def _fetch(self, position: Position | None) -> Fetched:
        if self._request.mode is ReadMode.BY_KEYS:
            return await self._fetch_keys(position.taken if position else 0)
        wanted = min(self._request.page_rows, self._options.page_size)
        if self._linked is not None:
            return await self._fetch_linked(self._linked, position, wanted)
        for _ in range(VERIFY_TRIES):
            step = await self._walk.step(position.at if position else START, wanted)
            lines = await self._lines_of(step.rows)
            if not lines or await self._unchanged(step.asked, step.rows, wanted):
                place = Position(self._request.mode, step.at) if step.at is not None else None
                return Fetched(step.rows, lines, place, complete=place is None)
        raise SourceBusy(
            f"the same page changed during {VERIFY_TRIES} reads of it",
            where=self._where,
            hint="It is tried again by itself. If it lasts, lower page_rows.",
        )

    def finish(self, fetched: Fetched) -> Page:
        keys = self._keys_of(fetched.rows)
        self._refuse_repeated(keys)
        columns = [] if self._keys_only else header_columns(fetched.rows, self._tree)
        wanted = {name for name, _ in self._shape.node.leaves()}
        named = [(KEY_COLUMN, keys), *((name, values) for name, values in columns if name in wanted)]
        if not self._keys_only:
            named += [(each.name, self._nested(each, fetched, keys)) for each in self._shape.lines]
        table = pa.table([values for _, values in named], names=[name for name, _ in named])
        position = fetched.position
        if position is None:
            # The end: whoever asks again behind it gets nothing, or what was added since.
            position = self._behind_last(fetched.rows)
        if position is not None:
            self._cursor = encode_cursor(position)
        # A last page without records stands where the one before it does.
        return Page(table, self._cursor, complete=fetched.complete)

    # --- pages by the server's links

    def _by_links(self, service: Service) -> LinkedPages | None:
        shape = self._shape
        if shape.options.paging != "links":
            return None
        keys = self._reader(service, shape.options.entity_set, Node(shape.key), self._where)
        return LinkedPages(
            self._set, keys, shape.key, self._tree, self._bounds, self._named_all,
            keys_wanted=self._options.page_size, where=self._where,
        )  # fmt: skip

    async def _fetch_linked(self, linked: LinkedPages, position: Position | None, wanted: int) -> Fetched:
        place = Place(position.link or "", position.last, position.begun) if position is not None else None
        page = await linked.page(place, wanted)
        at = page.place
        behind = Position(self._request.mode, link=at.link, last=at.last, begun=at.begun)
        return Fetched(page.rows, (), behind, page.complete)

    # --- pages in order

    async def _unchanged(self, asked: Values, rows: list[Any], wanted: int) -> bool:
        """Headers that read the same before and after their lines belong together with them."""
        again = await self._headers.ordered(self._columns, asked, self._bounds, wanted + 1)
        return _same(rows, again.rows[: len(rows)], self._tree, self._shape)

    def _line_set(self, own: Service, services: Callable[[str], Service], lines: LineShape) -> LineSetReader:
        where = f"{self._where}.lines.{lines.name}"
        service = own if lines.service is None else services(lines.service)
        reader = self._reader(service, lines.entity_set, lines.node, where)
        keys = self._reader(own, self._shape.options.entity_set, Node(self._shape.key), where)
        return LineSetReader(lines, reader, keys, self._key, self._options, where)

    async def _lines_of(self, rows: list[Any]) -> tuple[FetchedLines, ...]:
        if self._keys_only or not rows:
            return ()
        keys = keys_in(rows, self._shape.key, self._tree)
        return tuple([await each.of(keys, in_a_row=self._in_a_row) for each in self._line_sets])

    @property
    def _in_a_row(self) -> bool:
        """Whether a page holds every record between its first and its last."""
        mode, start = self._request.mode, self._request.start
        whole = mode is ReadMode.SCAN or (mode is ReadMode.WINDOW and start is None)
        return whole and self._shape.options.filter is None and self._shape.order == self._shape.key

    # --- pages by key

    async def _fetch_keys(self, taken: int) -> Fetched:
        chosen = self._request.keys[taken : taken + self._request.page_rows]
        after = taken + len(chosen)
        seen = set(self._request.keys[:taken])
        wanted = [key for key in dict.fromkeys(chosen) if key not in seen]
        found = await self._named_all([parts for key in wanted if (parts := self._parts(key))])
        place = Position(ReadMode.BY_KEYS, taken=after)
        complete = after >= len(self._request.keys)
        return Fetched(found, await self._lines_of(found), place, complete)

    async def _named_all(self, keys: list[list[str]]) -> list[Any]:
        found: list[Any] = []
        while keys:
            rows, keys = await self._named(keys)
            found += rows
        return found

    async def _named(self, keys: list[list[str]]) -> tuple[list[Any], list[list[str]]]:
        """The records of the keys, and the keys to ask for again: where an answer may have been cut without a word."""
        columns = self._shape.key
        order_by = [] if self._linked is not None else [each.name for each in self._shape.order]
        found: list[Any] = []
        again: list[list[str]] = []
        own = self._operators_filter()
        for chunk in chunks(self._key, keys, self._set.room, self._options.keys_per_request, own):
            conditions = [any_of(chunk.conditions), *own]
            answer = await self._set.matching(conditions, order_by, self._options.page_size)
            rows = _of_keys(answer.rows, columns, self._tree, chunk.keys)
            found += rows
            if rows and len(answer.rows) >= LEAST_CAP:
                missing = chunk.keys - set(keys_in(rows, columns, self._tree))
                again += [list(map(str, key)) for key in missing]
        return found, again

    def _parts(self, key: str) -> list[str] | None:
        """The key's parts, where a record of the source can have them at all."""
        parts = decode_key(key)
        if len(parts) != len(self._shape.key):
            return None
        longest = [each.max_length for each in self._shape.key]
        if any(limit is not None and len(part) > limit for limit, part in zip(longest, parts, strict=True)):
            return None  # some services take a text that is too long for a mistake of the question
        try:
            one_key(self._key, parts)
        except NoLiteral:
            return None
        return parts

    # --- one page

    def _nested(self, shape: LineShape, fetched: Fetched, keys: pa.Array) -> pa.Array:
        where = f"{self._where}.lines.{shape.name}"
        if shape.path:
            return line_list(fetched.rows, self._tree, shape.path, shape.node, shape.order_by, where=where)
        lines = next((each for each in fetched.lines if each.shape is shape), FetchedLines(shape))
        parents = [pa.array(texts, pa.string()) for texts in zip(*lines.owners, strict=True)]
        table = lines_table(lines.rows, shape.node, shape.node)
        if not parents:
            parents = [pa.array([], pa.string())]
        if shape.order_by and table.num_rows:
            order = pa.array(order_of(sort_keys(table, shape.node, shape.order_by)))
            table, parents = table.take(order), [each.take(order) for each in parents]
        joined = pa.chunked_array([encode_keys(parents)])
        return nested(pa.chunked_array([keys]), LineSet(shape.name, joined, table))

    def _keys_of(self, rows: list[Any]) -> pa.Array:
        values = column_values(rows, self._tree)
        parts = [pa.array(key_texts(each, values(each)), pa.string()) for each in self._shape.key]
        if any(part.null_count for part in parts):
            raise SourceChanged(
                f"a record has no value in its key ({', '.join(each.name for each in self._shape.key)})",
                where=f"{self._where}.key",
                hint="Choose key properties that are never null, or leave such records out by `filter`.",
            )
        return encode_keys(parts)

    def _behind_last(self, rows: list[Any]) -> Position | None:
        if not rows:
            return None
        texts = texts_of(self._columns, column_values(rows[-1:], self._tree), self._where)
        values = [column.group(each[0]) for column, each in zip(self._columns, texts, strict=True)]
        return Position(self._request.mode, tuple(values))

    # --- what is asked

    def _ordering(self) -> tuple[OrderedBy, ...]:
        shape = self._shape
        columns = tuple(OrderedBy(each, shape.version) for each in shape.order)
        if self._request.mode is not ReadMode.CHANGES:
            return columns
        if shape.replication is None:
            raise BadConfiguration(
                "changes were asked for, but the stream names no replication key",
                where=f"{self._where}.replication_key",
                hint="Name one, or let the stream be compared in full.",
            )
        return (self._replication(), *columns)

    def _replication(self) -> OrderedBy:
        shape = self._shape
        assert shape.replication is not None  # noqa: S101 - asked only of streams that have one
        step = step_of(
            shape.replication,
            shape.options.replication_step,
            shape.mark_kind,
            shape.version,
            where=self._where,
        )
        return OrderedBy(shape.replication, shape.version, step)

    def _operators_filter(self) -> list[str]:
        own = self._shape.options.filter
        return [f"({own})"] if own else []

    def _fixed_bounds(self) -> list[str]:
        """The conditions that hold for every page of this read."""
        request, shape = self._request, self._shape
        own = self._operators_filter()
        if shape.replication is None or request.mode not in {ReadMode.WINDOW, ReadMode.CHANGES}:
            return own
        by = self._replication()
        start = self._mark(request.start, by)
        nulls = shape.options.replication_nulls
        nullable = shape.replication.nullable if nulls is None else nulls
        if request.mode is ReadMode.WINDOW:
            if start is None:
                return own
            since = by.from_(start)
            return [f"({since} or {by.column.name} eq null)" if nullable else since, *own]
        bounds = [by.from_(start)] if start is not None else []
        end = self._mark(request.end, by)
        if end is not None:
            bounds.append(by.up_to(end))
        if not bounds and nullable:
            bounds.append(f"{by.column.name} ne null")
        return [*bounds, *own]

    def _mark(self, mark: Mark | None, by: OrderedBy) -> str | None:
        if mark is None or self._shape.mark_kind is None:
            return None
        return mark_text(mark, by, expected=self._shape.mark_kind, where=self._where)

    # --- what cannot be right

    def _refuse_repeated(self, keys: pa.Array) -> None:
        if len(keys) == pc.count_distinct(keys).as_py():
            return
        counts = pc.value_counts(keys)
        repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
        raise repeated_key(str(repeated[0].as_py()), f"{self._where}.key")


def _of_keys(rows: list[Any], columns: Sequence[Property], node: Node, keys: set[Key]) -> list[Any]:
    """The source may find more than was named, where its equality ignores case."""
    return [row for row, key in zip(rows, keys_in(rows, columns, node), strict=True) if key in keys]


def _same(one: list[Any], other: list[Any], tree: Any, shape: StreamShape) -> bool:
    if len(one) != len(other):
        return False
    wanted = {name for name, _ in shape.node.leaves()}
    mine = {name: values for name, values in header_columns(one, tree) if name in wanted}
    again = dict(header_columns(other, shape.node))
    return all(values.equals(again[name]) for name, values in mine.items())


async def in_thread(reader: PageReader, fetched: Fetched) -> Page:
    """Finish a page; what an answer may do to the libraries that read it becomes a DriverError."""
    try:
        return await asyncio.to_thread(reader.finish, fetched)
    except (pa.ArrowException, UnicodeError, NoLiteral, OverflowError, RecursionError) as error:
        raise SourceChanged(
            f"the source's answer cannot be understood: {type(error).__name__}", where="driver"
        ) from error
