"""Reads one stream of a page, by bookmarks: the Key of the last record, behind which the server goes on.

`fetch` talks to the server, `finish` turns what came into a contract page; while one page is finished the next is
already fetched. A server may give fewer records than it was asked for, so only an empty answer is the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from drivers.contract import (
    KEY_COLUMN,
    BadConfiguration,
    Mark,
    MarkKind,
    Page,
    ReadMode,
    ReadPlan,
    ReadRequest,
    SourceBusy,
    SourceChanged,
)
from drivers.cursors import Position, decode_cursor, encode_cursor
from drivers.keys import decode_key, encode_key, encode_keys
from drivers.planning import calls_of
from drivers.soap.columns import UTC_STAMP, Column, arrays, line_array, texts_of, unknown_tags
from drivers.soap.faults import SoapFault
from drivers.soap.model import Kind
from drivers.soap.pages.criteria import NoCriterion, any_of, both, days, literal
from drivers.soap.pages.days import DayForms
from drivers.soap.pages.drift import lost, unseen
from drivers.soap.pages.faults import is_of_the_place, translated
from drivers.soap.pages.options import zone_of
from drivers.soap.pages.service import KEY, PageModel, PageService, text_in
from drivers.soap.pages.shape import PageShape, is_filterable, projected
from drivers.soap.xml import unwritable

_ONE_DAY: Final = timedelta(days=1)
_MOST_RESTARTS: Final = 3  # of one read
_NO_END: Final = 2**31
Filters = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Fetched:
    records: list[Any]  # elements
    position: Position | None
    complete: bool


class PageReader:
    def __init__(self, service: PageService, forms: DayForms, shape: PageShape, request: ReadRequest) -> None:
        if request.page_rows < 1:
            raise BadConfiguration("a page has at least one row", where="sync.page_rows")
        if request.mode is ReadMode.CHANGES and shape.replication is None:
            raise BadConfiguration(
                "changes were asked for, but the stream names no replication key",
                where=f"{shape.where}.replication_key",
                hint="Name one, or let the stream be compared in full.",
            )
        self._service = service
        self._forms = forms
        self._whole = shape
        self._keys_only = request.mode is ReadMode.KEYS
        self._shape = projected(shape, request.stream.columns, keys_only=self._keys_only)
        self._request = request
        self._zone = zone_of(service.options)
        self._filters: Filters | None = None
        self._restarts = 0
        self._given: set[str] = set()  # keys, of a page that can only be read on from its beginning
        self._own_filter_holds = False
        self._page_now: PageModel | None = None
        most = min(service.options.page_size, request.call_rows or service.options.page_size)
        self._together = min(most, service.options.keys_per_request)  # keys that one filter names
        self._size = most if request.mode is ReadMode.BY_KEYS else min(request.page_rows, most)

    def plan(self) -> ReadPlan:
        """What this read will ask for. NAV's pages count nothing."""
        by_keys = self._request.mode is ReadMode.BY_KEYS
        rows = len(self._request.keys) if by_keys else None
        notes = ["Pages of NAV do not count their records; the read ends with an empty answer."]
        if self._shape.lines:
            notes.append("The lines of sub-pages come with their records, and are not bounded by themselves.")
        page = self._shape.options.page
        parts = dict.fromkeys(each.part for each in self._shape.options.lines.values())
        return ReadPlan(
            objects=(page, *(f"{page}/{part}" for part in parts)),
            rows_per_call=self._size,
            rows=rows,
            calls=calls_of(rows, self._together, each_page=1),
            notes=() if by_keys else tuple(notes),
        )

    def start(self) -> Position | None:
        """Where this read goes on, or None at its beginning."""
        if self._request.after is None:
            return None
        width = 1 + len(self._shape.order)
        return decode_cursor(
            self._request.after, mode=self._request.mode, width=width, where=self._shape.where
        )

    async def fetch(self, position: Position | None) -> Fetched:
        if self._request.mode is ReadMode.BY_KEYS:
            return await self._fetch_keys(position.taken if position else 0)
        if self._filters is None:
            self._filters = await self._bounds()
        records = await self._behind(position, self._filters)
        if not records:
            return Fetched([], position, complete=True)
        await self._notice_loss(records)
        last = records[-1]
        place = [texts[0] or "" for texts in self._decoded([last], self._shape.order)]
        position = Position(self._request.mode, (self._bookmark(last), *place))
        return Fetched(self._not_given(records), position, complete=False)

    def _bookmark(self, record: Any) -> str:
        bookmark = text_in(record, KEY)
        if not bookmark:
            raise SourceChanged(
                "a record has no Key, so nothing can be read behind it",
                where=self._shape.where,
                hint="Publish a page whose records have a Key: that of a table, not one that is calculated.",
            )
        return bookmark

    def _not_given(self, records: list[Any]) -> list[Any]:
        """Of a page that may have to be read again from its beginning, those that this read has not given."""
        if all(is_filterable(each) for each in self._shape.order):
            return records
        named = [(encode_key(self._key_texts(each)), each) for each in records]
        fresh = [each for key, each in named if key not in self._given] if self._restarts else records
        self._given.update(key for key, _ in named)
        return fresh

    def finish(self, fetched: Fetched) -> Page:
        records = self._within(fetched.records)
        keys = self._keys_of(records)
        self._notice_drift(records)
        shape = self._shape
        named: list[tuple[str, pa.Array]] = [(KEY_COLUMN, keys)]
        values = arrays(texts_of(records, shape.columns), shape.columns, self._zone)
        named += [(column.name, each) for column, each in zip(shape.columns, values, strict=True)]
        named += [(each.name, line_array(records, each, self._zone)) for each in shape.lines]
        table = pa.table([each for _, each in named], names=[name for name, _ in named])
        position = fetched.position
        cursor = encode_cursor(position) if position is not None else self._request.after
        return Page(table, cursor, complete=fetched.complete)

    # --- pages in order

    async def _behind(self, position: Position | None, filters: Filters) -> list[Any]:
        if position is None:
            return await self._asked(filters)
        bookmark, *place = position.values
        try:
            return await self._service.read_multiple(
                self._shape.options.page,
                self._shape.model,
                filters,
                size=self._size,
                bookmark=bookmark,
                where=self._shape.where,
            )
        except SoapFault as fault:
            if is_of_the_place(fault):
                raise translated(fault, where=self._shape.where) from fault
            # The record may be gone, and its Key with it. What lies behind it is found all the same; a server that
            # has another trouble says it again.
            return await self._behind_place(place, filters)

    async def _behind_place(self, place: Sequence[str], filters: Filters) -> list[Any]:
        """In the order of the table's key: first what shares all fields but the last with the place, then all but two.

        A key that holds what cannot be written in a filter is read from its beginning.
        """
        order = self._shape.order
        try:
            literals = [literal(each.kind, text) for each, text in zip(order, place, strict=True)]
        except NoCriterion:
            return await self._again(filters)
        if not all(is_filterable(each) for each in order):
            return await self._again(filters)
        for last in reversed(range(len(order))):
            held = dict(filters)
            for column, wanted in zip(order[: last + 1], literals, strict=False):
                condition = f">{wanted}" if column is order[last] else wanted
                held[column.name] = both(held.get(column.name, ""), condition)
            records = await self._asked(list(held.items()))
            if records:
                return records
        return []

    async def _again(self, filters: Filters) -> list[Any]:
        self._restarts += 1
        if self._restarts > _MOST_RESTARTS:
            raise SourceBusy(
                "the records at which the read goes on are gone time and again",
                where=self._shape.where,
                hint="It is tried again by itself. If it lasts, sync at another hour, or raise options.page_size.",
            )
        return await self._asked(filters)

    async def _asked(self, filters: Filters) -> list[Any]:
        return await self._service.records(
            self._shape.options.page, self._shape.model, filters, size=self._size, where=self._shape.where
        )

    # --- pages by key

    async def _fetch_keys(self, taken: int) -> Fetched:
        chosen = self._request.keys[taken : taken + self._request.page_rows]
        seen = set(self._request.keys[:taken])
        wanted = [key for key in dict.fromkeys(chosen) if key not in seen]
        parts = [each for key in wanted if (each := self._parts(key)) is not None]
        found: list[Any] = []
        if len(self._shape.key) == 1:
            for at in range(0, len(parts), self._together):
                found += await self._named(parts[at : at + self._together])
        else:
            for each in self._told_apart(parts):
                found += await self._named([each])
        asked = set(wanted)
        mine = [each for each in found if encode_key(self._key_texts(each)) in asked]
        after = taken + len(chosen)
        position = Position(ReadMode.BY_KEYS, taken=after)
        return Fetched(mine, position, complete=after >= len(self._request.keys))

    def _told_apart(self, keys: list[list[str]]) -> list[list[str]]:
        """One for all that are the same in what can be asked for."""
        asked = [place for place, column in enumerate(self._shape.key) if is_filterable(column)]
        return list({tuple(key[place] for place in asked): key for key in keys}.values())

    async def _named(self, keys: list[list[str]]) -> list[Any]:
        """The records of these keys; what no record can have finds nothing."""
        held = dict(self._shape.options.filter)
        for place, column in enumerate(self._shape.key):
            # What cannot be written as every server understands it is left out; who asked looks.
            if is_filterable(column):
                named = any_of(literal(column.kind, key[place]) for key in keys)
                held[column.name] = both(held.get(column.name, ""), named)
        try:
            return await self._to_the_end(list(held.items()), len(keys))
        except SoapFault as fault:
            error = translated(fault, where=self._shape.where)
            if is_of_the_place(fault):
                raise error from fault
            if len(keys) > 1:
                half = len(keys) // 2
                return [*await self._named(keys[:half]), *await self._named(keys[half:])]
            if not isinstance(error, SourceChanged):
                raise error from fault
        if not self._own_filter_holds:
            await self._asked(
                list(self._shape.options.filter.items())
            )  # else nothing would be found for ever
            self._own_filter_holds = True
        return []  # such as a text that is longer than the field

    async def _to_the_end(self, filters: Filters, most: int) -> list[Any]:
        """Until there are as many as there can be, or an answer is empty: one may hold fewer than it was asked for."""
        if not all(is_filterable(each) for each in self._shape.key):
            most = _NO_END
        found: list[Any] = []
        bookmark: str | None = None
        while len(found) < most:
            records = await self._service.read_multiple(
                self._shape.options.page,
                self._shape.model,
                filters,
                size=min(self._size, most),
                bookmark=bookmark,
                where=self._shape.where,
            )
            if not records:
                break
            await self._notice_loss(records)
            found += records
            bookmark = self._bookmark(records[-1])
        return found

    def _parts(self, key: str) -> list[str] | None:
        parts = decode_key(key)
        if len(parts) != len(self._shape.key):
            return None
        try:
            for column, part in zip(self._shape.key, parts, strict=True):
                literal(column.kind, part)
        except NoCriterion:
            return None
        # A blank key is that of no record, and what XML cannot hold cannot be asked for.
        return parts if any(parts) and not any(unwritable(part) for part in parts) else None

    # --- what is asked

    async def _bounds(self) -> Filters:
        """The filters that hold for every page of this read."""
        shape, request = self._shape, self._request
        held = dict(shape.options.filter)
        if shape.replication is None or request.mode not in {ReadMode.WINDOW, ReadMode.CHANGES}:
            return list(held.items())
        changes = request.mode is ReadMode.CHANGES
        start, end = self._day(request.start, -1), self._day(request.end, 1) if changes else None
        if start is None and end is None:
            return list(held.items())
        form = await self._forms.form(shape)
        condition = days(start, end, form=form, or_blank=not changes)
        name = shape.replication.name
        held[name] = both(held.get(name, ""), condition)
        return list(held.items())

    def _day(self, mark: Mark | None, padding: int) -> date | None:
        """The day that a mark lies on. Of a moment a day more, for a server whose day is another; `_within` is exact."""
        if mark is None:
            return None
        try:
            if mark.kind is not self._shape.mark_kind:
                raise ValueError  # noqa: TRY301 - one message for everything that does not fit
            if mark.kind is MarkKind.DATE:
                return date.fromisoformat(mark.value)
            return _moment(mark).astimezone(self._zone).date() + padding * _ONE_DAY
        except (ValueError, OverflowError):
            raise SourceChanged(
                f"the mark {mark.kind.value}:{mark.value!r} does not fit the replication key",
                where=f"{self._shape.where}.replication_key",
                hint="The replication key was changed: run a full re-sync of this stream.",
            ) from None

    # --- one page

    def _within(self, records: list[Any]) -> list[Any]:
        """The records inside the bounds, to the digit. A day that was understood otherwise would show here."""
        column, request = self._shape.replication, self._request
        changes = request.mode is ReadMode.CHANGES
        if column is None or not records or not (changes or request.mode is ReadMode.WINDOW):
            return records
        (marks,) = arrays(texts_of(records, [column]), [column], self._zone)
        if marks.type == pa.string():
            raise SourceChanged(
                f"{column.name} holds what is no date",
                where=f"{self._shape.where}.replication_key",
                hint="Choose another replication key, or leave it out.",
            )
        inside = pa.array([True] * len(records))
        if request.start is not None:
            inside = pc.and_(inside, pc.greater_equal(marks, _scalar(request.start, column)))
        if changes and request.end is not None:
            inside = pc.and_(inside, pc.less_equal(marks, _scalar(request.end, column)))
        if changes:
            inside = pc.fill_null(pc.and_(inside, pc.is_valid(marks)), fill_value=False)
        else:
            inside = pc.fill_null(inside, fill_value=True)
        return [each for each, kept in zip(records, inside.to_pylist(), strict=True) if kept]

    def _keys_of(self, records: list[Any]) -> pa.Array:
        columns = [pa.array(each, pa.string()) for each in self._decoded(records, self._shape.key)]
        if any(each.null_count for each in columns):
            raise SourceChanged(
                f"a record has no value in its key ({', '.join(each.name for each in self._shape.key)})",
                where=f"{self._shape.where}.key",
                hint="Choose key fields that every record has; NAV leaves out fields that are hidden on the page.",
            )
        keys = encode_keys(columns)
        if pc.count_distinct(keys).as_py() != len(keys):
            raise SourceChanged(
                "two records of a page have the same key",
                where=f"{self._shape.where}.key",
                hint="Name all fields of the table's primary key that the page shows.",
            )
        return keys

    def _decoded(self, records: list[Any], columns: Sequence[Column]) -> list[list[str | None]]:
        return [
            [column.decode(text) if column.decode and text is not None else text for text in texts]
            for column, texts in zip(columns, texts_of(records, columns), strict=True)
        ]

    def _key_texts(self, record: Any) -> list[str]:
        return [texts[0] or "" for texts in self._decoded([record], self._shape.key)]

    async def _notice_loss(self, records: list[Any]) -> None:
        """A field that was taken off the page would be null everywhere, and be taken for emptied."""
        page = self._shape.options.page
        expected = self._service.empty.setdefault(page, set())
        found = unseen(self._shape, records, frozenset(expected))
        if not found:
            return
        if self._page_now is None:  # once a read
            self._page_now = await self._service.model_now(page, where=self._shape.where)
        gone = lost(found, self._page_now)
        expected |= found - set(gone)
        if gone:
            raise SourceChanged(
                f"the page {page} has no {', '.join(gone)} any more",
                where=self._shape.where,
                hint="Show it on the page again, or take it out of the stream's mapping.",
            )

    def _notice_drift(self, records: list[Any]) -> None:
        page = self._shape.options.page
        unknown = unknown_tags(records, self._whole.known_tags) - self._service.accepted.get(page, set())
        if unknown:
            self._service.accepted.setdefault(page, set()).update(unknown)
            self._service.drifted.add(page)


def _moment(mark: Mark) -> datetime:
    found = datetime.fromisoformat(mark.value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _scalar(mark: Mark, column: Column) -> pa.Scalar:
    if column.kind is Kind.DATE:
        return pa.scalar(date.fromisoformat(mark.value), pa.date32())
    return pa.scalar(_moment(mark), UTC_STAMP)
