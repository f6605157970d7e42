"""What a stream's query yields: its columns with their kinds. Values only."""

from __future__ import annotations

from dataclasses import dataclass
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
