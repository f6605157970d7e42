"""Pure: the SQL of every read. Values never enter the text: each is a `?` with a cast to its column's type.

Paging is by key alone. A row inserted or deleted while a pass runs moves no other row across a page border, which
OFFSET cannot promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from drivers.odbc.dialects import Dialect, Limit
from drivers.odbc.shape import Kind, LineShape, QueryColumn, StreamShape

HELPER_PREFIX: Final = "__gw_"  # columns that the driver adds and removes again
PACKED: Final = HELPER_PREFIX + "row"
MICROSECOND_DIGITS: Final = 6
NANOSECOND_DIGITS: Final = 9

# Kinds whose order is the same whatever column holds them, so that a range over the header's key may be repeated
# over the lines' parent. For text it may not: the two columns may differ in collation or padding.
_ORDER_IS_UNIVERSAL: Final = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.DATE, Kind.TIMESTAMP, Kind.UUID})


@dataclass(frozen=True, slots=True)
class Sql:
    text: str
    parameters: tuple[str | None, ...] = ()

    def __add__(self, other: Sql) -> Sql:
        return Sql(self.text + other.text, self.parameters + other.parameters)


def join(parts: Sequence[Sql], separator: str) -> Sql:
    text = separator.join(part.text for part in parts)
    return Sql(text, tuple(value for part in parts for value in part.parameters))


def all_of(parts: Sequence[Sql]) -> Sql:
    return Sql("", ()) if not parts else Sql(" WHERE ") + join(parts, " AND ")


def quote(dialect: Dialect, name: str) -> str:
    opening, closing = dialect.quotes
    return opening + name.replace(closing, closing * 2) + closing


def derived(query: str, alias: str) -> str:
    """The operator's query as a table. The line break ends a comment on its last line."""
    return f"({query}\n) {alias}"


def bind(dialect: Dialect, column: QueryColumn) -> str:
    template = dialect.native_binds.get(column.native) or dialect.binds.get(column.kind, "?")
    if dialect.finer is not None and is_finer(column):
        template = dialect.finer.bind
    size = min(column.size or dialect.most_digits, dialect.most_digits)
    return template.replace("{size}", str(size)).replace("{scale}", str(column.scale))


def is_finer(column: QueryColumn) -> bool:
    """Whether the column keeps moments more finely than a microsecond."""
    return column.kind is Kind.TIMESTAMP and column.scale > MICROSECOND_DIGITS


def sent(dialect: Dialect, columns: Sequence[QueryColumn], values: Sequence[str]) -> tuple[str, ...]:
    """The texts of the columns' values as `bind` takes them."""
    return tuple(
        value.encode("utf-16-le", "surrogatepass").hex()
        if column.native in dialect.bound_as_utf16
        else _as_fine_as(column, value)
        for column, value in zip(columns, values, strict=True)
    )


def _as_fine_as(column: QueryColumn, value: str) -> str:
    """A key's moment has noughts behind the digits of its column, which a product may refuse."""
    whole, point, fraction = value.rpartition(".")
    if not (point and is_finer(column)) or fraction[column.scale :].strip("0"):
        return value
    return f"{whole}.{fraction[: column.scale]}"


def printed(dialect: Dialect, column: QueryColumn, alias: str) -> str:
    """The expression that hands over a column's values unchanged."""
    name = f"{alias}.{quote(dialect, column.name)}"
    template = dialect.native_projections.get(column.native)
    if template is None and not (dialect.pack and column.kind in dialect.own_text):
        template = dialect.projections.get(column.kind)
        if dialect.finer is not None and dialect.finer.projection and is_finer(column):
            template = dialect.finer.projection
    return template.replace("{scale}", str(column.scale)).replace("{c}", name) if template else name


def select(dialect: Dialect, items: Sequence[tuple[str, str]]) -> str:
    """`SELECT` with its list: each expression under its name, or all of them packed into one text."""
    if dialect.pack:
        packed = dialect.pack.replace("{items}", ", ".join(expression for expression, _ in items))
        return f"SELECT {packed} AS {quote(dialect, PACKED)}"
    return "SELECT " + ", ".join(f"{expression} AS {quote(dialect, name)}" for expression, name in items)


