"""Reads one stream page by page. Blocks; the driver runs it in threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from drivers.contract import KEY_COLUMN, BadConfiguration, MarkKind, Page, ReadMode, ReadRequest
from drivers.cursors import Position, decode_cursor, encode_cursor
from drivers.keys import decode_key
from drivers.rfc.changes import Bounds, changed, latest
from drivers.rfc.composing import Composer, keys_in
from drivers.rfc.conditions import Compare, Condition, all_of, any_of
from drivers.rfc.conversions import INITIAL_DATE
from drivers.rfc.learning import since
from drivers.rfc.positions import can_be, stamp_texts
from drivers.rfc.shape import Source
from drivers.rfc.tables import Plan

DETAIL_CALLS: Final = 100  # of one page at most


class PageReader:
    def __init__(self, composer: Composer, request: ReadRequest) -> None:
        self._composer = composer
        self._reader = composer.reader
        self._shape = composer.shape
        self._request = request
        self._where = f"streams.{composer.shape.name}.read"
        if request.mode is ReadMode.CHANGES and not composer.shape.sources:
            raise BadConfiguration(
                "changes were asked for, but the stream names nothing that tells of them",
                where=f"{self._where}.replication_key",
                hint="Name a replication_key or changes, or let the stream be compared in full.",
            )
        if request.page_rows < 1:
            raise BadConfiguration("a page has at least one row", where="sync.page_rows")
        # Each detail of each record is a call of its own, and a page has to come in time.
        details = 0 if request.mode is ReadMode.KEYS else len(composer.shape.details)
        self.page_rows = min(
            request.page_rows, max(1, DETAIL_CALLS // details) if details else request.page_rows
        )

    def pages(self) -> Iterator[Page]:
        match self._request.mode:
            case ReadMode.BY_KEYS:
                return self._named()
            case ReadMode.CHANGES:
                return self._listed(by_key=False)
            case ReadMode.WINDOW if self._is_listed():
                return self._listed(by_key=True)
        return self._walked()

    def _is_listed(self) -> bool:
        """Whether a window is the records that changed since its start, and not a condition on the header.

        Where no column of the header itself says when a record was made, any record may be in the window.
        """
        shape = self._shape
        return self._request.start is not None and bool(shape.others) and shape.own is not None

    # --- by key, through the whole table

    def _walked(self) -> Iterator[Page]:
        plan = self.plan()
        after = self._position(len(self._shape.key)).values or None
        for found, complete in self._reader.pages(plan, after, self.page_rows):
            if found.num_rows:
                after = keys_in(found.slice(found.num_rows - 1), plan.key_names)[0]
            cursor = encode_cursor(Position(self._request.mode, after)) if after else self._request.after
            yield Page(self._finished(found, contiguous=plan.condition == all_of()), cursor, complete)

    @property
    def lists_changes(self) -> bool:
        """Whether what changed is listed first, and its records are then read by their keys."""
        mode = self._request.mode
        return mode is ReadMode.CHANGES or (mode is ReadMode.WINDOW and self._is_listed())

    def plan(self) -> Plan:
        """What is read of the header's table, where the whole of it is walked."""
        plan = self._composer.header_plan()
        if self._request.mode is ReadMode.KEYS:
            plan = plan.keys_only()
        window = self._window()
        return plan if window is None else replace(plan, condition=all_of(plan.condition, window))

    def _window(self) -> Condition | None:
        """The header's own stamp at or after the start, or none."""
        own, start = self._shape.own, self._request.start
        if self._request.mode is not ReadMode.WINDOW or own is None or start is None or self._shape.others:
            return None
        kind = self._shape.mark_kind or MarkKind.DATE
        texts = stamp_texts(start, own.stamp, expected=kind, lower=True, where=self._where)
        initial = Compare(own.stamp.day.name, "=", "0" if own.stamp.utc else INITIAL_DATE)
        return any_of([since(own.stamp, texts, ">="), initial])

    # --- by a list of what changed

    def _listed(self, *, by_key: bool) -> Iterator[Page]:
        bounds = Bounds(self._request.start, None if by_key else self._request.end)
        everything = changed(self._reader, self._shape, bounds, by_key=by_key)
        if by_key and self._shape.own is not None:
            everything = self._with_unmarked(everything, self._shape.own)
        names = everything.column_names[1:]
        order = names if by_key else everything.column_names
        at = self._position(len(order)).values
        # In the order of the list: how many of it lie at or before the position.
        done = _passed(everything, order, at) if at else 0
        rows = self.page_rows
        complete = False
        while not complete:
            part = everything.slice(done, rows)
            done += part.num_rows
            complete = done >= everything.num_rows
            keys = [key for key in keys_in(part, names) if can_be(self._shape.key_fields, key)]
            found = self._fetched(keys)
            if part.num_rows:
                at = keys_in(part.slice(part.num_rows - 1), order)[0]
            cursor = encode_cursor(Position(self._request.mode, at)) if at else self._request.after
            page = self._finished(found, contiguous=False)
            yield Page(page if by_key else self._in_order(page, found, part, names), cursor, complete)

    def _with_unmarked(self, everything: pa.Table, own: Source) -> pa.Table:
        """A record without any stamp of its own may have been made at any time."""
        initial = Compare(own.stamp.day.name, "=", "0" if own.stamp.utc else INITIAL_DATE)
        plan = self._composer.header_plan().keys_only()
        plan = replace(plan, condition=all_of(plan.condition, initial))
        names = everything.column_names[1:]
        more = [
            pa.table([pa.array([""] * part.num_rows, pa.string()), *(part.column(n) for n in plan.key_names)],
                     names=everything.column_names)
            for part in self._reader.every(plan)
        ]  # fmt: skip
        return latest(pa.concat_tables([everything, *more]), names)

    def _in_order(self, page: pa.Table, found: pa.Table, part: pa.Table, names: list[str]) -> pa.Table:
        """As the list has them, by mark and key; a record that is gone by now is left out."""
        here = {key: row for row, key in enumerate(keys_in(found, self._composer.header_plan().key_names))}
        order = [here[key] for key in keys_in(part, names) if key in here]
        return page.take(pa.array(order, pa.int64()))

    # --- by keys

    def _named(self) -> Iterator[Page]:
        wanted = list(dict.fromkeys(self._request.keys))
        taken = self._position(0).taken
        complete = False
        while not complete:
            part = wanted[taken : taken + self.page_rows]
            taken += len(part)
            complete = taken >= len(wanted)
            keys = [tuple(decode_key(key)) for key in part]
            found = self._fetched([key for key in keys if can_be(self._shape.key_fields, key)])
            table = self._finished(found, contiguous=False)
            # SAP finds more than was named where its equality ignores blanks.
            table = table.filter(pc.is_in(table.column(KEY_COLUMN), value_set=pa.array(part, pa.string())))
            yield Page(table, encode_cursor(Position(ReadMode.BY_KEYS, taken=taken)), complete)

    def _fetched(self, keys: list[tuple[str, ...]]) -> pa.Table:
        plan = self._composer.header_plan()
        return self._reader.by_keys(plan, plan.key, keys)

    # --- both

    def _position(self, width: int) -> Position:
        request = self._request
        if request.after is None:
            return Position(request.mode)
        return decode_cursor(request.after, mode=request.mode, width=width, where=self._where)

    def _finished(self, found: pa.Table, *, contiguous: bool) -> pa.Table:
        if self._request.mode is ReadMode.KEYS:
            names = self._composer.header_plan().key_names
            return self._composer.keys_page(found.select(names))
        return self._composer.page(found, contiguous=contiguous)


def _passed(everything: pa.Table, order: list[str], at: tuple[str, ...]) -> int:
    """How many rows of a sorted table are not behind this place."""
    low, high = 0, everything.num_rows
    while low < high:
        middle = (low + high) // 2
        here = tuple(str(everything.column(name)[middle].as_py()) for name in order)
        if here <= at:
            low = middle + 1
        else:
            high = middle
    return low
