"""Reads one stream page by page from an export that was sorted by key.

An export shows everything, so every mode that this driver has is a part of the same walk. A position is the key that a
page ended with, and the export that it came from: behind the key another export goes on as well.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import accumulate, pairwise
from typing import Final

import pyarrow as pa

from drivers.contract import (
    KEY_COLUMN,
    BadConfiguration,
    Column,
    Page,
    ReadMode,
    ReadRequest,
    SourceChanged,
)
from drivers.cursors import Position, decode_cursor, encode_cursor
from drivers.dmf.exports import Exports
from drivers.dmf.shape import EntityShape, StreamShape
from drivers.dmf.sorted_file import Record, SortedFile
from drivers.dmf.threads import to_its_end
from drivers.dmf.values import table_of
from drivers.recipes.values import is_text

_POSITION: Final = 2  # parts: the export's token and the last key
_KEYS_PER_PAGE: Final = 1_000  # that are looked up at a time


class PageReader:
    def __init__(self, shape: StreamShape, request: ReadRequest) -> None:
        """Raises BadConfiguration for what this driver does not read."""
        if request.mode is ReadMode.CHANGES:
            raise BadConfiguration(
                "exports of data packages tell no changes that could be read twice",
                where=f"streams.{request.stream.name}",
                hint="Let the stream be compared in full: leave its replication key out.",
            )
        if request.page_rows < 1:
            raise BadConfiguration("a page has at least one row", where="sync.page_rows")
        self._shape = shape
        self._request = request
        self._position = self._start()

    def _start(self) -> Position | None:
        request = self._request
        if request.after is None:
            return None
        return decode_cursor(request.after, mode=request.mode, width=_POSITION, where=self._shape.where)

    async def pages(self, exports: Exports) -> AsyncGenerator[Page, None]:
        token = self._position.values[0] if self._position and self._position.values else None
        file, token = await exports.obtain(self._shape, token=token)
        complete = False
        try:
            while not complete:
                page = await to_its_end(partial(self._next, file, token))
                complete = page.complete
                if complete:
                    # Before the page is given out: whoever takes the last one may not come back.
                    file.close()
                    await exports.release(self._shape, token)
                yield page
        finally:
            file.close()

    def _next(self, file: SortedFile, token: str) -> Page:
        if self._request.mode is ReadMode.BY_KEYS:
            return self._by_keys(file)
        after = self._position.values[1] if self._position else None
        wanted = self._request.page_rows
        if self._request.mode is ReadMode.KEYS:
            keys = file.keys(after, wanted + 1)
            more = len(keys) > wanted
            del keys[wanted:]
            table = pa.table({KEY_COLUMN: pa.array(keys, pa.string())})
        else:
            headers = file.headers(after, wanted + 1)
            more = len(headers) > wanted
            del headers[wanted:]
            keys = [key for key, _ in headers]
            table = self._table(file, headers)
        if keys:
            self._position = Position(self._request.mode, (token, keys[-1]))
        cursor = encode_cursor(self._position) if self._position else None
        return Page(table, cursor, complete=not more)

    def _by_keys(self, file: SortedFile) -> Page:
        asked = self._request.keys
        taken = self._position.taken if self._position else 0
        chosen = asked[taken : taken + min(self._request.page_rows, _KEYS_PER_PAGE)]
        seen = set(asked[:taken])
        wanted = [key for key in dict.fromkeys(chosen) if key not in seen and is_text(key.replace("\0", ""))]
        headers = [each for key in sorted(wanted) for each in file.header(key)]
        self._position = Position(ReadMode.BY_KEYS, taken=taken + len(chosen))
        return Page(
            self._table(file, headers),
            encode_cursor(self._position),
            complete=taken + len(chosen) >= len(asked),
        )

    # --- tables

    def _table(self, file: SortedFile, headers: Sequence[Record]) -> pa.Table:
        keys = [key for key, _ in headers]
        fields = file.fields(0)
        table = table_of(
            [row for _, row in headers], fields, self._shape.headers.types, self._chosen(fields, "")
        )
        for place, lines in enumerate(self._shape.lines, 1):
            members = file.fields(place)
            chosen = self._chosen(members, f"{lines.name}.")
            if chosen:
                if lines.name in table.column_names:
                    raise BadConfiguration(
                        f"the entity has a field named {lines.name!r} as well", where=lines.where
                    )
                together = self._request.mode is not ReadMode.BY_KEYS
                column = _nested(file, place, lines, keys, members, chosen, together=together)
                table = table.append_column(lines.name, column)
        return table.add_column(0, KEY_COLUMN, pa.array(keys, pa.string()))

    def _chosen(self, fields: Sequence[str], prefix: str) -> list[str]:
        """What is wanted and there; what is not there is for the mapping to say."""
        wanted = self._request.stream.columns
        if wanted is None:
            return list(fields)
        kept = {name for name in wanted if name.startswith(prefix)}
        own = () if prefix else self._shape.headers.identity
        return [name for name in fields if f"{prefix}{name}" in kept or name in own]


def columns_of(shape: StreamShape, file: SortedFile) -> list[Column]:
    """Everything that an export gives."""
    found = []
    for place, each in enumerate(shape.entities):
        prefix = f"{each.name}." if each.name else ""
        found += [
            Column(f"{prefix}{name}", each.types[name].value if name in each.types else "text")
            for name in file.fields(place)
        ]
    return found


def _nested(
    file: SortedFile,
    place: int,
    lines: EntityShape,
    keys: Sequence[str],
    fields: Sequence[str],
    chosen: Sequence[str],
    *,
    together: bool,
) -> pa.ListArray:
    """One list for each key: its lines in their order, or none. `together`: there is no other key between these."""
    below: dict[str, list[list[str | None]]] = {key: [] for key in keys}
    for parent, row in file.lines(place, keys, together=together):
        if parent in below:
            below[parent].append(row)
    places = [_place_of(name, fields, lines) for name in lines.order_by]
    for parent, rows in below.items():
        _put_in_order(rows, places, parent, lines)
    flat = [row for key in keys for row in below[key]]
    offsets = pa.array([0, *accumulate(len(below[key]) for key in keys)], pa.int32())
    struct = table_of(flat, fields, lines.types, chosen).to_struct_array()
    values = struct.combine_chunks() if isinstance(struct, pa.ChunkedArray) else struct
    return pa.ListArray.from_arrays(offsets, values)


def _place_of(name: str, fields: Sequence[str], lines: EntityShape) -> int:
    if name in fields:
        return fields.index(name)
    raise SourceChanged(
        f"the entity {lines.entity!r} has no field {name}",
        where=f"{lines.where}.order_by",
        hint=f"It has {', '.join(fields[:40])}.",
    )


def _put_in_order(
    rows: list[list[str | None]], places: Sequence[int], parent: str, lines: EntityShape
) -> None:
    """Numbers by their value, before texts. Two lines of one place could change places from page to page."""
    ranked = [(_rank([row[each] if each < len(row) else None for each in places]), row) for row in rows]
    ranked.sort(key=lambda each: each[0])
    for (before, _), (here, _) in pairwise(ranked):
        if before == here:
            raise SourceChanged(
                f"two lines of the record {parent!r} have the same place",
                where=f"{lines.where}.order_by",
                hint="Name the fields that tell the lines of one record apart.",
            )
    rows[:] = [row for _, row in ranked]


def _rank(values: Sequence[str | None]) -> tuple[tuple[int, Decimal, str], ...]:
    return tuple(_place_in_order(value or "") for value in values)


def _place_in_order(text: str) -> tuple[int, Decimal, str]:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return (1, Decimal(0), text)
    return (0, number, "") if number.is_finite() else (1, Decimal(0), text)
