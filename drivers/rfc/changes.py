"""Which records changed between two marks, told by the header's own stamp, change documents, or other tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from drivers.contract import Mark, MarkKind
from drivers.rfc.abap import Field, Table
from drivers.rfc.columns import typed
from drivers.rfc.conditions import Compare, Condition, all_of
from drivers.rfc.conversions import INITIAL_DATE
from drivers.rfc.learning import since
from drivers.rfc.positions import stamp_texts
from drivers.rfc.shape import Source, StreamShape
from drivers.rfc.tables import Plan, TableReader, keys_of

MARK: Final = "__mark"
_OBJECT: Final = "OBJECTID"


@dataclass(frozen=True, slots=True)
class Bounds:
    start: Mark | None  # inclusive
    end: Mark | None  # inclusive


def changed(reader: TableReader, shape: StreamShape, bounds: Bounds, *, by_key: bool) -> pa.Table:
    """Each changed record once: its latest mark, and its key in the columns `0`, `1` ... in order of (mark, key).

    It is held whole, but narrow: a million of them take some 110 MB at most. `by_key`: in the order of the key alone.
    """
    names = [str(number) for number in range(len(shape.key))]
    parts = [part for source in shape.sources for part in _told(reader, shape, source, bounds)]
    empty = pa.table({name: pa.array([], pa.string()) for name in [*names, MARK]})
    found = latest(pa.concat_tables([empty, *parts]), names)
    parts.clear()
    return found if by_key else in_order(found, [MARK, *names])


def latest(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Each key once with its highest mark, in the order of the keys. By sorting: grouping takes four times the memory."""
    found = in_order(table, [*names, MARK]).select([MARK, *names])
    if found.num_rows < 2:  # noqa: PLR2004 - one row repeats none
        return found
    differs = pa.array([False] * (found.num_rows - 1))
    for name in names:
        column = found.column(name).combine_chunks()
        differs = pc.or_(differs, pc.not_equal(column[:-1], column[1:]))
    return found.filter(pa.concat_arrays([differs, pa.array([True])]))


def in_order(table: pa.Table, names: Sequence[str]) -> pa.Table:
    table = table.combine_chunks()
    return table.take(
        pc.sort_indices(table, sort_keys=[(name, "ascending") for name in names])
    ).combine_chunks()


def _told(reader: TableReader, shape: StreamShape, source: Source, bounds: Bounds) -> Iterator[pa.Table]:
    holder = () if source.via is not None or source.object_key else source.parent
    needed = [*source.stamp.fields, *holder, *(first for _, first in source.on)]
    if source.object_key:
        needed += [field for field in source.table.fields if field.name == _OBJECT]
    plan = plan_of(source.table, needed, _within(shape, source, bounds), source.where)
    for rows in reader.every(plan):
        if not rows.num_rows:
            continue
        marks = _marks(shape, source, rows)
        if source.object_key:
            yield _by_object(source, rows, marks)
        elif source.via is not None:
            yield _by_way_of(reader, source, source.via, rows, marks)
        else:
            yield _keyed([rows.column(field.name) for field in source.parent], marks)


def plan_of(table: Table, fields: Sequence[Field], condition: Condition, where: str) -> Plan:
    """A read of these columns, paged by the table's own key."""
    key = tuple(field for field in table.fields if field.name in table.key)
    columns = {field.name: field for field in (*key, *fields)}
    return Plan(table, tuple(columns.values()), key, condition, where)


def _within(shape: StreamShape, source: Source, bounds: Bounds) -> Condition:
    kind = shape.mark_kind or MarkKind.DATE
    parts: list[Condition] = [source.condition]
    for mark, operator in ((bounds.start, ">="), (bounds.end, "<=")):
        if mark is not None:
            texts = stamp_texts(mark, source.stamp, expected=kind, lower=operator == ">=", where=source.where)
            parts.append(since(source.stamp, texts, operator))
    if bounds.start is None and not source.stamp.utc:
        parts.append(Compare(source.stamp.day.name, "<>", INITIAL_DATE))
    if bounds.start is None and source.stamp.utc:
        parts.append(Compare(source.stamp.day.name, ">", "0"))
    return all_of(*parts)


def _marks(shape: StreamShape, source: Source, rows: pa.Table) -> pa.ChunkedArray:
    """Texts that sort as the moments do."""
    stamp = source.stamp
    day = rows.column(stamp.day.name)
    if stamp.utc:
        flat = day.combine_chunks() if isinstance(day, pa.ChunkedArray) else day
        return pa.chunked_array([typed(stamp.day, flat, None, {})])
    if shape.mark_kind is MarkKind.DATE or stamp.clock is None:
        return day
    return pc.binary_join_element_wise(day, rows.column(stamp.clock.name), "")


def _by_object(source: Source, rows: pa.Table, marks: pa.ChunkedArray) -> pa.Table:
    """OBJECTID holds the key's columns one behind the other, each in its full length."""
    objects = rows.column(_OBJECT)
    if source.prefix:
        mine = pc.starts_with(objects, pattern=source.prefix)
        objects, marks = objects.filter(mine), marks.filter(mine)
        objects = pc.utf8_slice_codeunits(objects, len(source.prefix))
    cut, offset = {}, 0
    for number, field in enumerate(source.object_key):
        end = offset + field.length if number < len(source.object_key) - 1 else None
        cut[field.name] = pc.utf8_rtrim(pc.utf8_slice_codeunits(objects, offset, end), " ")
        offset += field.length
    return _keyed([cut[field.name] for field in source.parent], marks)


def _by_way_of(
    reader: TableReader, source: Source, via: Table, rows: pa.Table, marks: pa.ChunkedArray
) -> pa.Table:
    theirs = [field for field, _ in source.on]
    ours = [first.name for _, first in source.on]
    values = list(dict.fromkeys(zip(*(rows.column(name).to_pylist() for name in ours), strict=True)))
    plan = plan_of(via, [*theirs, *source.parent], all_of(), source.where)
    found = reader.by_keys(plan, theirs, values)
    where = pc.index_in(
        keys_of([field.name for field in theirs], found), value_set=keys_of(ours, rows).combine_chunks()
    )
    return _keyed([found.column(field.name) for field in source.parent], marks.take(where))


def _keyed(columns: Sequence[pa.ChunkedArray], marks: pa.ChunkedArray) -> pa.Table:
    return pa.table({**{str(number): column for number, column in enumerate(columns)}, MARK: marks})
