"""Pure: elements of a reply -> Arrow, by the names of the elements.

A field that the service gained moves no other; one that it lost is null. Texts stay as they were printed; what is of
none of its type leaves its column a text for that page.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from drivers.soap.model import Kind
from drivers.soap.xml import NIL

_LAST_YEAR: Final = 9999
UTC_STAMP: Final = pa.timestamp("us", "UTC")
ARROW: Final[dict[Kind, pa.DataType]] = {
    Kind.TEXT: pa.string(),
    Kind.DECIMAL: pa.string(),  # exact, digit for digit
    Kind.FLOAT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: UTC_STAMP,
    Kind.TIME: pa.time64("us"),
    Kind.BINARY: pa.string(),
}
Decode = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    path: tuple[str, ...]  # tags below the record; more than one for a value inside a structure
    kind: Kind
    decode: Decode | None = None  # of the values of an enumeration
    empty: Collection[str] = ()  # what the system prints where there is nothing begins with one of these


@dataclass(frozen=True, slots=True)
class Lines:
    """A line set: the tags that lead from the record to each of its lines."""

    name: str
    path: tuple[str, ...]
    columns: tuple[Column, ...]
    where: tuple[tuple[Column, frozenset[str]], ...] = ()  # only lines that have one of these values


def texts_of(records: Sequence[Any], columns: Sequence[Column]) -> list[list[str | None]]:
    """The texts of each column, None where an element is absent or nil."""
    found: list[list[str | None]] = [[None] * len(records) for _ in columns]
    flat = {each.path[0]: found[place] for place, each in enumerate(columns) if len(each.path) == 1}
    deep: dict[str, list[int]] = {}
    for place, each in enumerate(columns):
        if len(each.path) > 1:
            deep.setdefault(each.path[0], []).append(place)
    take = flat.get
    for row, record in enumerate(records):
        for element in record:
            tag = element.tag
            texts = take(tag)
            if texts is not None:
                texts[row] = element.text or _empty(element)
            if deep and tag in deep:
                for place in deep[tag]:
                    found[place][row] = _below(element, columns[place].path[1:])
    return found


def arrays(texts: Sequence[list[str | None]], columns: Sequence[Column], zone: ZoneInfo) -> list[pa.Array]:
    return [_array(each, column, zone) for each, column in zip(texts, columns, strict=True)]


def line_array(records: Sequence[Any], lines: Lines, zone: ZoneInfo) -> pa.ListArray:
    """One list for each record; empty where it has no lines."""
    held = [[line for line in _at(record, lines.path) if _is_meant(line, lines)] for record in records]
    offsets = [0, *accumulate(len(each) for each in held)]
    flat = [line for each in held for line in each]
    values = arrays(texts_of(flat, lines.columns), lines.columns, zone)
    names = [each.name for each in lines.columns]
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), pa.StructArray.from_arrays(values, names=names)
    )


def _is_meant(line: Any, lines: Lines) -> bool:
    for column, values in lines.where:
        text = _below(line, column.path) or ""
        if (column.decode(text) if column.decode else text) not in values:
            return False
    return True


def below_all(records: Sequence[Any], path: tuple[str, ...]) -> list[Any]:
    """Everything that lies there below any of the records, in order."""
    return [each for record in records for each in _at(record, path)]


def unknown_tags(records: Sequence[Any], known: frozenset[str]) -> set[str]:
    """Elements of the first and the last record that nobody described: the service has changed."""
    return {element.tag for record in [*records[:1], *records[-1:]] for element in record} - known


def _at(record: Any, path: tuple[str, ...]) -> list[Any]:
    found = [record]
    for tag in path:
        found = [child for each in found for child in each if child.tag == tag]
    return found


def _below(element: Any, path: tuple[str, ...]) -> str | None:
    found = _at(element, path)
    return (found[0].text or _empty(found[0])) if found else None


def _empty(element: Any) -> str | None:
    """An element without a text: nil, or an empty text."""
    return None if element.get(NIL) in {"true", "1"} else ""


def _array(texts: list[str | None], column: Column, zone: ZoneInfo) -> pa.Array:
    if column.decode is not None:
        known: dict[str, str] = {text: column.decode(text) for text in set(texts) if text is not None}
        texts = [None if text is None else known[text] for text in texts]
    nothing = tuple(column.empty)
    if nothing:
        texts = [None if text is not None and text.startswith(nothing) else text for text in texts]
    kind = column.kind
    if ARROW[kind] == pa.string():
        return pa.array(texts, pa.string())
    plain = pa.array([text.strip() or None if text else None for text in texts], pa.string())
    try:
        return _CASTS[kind](plain, zone)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array(texts, pa.string())


def _stamps(texts: pa.Array, zone: ZoneInfo) -> pa.Array:
    """A stamp without an offset is in the server's own time; digits beyond a microsecond are cut."""
    short = pc.replace_substring_regex(texts, r"(\.\d{6})\d+", r"\1")
    zoned = pc.match_substring_regex(short, r"(Z|[+-]\d\d:\d\d)$")
    local = pc.if_else(zoned, None, short)
    whole = pc.if_else(zoned, short, None)
    here = pc.assume_timezone(
        local.cast(pa.timestamp("us")), zone.key, ambiguous="earliest", nonexistent="earliest"
    ).cast(UTC_STAMP)
    stamps = pc.coalesce(whole.cast(UTC_STAMP), here)
    years = pc.min_max(pc.year(stamps)).as_py().values()
    if any(year is not None and not 1 <= year <= _LAST_YEAR for year in years):
        raise pa.ArrowInvalid("an offset that leads out of the years that there are")
    return stamps


def _booleans(texts: pa.Array, _zone: ZoneInfo) -> pa.Array:
    return texts.cast(pa.bool_())


def _times(texts: pa.Array, _zone: ZoneInfo) -> pa.Array:
    plain = pc.replace_substring_regex(texts, r"(\.\d{6})\d*.*$|Z$|[+-]\d\d:\d\d$", r"\1")
    # Arrow reads no text as a time of the day, but one with a day before it.
    dated = pc.binary_join_element_wise(pa.scalar("1970-01-01T"), plain, "")
    return dated.cast(pa.timestamp("us")).cast(pa.time64("us"))


_CASTS: Final[dict[Kind, Callable[[pa.Array, ZoneInfo], pa.Array]]] = {
    Kind.INTEGER: lambda texts, _: texts.cast(pa.int64()),
    Kind.BOOLEAN: _booleans,
    Kind.DATE: lambda texts, _: pc.utf8_slice_codeunits(texts, 0, 10).cast(pa.date32()),
    Kind.TIMESTAMP: _stamps,
    Kind.TIME: _times,
}
