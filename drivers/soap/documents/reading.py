"""Pages of a stream: a list of keys first, then the documents of each page by `read`.

Changes by a replication key are cut into stretches of time that hold no more keys than a page's worth, for findKeys gives
keys alone and no stamps: a stretch is read whole and put in order. One second is the shortest; its records are in the order
of their keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from drivers.contract import KEY_COLUMN, Page, ReadMode, ReadRequest, SourceChanged
from drivers.cursors import Position, decode_cursor, encode_cursor
from drivers.keys import decode_key, encode_key
from drivers.soap.columns import arrays, below_all, line_array, texts_of, unknown_tags
from drivers.soap.documents.criteria import between, moment_of, unstamped
from drivers.soap.documents.fetching import Fetcher
from drivers.soap.documents.listing import FEW, KeyLister
from drivers.soap.documents.port import Port
from drivers.soap.documents.shape import StreamShape

_UTC: Final = ZoneInfo("UTC")
_SECOND: Final = timedelta(seconds=1)
# AX's empty moment is the first of 1900; no record was changed before the second.
_EARLIEST: Final = datetime(1900, 1, 2, tzinfo=UTC)
_TO_THE_SECOND: Final = len("2026-03-20T12:00:00")
_MOST_HALVINGS: Final = 2 * 33  # of all the seconds that there are, down to one
LEAST_STRETCH: Final = 500  # keys that a stretch of changes may hold, also where pages are smaller


@dataclass(frozen=True, slots=True)
class _Stretch:
    low: datetime
    high: datetime
    keys: list[str]


class PageReader:
    def __init__(
        self,
        port: Port,
        shape: StreamShape,
        request: ReadRequest,
        *,
        unknown: Callable[[set[str]], None],
        least_stretch: int = LEAST_STRETCH,
    ) -> None:
        """`unknown`: called with the tags of elements that a record or a line holds and the WSDL does not have."""
        self._limit = max(request.page_rows, least_stretch)
        self._unknown = unknown
        self._described = dict(_described(shape))
        self._shape = shape
        self._request = request
        self._lister = KeyLister(port, shape)
        self._fetcher = Fetcher(port, shape, request.call_rows)
        self._stamped = request.mode is ReadMode.CHANGES and shape.replication is not None

    async def pages(self) -> AsyncIterator[Page]:
        mode = self._request.mode
        if mode is ReadMode.BY_KEYS:
            async for page in self._named():
                yield page
        elif self._stamped:
            async for page in self._stretches():
                yield page
        else:
            async for page in self._listed():
                yield page

    # --- by a list of keys

    async def _listed(self) -> AsyncIterator[Page]:
        after = self._position(1).values
        keys = await self._keys()
        if after:
            keys = [key for key in keys if key > after[0]]
        size = self._request.page_rows
        for start in range(0, max(len(keys), 1), size):
            part = keys[start : start + size]
            cursor = encode_cursor(Position(self._request.mode, (part[-1],))) if part else None
            complete = start + size >= len(keys)
            if self._request.mode is ReadMode.KEYS:
                yield Page(pa.table({KEY_COLUMN: pa.array(part, pa.string())}), cursor, complete)
            else:
                yield Page(await self._read(part), cursor, complete)

    async def _keys(self) -> list[str]:
        start, shape = self._request.start, self._shape
        since = None if start is None else moment_of(start, shape.where)
        if self._request.mode is ReadMode.CHANGES and shape.options.changes:
            return await self._lister.changed(since)
        if self._request.mode is ReadMode.WINDOW and since is not None and shape.replication is not None:
            # A record without a stamp may have been made at any time.
            found = await self._lister.found(between(shape, since, None))
            return sorted({*found, *await self._lister.found(unstamped(shape))})
        return await self._lister.everything()

    # --- by stretches of time

    async def _stretches(self) -> AsyncIterator[Page]:
        request, shape = self._request, self._shape
        after = self._position(2).values
        low = _EARLIEST if request.start is None else _whole(moment_of(request.start, shape.where))
        if request.end is None:
            raise SourceChanged("changes are read up to a signpost", where=shape.where)
        high = _whole(moment_of(request.end, shape.where))
        if after:
            low = max(low, _whole(datetime.fromisoformat(after[0])))
        held: pa.Table | None = None
        async for stretch in self._cut(low, high):
            for keys in self._at_once(stretch, after):
                ordered = self._ordered(await self._read(keys), stretch, after)
                # What is held back is yielded once it is known whether it was the last.
                for start in range(0, ordered.num_rows, request.page_rows):
                    if held is not None:
                        yield self._page(held, complete=False)
                    held = ordered.slice(start, request.page_rows)
        if held is not None:
            yield self._page(held, complete=True)
        else:
            yield Page(await self._read([]), None, complete=True)

    def _at_once(self, stretch: _Stretch, after: tuple[str, ...]) -> Iterator[list[str]]:
        """The keys of one second are in the order of its records already, so they need not be held together."""
        keys = stretch.keys
        if stretch.low == stretch.high and after and _whole(datetime.fromisoformat(after[0])) == stretch.low:
            keys = [key for key in keys if key > after[1]]
        for start in range(0, len(keys), self._limit):
            yield keys[start : start + self._limit]

    async def _cut(self, low: datetime, high: datetime) -> AsyncIterator[_Stretch]:
        """The stretches in order of time. One that holds too many keys is cut in two and asked for again."""
        waiting = [(low, high)] if low <= high else []
        asked, most = 0, _MOST_HALVINGS
        while waiting:
            first, last = waiting.pop()
            keys = await self._lister.found(between(self._shape, first, last))
            asked += 1
            if asked == 1:
                most += _MOST_HALVINGS * (len(keys) // self._limit)
            if asked > most:
                raise SourceChanged(
                    f"findKeys does not keep to the bounds of {self._shape.options.replication_key}",
                    where=f"{self._shape.where}.replication_key",
                    hint="Leave replication_key out, and the stream is compared in full.",
                )
            seconds = int((last - first) / _SECOND)
            if len(keys) > self._limit and seconds > 0:
                middle = first + timedelta(seconds=seconds // 2)
                waiting += [(middle + _SECOND, last), (first, middle)]
            elif keys:
                yield _Stretch(first, last, keys)

    def _ordered(self, table: pa.Table, stretch: _Stretch, after: tuple[str, ...]) -> pa.Table:
        """By mark and key. What changed meanwhile lies in a later stretch, or in the next pass."""
        assert self._shape.replication is not None  # noqa: S101 - stretches are of streams that have one
        marks = self._marks(table)
        keys = table.column(KEY_COLUMN).to_pylist()
        low, high = stretch.low.isoformat()[:_TO_THE_SECOND], stretch.high.isoformat()[:_TO_THE_SECOND]
        rows = [
            (mark, key, row)
            for row, (mark, key) in enumerate(zip(marks, keys, strict=True))
            if mark is not None
            and low <= mark[:_TO_THE_SECOND] <= high
            and (not after or (mark, key) > after)
        ]
        return table.take(pa.array([row for _, _, row in sorted(rows)], pa.int64()))

    def _marks(self, table: pa.Table) -> list[str | None]:
        column = table.column(self._mark_name)
        if not pa.types.is_timestamp(column.type):
            raise SourceChanged(
                f"{self._mark_name} holds what is no date with time",
                where=f"{self._shape.where}.replication_key",
                hint="Look at the field in AX, or leave replication_key out and compare in full.",
            )
        return [None if each is None else each.isoformat() for each in column.to_pylist()]

    @property
    def _mark_name(self) -> str:
        return self._shape.replication.name if self._shape.replication is not None else ""

    def _page(self, table: pa.Table, *, complete: bool) -> Page:
        last = table.slice(table.num_rows - 1, 1)
        (mark,) = self._marks(last)
        position = Position(ReadMode.CHANGES, (str(mark), str(last.column(KEY_COLUMN)[0].as_py())))
        return Page(table, encode_cursor(position), complete)

    # --- by keys

    async def _named(self) -> AsyncIterator[Page]:
        wanted = list(dict.fromkeys(self._request.keys))
        taken = self._position(0).taken
        complete = False
        while not complete:
            part = wanted[taken : taken + self._request.page_rows]
            taken += len(part)
            complete = taken >= len(wanted)
            possible = [key for key in part if self._fetcher.can_be(decode_key(key))]
            table = await (self._few(possible) if len(wanted) <= FEW else self._many(possible))
            yield Page(table, encode_cursor(Position(ReadMode.BY_KEYS, taken=taken)), complete)

    async def _few(self, keys: list[str]) -> pa.Table:
        """Read first: where nothing is there, nothing is listed."""
        table = await self._read(keys)
        if not table.num_rows or not self._lister.chooses:
            return table
        held = await self._lister.held(table.column(KEY_COLUMN).to_pylist())
        return table.filter(pc.is_in(table.column(KEY_COLUMN), value_set=pa.array(held, pa.string())))

    async def _many(self, keys: list[str]) -> pa.Table:
        """List first: each key that is gone would cost a call or two."""
        return await self._read(await self._lister.held(keys) if keys else [])

    # --- both

    async def _read(self, keys: Sequence[str]) -> pa.Table:
        records = await self._fetcher.records([tuple(decode_key(key)) for key in keys])
        return await asyncio.to_thread(self._table, records, keys)

    def _table(self, records: list[Any], keys: Sequence[str]) -> pa.Table:
        """In the order of the keys. AX finds without regard to case: what was not named is left out."""
        for path, known in self._described.items():
            if strange := unknown_tags(below_all(records, path), known):
                self._unknown(strange)
        found = dict(zip(self._keys_of(records), records, strict=True))
        if self._request.mode is not ReadMode.BY_KEYS:
            self._refuse_strangers(found, keys)
        kept = [(key, found[key]) for key in keys if key in found]
        rows = [record for _, record in kept]
        shape = self._shape
        columns = list(shape.columns)
        if self._stamped and shape.replication is not None and shape.replication not in columns:
            columns.append(shape.replication)
        arrays_ = arrays(texts_of(rows, columns), columns, _UTC)
        names = [KEY_COLUMN, *(each.name for each in columns), *(each.name for each in shape.lines)]
        lists = [line_array(rows, each, _UTC) for each in shape.lines]
        return pa.table([pa.array([key for key, _ in kept], pa.string()), *arrays_, *lists], names=names)

    def _refuse_strangers(self, found: Mapping[str, Any], keys: Sequence[str]) -> None:
        """AX listed these keys itself: a record with another is one that would be left out without a word."""
        strange = min(found.keys() - set(keys), default=None)
        if strange is not None:
            raise SourceChanged(
                f"AX lists keys that its records do not have: one says {strange}",
                where=f"{self._shape.where}.key",
                hint="The document prints the fields of the key in another form than the entity key; take a text or a whole"
                " number for the key.",
            )

    def _keys_of(self, records: Sequence[Any]) -> Iterator[str]:
        for parts in zip(*texts_of(records, self._shape.key), strict=True):
            if any(not part for part in parts):
                raise SourceChanged(
                    "a record has no key",
                    where=f"{self._shape.where}.key",
                    hint="The document has to hold every field of the key.",
                )
            yield encode_key([str(part) for part in parts])

    def _position(self, width: int) -> Position:
        request = self._request
        if request.after is None:
            return Position(request.mode)
        return decode_cursor(request.after, mode=request.mode, width=width, where=self._shape.where)


def _described(shape: StreamShape) -> Iterator[tuple[tuple[str, ...], frozenset[str]]]:
    """What the WSDL knows of the header and of each entity that is read, by where it lies."""
    document = shape.document
    yield (), frozenset(each.tag for each in document.type.members)
    for names in (*shape.options.expand, *(each.entity for each in shape.options.lines.values())):
        members = document.path(names, shape.where)
        entity = document.definitions.type_of(members[-1])
        yield tuple(each.tag for each in members), frozenset(each.tag for each in entity.members)


def _whole(moment: datetime) -> datetime:
    """AX keeps no part of a second."""
    return moment.replace(microsecond=0)