def compare(
    dialect: Dialect, columns: Sequence[QueryColumn], operator: str, values: Sequence[str], alias: str
) -> Sql:
    """`(a, b) operator (?, ?)` in row order; `operator` is one of > >= < <=."""
    names = [f"{alias}.{quote(dialect, column.name)}" for column in columns]
    binds = [bind(dialect, column) for column in columns]
    values = sent(dialect, columns, values)
    if len(columns) == 1:
        return Sql(f"{names[0]} {operator} {binds[0]}", values)
    if dialect.row_values:
        return Sql(f"({', '.join(names)}) {operator} ({', '.join(binds)})", values)
    strict = operator[0]
    condition = Sql(f"{names[-1]} {operator} {binds[-1]}", (values[-1],))
    for name, place, value in zip(names[-2::-1], binds[-2::-1], values[-2::-1], strict=True):
        condition = (
            Sql(f"({name} {strict} {place} OR ({name} = {place} AND ", (value, value)) + condition + Sql("))")
        )
    # Says again what already holds for the first column: without it no planner uses an index here.
    return Sql(f"{names[0]} {strict}= {binds[0]} AND ", (values[0],)) + condition


def one_of(
    dialect: Dialect, columns: Sequence[QueryColumn], keys: Sequence[Sequence[str]], alias: str
) -> Sql:
    names = [f"{alias}.{quote(dialect, column.name)}" for column in columns]
    binds = [bind(dialect, column) for column in columns]
    flat = tuple(value for key in keys for value in sent(dialect, columns, key))
    if len(columns) == 1:
        return Sql(f"{names[0]} IN ({', '.join(binds * len(keys))})", flat)
    each = "(" + " AND ".join(f"{n} = {b}" for n, b in zip(names, binds, strict=True)) + ")"
    return Sql(f"({' OR '.join([each] * len(keys))})", flat)


def in_window(dialect: Dialect, replication: QueryColumn, start: str, alias: str) -> Sql:
    name = f"{alias}.{quote(dialect, replication.name)}"
    return Sql(
        f"({name} >= {bind(dialect, replication)} OR {name} IS NULL)", sent(dialect, [replication], [start])
    )


def limited(dialect: Dialect, body: Sql, rows: int) -> Sql:
    """Limit a statement that begins with SELECT."""
    match dialect.limit:
        case Limit.LIMIT:
            return body + Sql(f" LIMIT {rows:d}")
        case Limit.FETCH_FIRST:
            return body + Sql(f" FETCH FIRST {rows:d} ROWS ONLY")
        case Limit.TOP:
            return Sql(f"SELECT TOP ({rows:d}) " + body.text.removeprefix("SELECT "), body.parameters)


def header_page(
    dialect: Dialect,
    stream: StreamShape,
    columns: Sequence[QueryColumn],
    where: Sequence[Sql],
    *,
    by_replication: bool,
    rows: int,
) -> Sql:
    order = ([stream.replication] if by_replication and stream.replication else []) + list(stream.key)
    items = select(dialect, [(printed(dialect, column, "h"), column.name) for column in columns])
    body = Sql(f"{items} FROM {derived(stream.query, 'h')}") + all_of(where)
    return limited(dialect, body + Sql(f" ORDER BY {_names(dialect, order, 'h')}"), rows)


def rows_by_key(dialect: Dialect, stream: StreamShape, keys: Sequence[Sequence[str]]) -> Sql:
    items = select(dialect, [(printed(dialect, column, "h"), column.name) for column in stream.columns])
    where = one_of(dialect, stream.key, keys, "h")
    return (
        Sql(f"{items} FROM {derived(stream.query, 'h')} WHERE ")
        + where
        + Sql(f" ORDER BY {_names(dialect, stream.key, 'h')}")
    )


