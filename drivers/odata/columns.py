"""Pure: records -> Arrow columns, whole columns at a time; and single values as the texts of keys and positions."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time
from operator import attrgetter
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from drivers.odata.answers import columns_of, lines_in
from drivers.odata.edm import Kind, Property
from drivers.odata.literals import NoLiteral, canonical_decimal, iso, moment_of, time_of
from drivers.odata.shape import Node

NAIVE: Final = pa.timestamp("us")
ZONED: Final = pa.timestamp("us", tz="UTC")
TYPES: Final[Mapping[Kind, pa.DataType]] = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: NAIVE,
    Kind.TIMESTAMP_TZ: ZONED,
    Kind.TIME: pa.time64("us"),
}
_NUMBERS: Final = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})
_WIDE: Final = pa.decimal256(76, 20)
_JSON_DATE: Final = r"^/Date\((?P<ms>-?\d{1,16})(?P<offset>[+-]0{1,4})?\)/$"
_JSON_DATE_BEGIN: Final = "/Date("
_JSON_DATE_ENDS: Final = ("+0000)/", ")/")


def type_of(each: Property) -> pa.DataType:
    if each.collection or each.complex:
        return pa.string()
    return pa.date32() if each.date_only else TYPES.get(each.kind, pa.string())


def header_columns(rows: Sequence[Any], node: Node, above: str = "") -> list[tuple[str, pa.Array]]:
    """The node's own columns, and those of what lies inside each record."""
    values = columns_of(rows, node)
    found = [
        (f"{above}{each.name}", column(each, values[f"p{number}"]))
        for number, each in enumerate(node.properties)
    ]
    for number, (name, inner) in enumerate(node.inner.items()):
        found += header_columns(values[f"i{number}"], inner, f"{above}{name}/")
    return found


def values_of(rows: Sequence[Any], name: str) -> list[Any]:
    """One attribute of many records."""
    return list(map(attrgetter(name), rows))


def line_list(
    rows: Sequence[Any], tree: Node, path: Sequence[str], node: Node, order_by: Sequence[str], *, where: str
) -> pa.ListArray:
    """The lines at the end of a path as one list per record, in the order of `order_by`."""
    records = len(rows)
    parents = np.arange(records, dtype=np.int64)
    for name in path:
        number = list(tree.lists).index(name)
        held = [lines_in(each, name=name, where=where) for each in values_of(rows, f"l{number}")]
        parents = np.repeat(parents, np.fromiter(map(len, held), dtype=np.int64, count=len(held)))
        rows = [line for lines in held for line in lines]
        tree = tree.lists[name]
    lines = lines_table(rows, tree, node)
    table = ordered(lines, parents, sort_keys(lines, node, order_by))
    counts = np.bincount(parents, minlength=records)
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), structs(table))


def structs(lines: pa.Table) -> pa.StructArray:
    columns = [values.combine_chunks() for values in lines.columns]
    return pa.StructArray.from_arrays(columns, fields=list(lines.schema))


def lines_table(rows: Sequence[Any], tree: Node, node: Node) -> pa.Table:
    """`node`'s columns of records that were read as `tree`, which may hold more."""
    wanted = {name for name, _ in node.leaves()}
    columns = [(name, values) for name, values in header_columns(rows, tree) if name in wanted]
    return pa.table([values for _, values in columns], names=[name for name, _ in columns])


def sort_keys(lines: pa.Table, node: Node, order_by: Sequence[str]) -> list[pa.ChunkedArray]:
    """What lines are put in order by: numbers, too, that a page holds as texts."""
    kinds = {name: each.kind for name, each in node.leaves()}
    return [
        _numbers(lines.column(name)) if kinds[name] in _NUMBERS else lines.column(name) for name in order_by
    ]


