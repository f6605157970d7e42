"""Finds out once per stream what its queries yield, and refuses what cannot work."""

from __future__ import annotations

import contextlib
import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID

from drivers.contract import KEY_COLUMN, BadConfiguration, DriverError, MarkKind, SourceChanged, StreamSpec
from drivers.odbc import queries
from drivers.odbc.dialects import Dialect
from drivers.odbc.options import LineOptions, StreamOptions, parse_stream
from drivers.odbc.positions import check_key_kinds
from drivers.odbc.queries import Sql
from drivers.odbc.session import Session
from drivers.odbc.shape import MARK_KINDS, Kind, LineShape, QueryColumn, StreamShape

_PYTHON_KINDS: dict[type, Kind] = {
    bool: Kind.BOOLEAN,
    int: Kind.INTEGER,
    Decimal: Kind.DECIMAL,
    float: Kind.FLOAT,
    str: Kind.TEXT,
    bytes: Kind.BINARY,
    bytearray: Kind.BINARY,
    datetime: Kind.TIMESTAMP,
    date: Kind.DATE,
    time: Kind.TIME,
    UUID: Kind.UUID,
}


def learn(session: Session, spec: StreamSpec) -> StreamShape:
    options = parse_stream(spec.name, spec.options)
    where = f"streams.{spec.name}.read"
    query = _as_subquery(options.query, f"{where}.query")
    columns = query_columns(session, query, f"{where}.query")
    key = tuple(find(columns, name, f"{where}.key") for name in options.key)
    check_key_kinds(key, where=where)
    replication, kind = _replication(options, columns, where)
    for column in (*key, *([replication] if replication is not None else [])):
        _refuse_too_fine(session.dialect, column, where)
    lines = tuple(_lines(session, name, each, where) for name, each in options.lines.items())
    taken = {column.name for column in columns}
    for each in lines:
        if each.name in taken:
            raise BadConfiguration(
                f"the query has a column named {each.name!r} as well",
                where=f"{where}.lines.{each.name}",
                hint="Give the line set another name, or rename the column in the query.",
            )
    return StreamShape(spec.name, options, query, columns, key, replication, kind, lines)


def find(
    columns: Sequence[QueryColumn], name: str, where: str, *, of: str = "the query yields"
) -> QueryColumn:
    """Raises SourceChanged where no column has the name, naming the nearest."""
    for column in columns:
        if column.name == name:
            return column
    folded = [column for column in columns if column.name.lower() == name.lower()]
    if len(folded) == 1:
        return folded[0]
    names = [column.name for column in columns]
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or names[:10]
    raise SourceChanged(f"{of} no column {name!r}", where=where, hint=f"Nearest: {', '.join(close)}.")


def _as_subquery(query: str, where: str) -> str:
    text = query.strip().rstrip(";").rstrip()
    first = next(iter(text.lower().split(None, 1)), "")
    if first not in {"select", "with"} and not text.startswith(("(", "--", "/*")):
        raise BadConfiguration("the query is not a SELECT", where=where, hint="Begin it with SELECT or WITH.")
    return text


def query_columns(session: Session, query: str, where: str) -> tuple[QueryColumn, ...]:
    dialect = session.dialect
    described = session.description(queries.describe(query), where=where)
    names = [str(column[0]) for column in described]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BadConfiguration(
            f"the query yields two columns named {twice[0]!r}",
            where=where,
            hint=f"Give one of them another name: select ... as {twice[0]}_2.",
        )
    for name in names:
        if name == KEY_COLUMN or name.startswith(queries.HELPER_PREFIX):
            raise BadConfiguration(f"a column may not be named {name!r}", where=where, hint="Rename it.")
    natives = [""] * len(names)
    if dialect.native_type:
        natives = [str(v) for v in session.rows(queries.native_types(dialect, query, names), where=where)[0]]
    elif dialect.native_query:
        told = _described(session, query, where)
        natives = told if len(told) == len(names) else natives
    return tuple(
        QueryColumn(
            name,
            _kind(dialect, native, column[1]),
            native,
            int(column[4] or 0),
            int(column[5] or 0),
        )
        for name, native, column in zip(names, natives, described, strict=True)
    )


def _described(session: Session, query: str, where: str) -> list[str]:
    """The types as the database names them, without their sizes; nothing where it cannot say."""
    asked = Sql(session.dialect.native_query, (queries.describe(query).text,))
    with contextlib.suppress(DriverError):
        return [str(row[0]).partition("(")[0].lower() for row in session.rows(asked, where=where)]
    return []


def _kind(dialect: Dialect, native: str, read_as: type) -> Kind:
    if not native:
        return _PYTHON_KINDS.get(read_as, Kind.OTHER)
    # A domain over numeric has a name of its own, and digits that its values are rounded to.
    return dialect.native_kinds.get(native, Kind.DECIMAL if read_as is Decimal else Kind.OTHER)


def as_declared(column: QueryColumn, declared: Mapping[str, str]) -> QueryColumn:
    """SQLite makes a floating point number of a number in every column whose declared type is no text and no integer."""
    words = declared.get(column.name, "").upper()
    keeps = not words or any(word in words for word in ("INT", "CHAR", "CLOB", "TEXT", "BLOB"))
    if keeps or column.kind not in {Kind.TEXT, Kind.DECIMAL, Kind.OTHER}:
        return column
    return replace(column, kind=Kind.FLOAT, size=0)


def _refuse_too_fine(dialect: Dialect, column: QueryColumn, where: str) -> None:
    """Rows that differ only behind the digits that are bound would be passed over at a page's end."""
    finer = dialect.finer
    as_text = Kind.TIMESTAMP in dialect.projections
    if finer is None or as_text or not queries.is_finer(column) or column.scale <= finer.digits:
        return
    raise BadConfiguration(
        f"the column {column.name!r} keeps {column.scale} digits of a second, of which {finer.digits} can be read",
        where=f"{where}.key",
        hint="Cast it in the query to a text, or choose other key columns.",
    )


def _lines(session: Session, name: str, options: LineOptions, where: str) -> LineShape:
    place = f"{where}.lines.{name}"
    query = _as_subquery(options.query, f"{place}.query")
    columns = query_columns(session, query, f"{place}.query")
    parent = tuple(find(columns, each, f"{place}.parent") for each in options.parent)
    order_by = tuple(find(columns, each, f"{place}.order_by").name for each in options.order_by)
    return LineShape(name, query, columns, parent, order_by)


def _replication(
    options: StreamOptions, columns: Sequence[QueryColumn], where: str
) -> tuple[QueryColumn | None, MarkKind | None]:
    if options.replication_key is None:
        return None, None
    column = find(columns, options.replication_key, f"{where}.replication_key")
    if options.replication_kind is not None:
        return column, MarkKind(options.replication_kind)
    kind = MARK_KINDS.get(column.kind)
    if column.kind is Kind.DECIMAL and column.scale == 0:
        kind = MarkKind.INTEGER
    if kind is None:
        raise BadConfiguration(
            f"the replication key {column.name!r} is of kind {column.native or column.kind.value}, which does not tell how it grows",
            where=f"{where}.replication_key",
            hint='State replication_kind = "timestamp", "date", "integer" or "binary".',
        )
    return column, kind
