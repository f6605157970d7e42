"""What a stream's queries yield: its columns with their kinds. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from drivers.contract import BadConfiguration, MarkKind, SourceChanged, StreamSpec
from drivers.netsuite.options import LineOptions, StreamOptions, parse_stream
from drivers.netsuite.select_list import as_subquery, columns_of
from drivers.recipes.naming import nearest


class Kind(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"  # T and F
    DATE = "date"
    TIMESTAMP = "timestamp"  # in the time zone of the user
    TIMESTAMP_TZ = "timestamp_tz"  # asked for in UTC


MARK_KINDS: Final[Mapping[Kind, MarkKind]] = {
    Kind.DATE: MarkKind.DATE,
    Kind.TIMESTAMP: MarkKind.TIMESTAMP,
    Kind.TIMESTAMP_TZ: MarkKind.TIMESTAMP,
}


@dataclass(frozen=True, slots=True)
class QueryColumn:
    name: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class LineShape:
    name: str
    query: str
    columns: tuple[QueryColumn, ...]
    parent: tuple[QueryColumn, ...]
    order_by: tuple[QueryColumn, ...]
    where: str


@dataclass(frozen=True, slots=True)
class StreamShape:
    name: str
    query: str
    columns: tuple[QueryColumn, ...]
    key: tuple[QueryColumn, ...]
    replication: QueryColumn | None
    mark_kind: MarkKind | None
    lines: tuple[LineShape, ...]
    where: str


def shape_of(spec: StreamSpec) -> StreamShape:
    """Raises BadConfiguration, or SourceChanged for a column that the query does not name."""
    options = parse_stream(spec.name, spec.options)
    where = f"streams.{spec.name}.read"
    query = as_subquery(options.query, f"{where}.query")
    names = columns_of(query, f"{where}.query")
    # Ids are whole numbers: pages are cut and lines are joined by them.
    key = tuple(_find(names, each, f"{where}.key") for each in options.key)
    columns = _typed(names, options.types, key, f"{where}.types")
    replication, mark_kind = _replication(options, columns, where)
    lines = tuple(_lines(name, each, where) for name, each in options.lines.items())
    for each in lines:
        if each.name in names:
            raise BadConfiguration(
                f"the query has a column named {each.name!r} as well",
                where=each.where,
                hint="Give the line set another name, or rename the column in the query.",
            )
    return StreamShape(spec.name, query, columns, _ids(key), replication, mark_kind, lines, where)


def projected(shape: StreamShape, columns: Sequence[str] | None) -> StreamShape:
    """The stream with only the columns that are wanted, and those by which it is read."""
    if columns is None:
        return shape
    wanted = set(columns) | {column.name for column in shape.key}
    if shape.replication is not None:
        wanted.add(shape.replication.name)
    lines = (
        replace(each, columns=tuple(c for c in each.columns if f"{each.name}.{c.name}" in wanted))
        for each in shape.lines
    )
    return replace(
        shape,
        columns=tuple(column for column in shape.columns if column.name in wanted),
        lines=tuple(each for each in lines if each.columns),
    )


def _lines(name: str, options: LineOptions, where: str) -> LineShape:
    place = f"{where}.lines.{name}"
    query = as_subquery(options.query, f"{place}.query")
    names = columns_of(query, f"{place}.query")
    parent = tuple(_find(names, each, f"{place}.parent") for each in options.parent)
    order_by = tuple(_find(names, each, f"{place}.order_by") for each in options.order_by)
    columns = _typed(names, options.types, (*parent, *order_by), f"{place}.types")
    return LineShape(name, query, columns, _ids(parent), _ids(order_by), place)


def _find(names: Sequence[str], name: str, where: str) -> str:
    if name.lower() in names:
        return name.lower()
    raise SourceChanged(f"the query yields no column {name!r}", where=where, hint=nearest(name, names))


def _ids(names: Sequence[str]) -> tuple[QueryColumn, ...]:
    return tuple(QueryColumn(name, Kind.INTEGER) for name in names)


def _typed(
    names: Sequence[str], types: Mapping[str, str], ids: Sequence[str], where: str
) -> tuple[QueryColumn, ...]:
    kinds = {_find(names, name, f"{where}.{name}"): Kind(kind) for name, kind in types.items()}
    for name in ids:
        if kinds.setdefault(name, Kind.INTEGER) is not Kind.INTEGER:
            raise BadConfiguration(
                f"{name!r} is a key or puts lines in order: it is a whole number",
                where=f"{where}.{name}",
                hint="Use NetSuite's internal ids: they are whole numbers and never change.",
            )
    return tuple(QueryColumn(name, kinds.get(name, Kind.TEXT)) for name in names)


def _replication(
    options: StreamOptions, columns: Sequence[QueryColumn], where: str
) -> tuple[QueryColumn | None, MarkKind | None]:
    if options.replication_key is None:
        return None, None
    place = f"{where}.replication_key"
    name = _find([each.name for each in columns], options.replication_key, place)
    column = next(each for each in columns if each.name == name)
    kind = MARK_KINDS.get(column.kind)
    if kind is None:
        raise BadConfiguration(
            f"the replication key {name!r} has the type {column.kind.value}, which does not tell how it grows",
            where=place,
            hint=f'State it in types: {name} = "timestamp_tz", "timestamp" or "date".',
        )
    return column, kind