def lines_of(
    dialect: Dialect, stream: StreamShape, lines: LineShape, where: Sequence[Sql], hint: Sql | None
) -> Sql:
    """The lines of exactly the headers that `where` chooses, each with its header's own key beside it.

    The source joins by its own rules of equality (case, padding, number formats), so a line finds its header by
    the header's key and not by how the line happens to spell it.
    """
    items = [(printed(dialect, column, "h"), helper_name(number)) for number, column in enumerate(stream.key)]
    items += [(printed(dialect, column, "l"), column.name) for column in lines.columns]
    chosen = f"(SELECT {_names(dialect, stream.key, 'h')} FROM {derived(stream.query, 'h')}"  # noqa: S608 - binds only
    on = " AND ".join(
        f"h.{quote(dialect, mine.name)} = l.{quote(dialect, theirs.name)}"
        for mine, theirs in zip(stream.key, lines.parent, strict=True)
    )
    order = [f"h.{quote(dialect, c.name)}" for c in stream.key]
    order += [f"l.{quote(dialect, name)}" for name in lines.order_by]
    return (
        Sql(f"{select(dialect, items)} FROM {chosen}")
        + all_of(where)
        + Sql(f") h INNER JOIN {derived(lines.query, 'l')} ON {on}")
        + (Sql(" WHERE ") + hint if hint else Sql(""))
        + Sql(f" ORDER BY {', '.join(order)}")
    )


def parent_range(
    dialect: Dialect, stream: StreamShape, lines: LineShape, first: Sequence[str], last: Sequence[str]
) -> Sql | None:
    """The page's key range repeated over the lines: an index on the parent is then walked only where it must be.

    Only the first key column, only where both sides order alike, else None: the join alone is right, only slower.
    """
    mine, theirs = stream.key[0], lines.parent[0]
    same_text = mine.kind is Kind.TEXT and mine.native != "" and mine.native == theirs.native
    if mine.kind is not theirs.kind or not (mine.kind in _ORDER_IS_UNIVERSAL or same_text):
        return None
    name = f"l.{quote(dialect, theirs.name)}"
    place = bind(dialect, theirs)
    return Sql(
        f"{name} >= {place} AND {name} <= {place}", sent(dialect, [theirs, theirs], [first[0], last[0]])
    )


def null_key_probe(dialect: Dialect, stream: StreamShape, where: Sequence[Sql]) -> Sql:
    nulls = " OR ".join(f"h.{quote(dialect, column.name)} IS NULL" for column in stream.key)
    body = Sql(f"SELECT 1 AS found FROM {derived(stream.query, 'h')}")  # noqa: S608 - binds only
    return limited(dialect, body + all_of([*where, Sql(f"({nulls})")]), 1)


def key_count(dialect: Dialect, stream: StreamShape, key: Sequence[str]) -> Sql:
    """How many rows the source itself takes for this key."""
    where = one_of(dialect, stream.key, [key], "h")
    return Sql(f"SELECT COUNT(*) AS n FROM {derived(stream.query, 'h')} WHERE ") + where  # noqa: S608 - binds only


def highest_mark(dialect: Dialect, stream: StreamShape, replication: QueryColumn) -> Sql:
    name = f"h.{quote(dialect, replication.name)}"
    body = Sql(
        f"SELECT {printed(dialect, replication, 'h')} FROM {derived(stream.query, 'h')} WHERE {name} IS NOT NULL"  # noqa: S608 - binds only
        f" ORDER BY {name} DESC"
    )
    return limited(dialect, body, 1)


def describe(query: str) -> Sql:
    return Sql(f"SELECT h.* FROM {derived(query, 'h')} WHERE 1 = 0")  # noqa: S608 - the operator's own query


def native_types(dialect: Dialect, query: str, names: Sequence[str]) -> Sql:
    items = ", ".join(dialect.native_type.replace("{c}", f"h.{quote(dialect, name)}") for name in names)
    return Sql(f"SELECT {items} FROM (SELECT 1 AS one) o LEFT JOIN {derived(query, 'h')} ON 1 = 0")  # noqa: S608


def helper_name(number: int) -> str:
    return f"{HELPER_PREFIX}k{number}"


def _names(dialect: Dialect, columns: Sequence[QueryColumn], alias: str) -> str:
    return ", ".join(f"{alias}.{quote(dialect, column.name)}" for column in columns)
