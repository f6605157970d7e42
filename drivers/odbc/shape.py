"""What a stream's query yields: its columns with their kinds. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from drivers.contract import MarkKind
from drivers.odbc.options import StreamOptions


class Kind(StrEnum):
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    TEXT = "text"
    UUID = "uuid"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMP_TZ = "timestamp_tz"
    BINARY = "binary"
    OTHER = "other"


MARK_KINDS = {
    Kind.INTEGER: MarkKind.INTEGER,
    Kind.DATE: MarkKind.DATE,
    Kind.TIMESTAMP: MarkKind.TIMESTAMP,
    Kind.TIMESTAMP_TZ: MarkKind.TIMESTAMP,
    Kind.BINARY: MarkKind.BINARY,
}


@dataclass(frozen=True, slots=True)
class QueryColumn:
    name: str
    kind: Kind
    native: str = ""  # the source's own word, where the dialect can ask for it
    size: int = 0
    scale: int = 0


@dataclass(frozen=True, slots=True)
class LineShape:
    name: str
    query: str
    columns: tuple[QueryColumn, ...]
    parent: tuple[QueryColumn, ...]
    order_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StreamShape:
    name: str
    options: StreamOptions
    query: str
    columns: tuple[QueryColumn, ...]
    key: tuple[QueryColumn, ...]
    replication: QueryColumn | None
    mark_kind: MarkKind | None
    lines: tuple[LineShape, ...]


def projected(shape: StreamShape, columns: Sequence[str] | None) -> StreamShape:
    """The stream with only the columns that are wanted, and those by which it is read.

    A wanted column that is not there is left out: whoever wanted it says so better.
    """
    if columns is None:
        return shape
    wanted = set(columns) | {column.name for column in shape.key}
    if shape.replication is not None:
        wanted.add(shape.replication.name)
    lines = (_projected_lines(each, wanted) for each in shape.lines)
    return replace(
        shape,
        columns=tuple(column for column in shape.columns if column.name in wanted),
        lines=tuple(each for each in lines if each.columns),
    )


def _projected_lines(lines: LineShape, wanted: set[str]) -> LineShape:
    kept = tuple(column for column in lines.columns if f"{lines.name}.{column.name}" in wanted)
    return replace(lines, columns=kept)