def _numbers(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(values.type):
        for type_ in (_WIDE, pa.float64()):  # the second for what has more digits than the first holds
            with contextlib.suppress(pa.ArrowInvalid):
                return values.cast(type_)
    return values


def ordered(
    lines: pa.Table,
    parents: np.ndarray[tuple[int], np.dtype[np.int64]],
    by: Sequence[pa.ChunkedArray],
) -> pa.Table:
    """The lines of each parent in order; parents are in order already."""
    if not by or lines.num_rows < 2:  # noqa: PLR2004 - nothing to put in order
        return lines
    found = order_of([pa.array(parents), *by])
    return lines if (found[1:] > found[:-1]).all() else lines.take(pa.array(found))  # most come in order


def order_of(by: Sequence[pa.Array | pa.ChunkedArray]) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """The places of records in the order of these columns."""
    names = [f"{number}" for number, _ in enumerate(by)]
    keys = pa.table(list(by), names=names)
    found: np.ndarray[tuple[int], np.dtype[np.uint64]] = pc.sort_indices(
        keys, sort_keys=[(name, "ascending") for name in names]
    ).to_numpy()
    return found


def column(each: Property, values: Sequence[Any]) -> pa.Array:
    """One property of many records. A value that is none of its kind leaves the column of this page a text."""
    if each.collection or each.complex:
        return pa.array([_json(value) for value in values], pa.string())
    reader = _READERS.get(each.kind)
    if reader is None:
        return pa.array([_text(value) for value in values], pa.string())
    with contextlib.suppress(
        pa.ArrowInvalid, pa.ArrowTypeError, NoLiteral, ValueError, TypeError, OverflowError
    ):
        made = reader(values)
        return _as_dates(made) if each.date_only else made
    return pa.array([_text(value) for value in values], pa.string())


def key_text(each: Property, value: Any) -> str | None:
    """A part of a key, or a replication key, as a text that `literals.literal` reads back."""
    if value is None:
        return None
    text = _text(value)
    if text is None or each.kind in {Kind.TEXT, Kind.GUID, Kind.ENUM, Kind.BINARY}:
        return text
    try:
        return _KEY_TEXTS.get(each.kind, str)(text) if not each.date_only else _day(text)
    except NoLiteral:
        return text


def key_texts(each: Property, values: Sequence[Any]) -> list[str | None]:
    if each.kind is Kind.TEXT:
        return [value if value is None or value.__class__ is str else _text(value) for value in values]
    return [key_text(each, value) for value in values]


def _day(text: str) -> str:
    moment = moment_of(text)
    return moment.date().isoformat() if moment.time() == time() else _stamp(text)


def _stamp(text: str) -> str:
    moment = moment_of(text)
    if not text.startswith("/"):
        return text
    return iso(moment.astimezone(UTC)) + "Z" if moment.tzinfo else iso(moment)


def _zoned_stamp(text: str) -> str:
    found = _stamp(text)
    if moment_of(found).tzinfo:
        return found
    return f"{found}Z" if "T" in found else f"{found}T00:00:00Z"


_KEY_TEXTS: Final[Mapping[Kind, Callable[[str], str]]] = {
    Kind.TIMESTAMP: lambda text: iso(moment_of(text)),
    Kind.TIMESTAMP_TZ: _zoned_stamp,
    Kind.DECIMAL: canonical_decimal,
    Kind.TIME: time_of,
}


def _text(value: Any) -> str | None:
    if value is None or value.__class__ is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _json(value)


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _booleans(values: Sequence[Any]) -> pa.Array:
    return pa.array(values, pa.bool_())


def _integers(values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values, pa.int64())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        texts = _strings(values)
        if pc.any(pc.match_substring(texts, "x", ignore_case=True)).as_py():  # Arrow knows 0x10
            return texts
        return texts.cast(pa.int64())


def _decimals(values: Sequence[Any]) -> pa.Array:
    """As they were printed; one with an exponent is written out."""
    texts = _strings(values)
    if not any(pc.any(pc.match_substring(texts, each)).as_py() for each in "eE"):
        return texts
    return pa.array(
        [None if value is None else canonical_decimal(str(value)) for value in texts.to_pylist()], pa.string()
    )


def _dates(values: Sequence[Any]) -> pa.Array:
    return _strings(values).cast(pa.date32())


def _naive(values: Sequence[Any]) -> pa.Array:
    found = _moments(_strings(values))
    return found if found.type == NAIVE else found.cast(NAIVE)


def _zoned(values: Sequence[Any]) -> pa.Array:
    """A stamp without an offset, where the type promises one, is in UTC."""
    found = _moments(_strings(values))
    return found if found.type == ZONED else found.cast(ZONED)


def _moments(texts: pa.Array) -> pa.Array:
    """Naive where no value names an offset; every value of V2's JSON is in its own clock's milliseconds."""
    if len(texts) == texts.null_count:
        return pa.nulls(len(texts), NAIVE)
    if pc.starts_with(texts.drop_null()[0], _JSON_DATE_BEGIN).as_py():
        milliseconds = _milliseconds(texts)
        if milliseconds is not None:
            return milliseconds.cast(pa.int64()).cast(pa.timestamp("ms")).cast(NAIVE)
    for type_ in (ZONED, NAIVE):
        with contextlib.suppress(
            pa.ArrowInvalid
        ):  # one takes texts with an offset alone, the other those without
            return texts.cast(type_)
    moments = [None if text is None else _utc(moment_of(text)) for text in texts.to_pylist()]
    return pa.array(moments, ZONED)


def _milliseconds(texts: pa.Array) -> pa.Array | None:
    """The numbers in V2's dates; None where not all are such."""
    for end in _JSON_DATE_ENDS:  # the usual case: all end alike, and no pattern has to be matched
        if (
            pc.all(pc.ends_with(texts, end)).as_py()
            and pc.all(pc.starts_with(texts, _JSON_DATE_BEGIN)).as_py()
        ):
            numbers = pc.utf8_slice_codeunits(texts, len(_JSON_DATE_BEGIN), -len(end))
            if not pc.any(pc.match_substring(numbers, "x", ignore_case=True)).as_py():  # Arrow knows 0x10
                with contextlib.suppress(pa.ArrowInvalid):
                    return numbers.cast(pa.int64())
    parts = pc.extract_regex(texts, _JSON_DATE)
    return pc.struct_field(parts, "ms") if parts.null_count == texts.null_count else None


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _times(values: Sequence[Any]) -> pa.Array:
    return pa.array([None if value is None else _clock(time_of(value)) for value in values], pa.time64("us"))


def _clock(text: str) -> time:
    whole, _, fraction = text.partition(".")
    return time.fromisoformat(f"{whole}.{fraction[:6]:0<6}" if fraction else whole)


def _as_dates(stamps: pa.Array) -> pa.Array:
    """What the service calls a date is one, unless it comes with a time of day."""
    days = stamps.cast(pa.date32(), safe=False)
    if pc.all(pc.equal(days.cast(stamps.type), stamps)).as_py() is False:
        return stamps
    return days


def _strings(values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([_text(value) for value in values], pa.string())


_READERS: Final[Mapping[Kind, Callable[[Sequence[Any]], pa.Array]]] = {
    Kind.BOOLEAN: _booleans,
    Kind.INTEGER: _integers,
    Kind.DECIMAL: _decimals,
    Kind.FLOAT: _strings,
    Kind.TEXT: _strings,
    Kind.GUID: _strings,
    Kind.DATE: _dates,
    Kind.TIMESTAMP: _naive,
    Kind.TIMESTAMP_TZ: _zoned,
    Kind.TIME: _times,
}
