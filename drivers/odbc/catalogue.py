"""What is there: tables, columns, keys, row estimates, and which column looks as if it ordered changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from drivers.contract import Catalogue, Column, DriverError, ForeignKey, Table
from drivers.odbc.constraints import Constraints, Place, Reference, all_constraints
from drivers.odbc.dialects import Dialect
from drivers.odbc.native import load_pyodbc
from drivers.odbc.queries import Sql, quote
from drivers.odbc.session import Session

_Named = tuple[str | None, str | None, str]  # catalogue, schema and table, as the ODBC driver names them

COLUMNS_AT_ONCE: Final = 2_000
MAX_TABLES: Final = 5_000  # an ERP has thousands; more than this helps nobody who reads a list
_WHERE: Final = "discover"
_SYSTEM_SCHEMAS: Final = frozenset(
    {"information_schema", "pg_catalog", "pg_toast", "sys", "mysql", "performance_schema", "xdb", "system"}
)
_CHANGE_NAMES: Final = (
    "rowversion", "systemmodifiedat", "lastmodifieddatetime", "modifieddatetime", "modifieddate", "modified_at",
    "updated_at", "last_modified", "lastmodifieddate", "dex_row_ts", "changed_at", "updatedat", "changed", "modified",
    "update_date", "updated", "timestamp",
)  # fmt: skip
_CHANGE_TYPES: Final = ("timestamp", "datetime", "rowversion", "date")
# Names that tables do have and that some product takes for a word of its own.
_WORDS: Final = frozenset(
    {
        "all", "and", "any", "as", "asc", "begin", "between", "by", "case", "check", "column", "constraint",
        "create", "cross", "current", "cursor", "database", "default", "delete", "desc", "distinct", "drop",
        "else", "end", "except", "exists", "explain", "fetch", "file", "for", "foreign", "from", "full",
        "function", "global", "grant", "group", "groups", "having", "in", "index", "inner", "insert",
        "interval", "into", "is", "join", "key", "keys", "kill", "left", "level", "like", "limit", "lock",
        "match", "natural", "not", "null", "number", "offset", "on", "option", "or", "order", "outer",
        "partition", "plan", "primary", "procedure", "range", "rank", "references", "release", "return",
        "right", "role", "row", "rows", "schema", "select", "session", "set", "table", "then", "to", "top",
        "transaction", "trigger", "true", "union", "unique", "update", "usage", "use", "user", "using",
        "values", "view", "when", "where", "with",
    }
)  # fmt: skip

# Row counts that the source keeps anyway; asking for exact ones would read every table.
_ESTIMATES: Final = {
    "postgresql": "SELECT n.nspname, c.relname, CAST(c.reltuples AS bigint) FROM pg_class c"
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND c.reltuples >= 0",
    "mariadb": "SELECT table_schema, table_name, table_rows FROM information_schema.tables WHERE table_rows IS NOT NULL",
    "mysql": "SELECT table_schema, table_name, table_rows FROM information_schema.tables WHERE table_rows IS NOT NULL",
    "sqlserver": "SELECT s.name, t.name, SUM(p.rows) FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id"
    " JOIN sys.partitions p ON p.object_id = t.object_id AND p.index_id IN (0, 1) GROUP BY s.name, t.name",
}


def discover(session: Session) -> Catalogue:
    dialect = session.dialect
    estimates = _estimates(session, dialect)
    told = all_constraints(session, dialect, _WHERE)
    return session.use(lambda connection: _read(connection, dialect, estimates, told), where=_WHERE)


def probable_replication_key(columns: Sequence[Column]) -> str | None:
    """The column that by name and type most probably orders changes; a guess for a person to confirm."""
    fitting = {
        column.name.lower().replace(" ", ""): column.name
        for column in columns
        if column.type.lower().startswith(_CHANGE_TYPES)
    }
    return next((fitting[name] for name in _CHANGE_NAMES if name in fitting), None)


def _read(
    connection: Any, dialect: Dialect, estimates: dict[Place, int], told: Constraints | None
) -> Catalogue:
    cursor = connection.cursor()
    own = str(connection.getinfo(load_pyodbc().SQL_DATABASE_NAME) or "")
    found = [
        (row[0], row[1], row[2])
        for row in cursor.tables().fetchall()
        if str(row[3]).upper() in {"TABLE", "VIEW", "BASE TABLE"}
        and not _is_system(row[0], row[1])
        and _is_of(own, row[0])
    ][:MAX_TABLES]
    columns = _columns_of_all(cursor, own, found) if told is not None else {}
    return Catalogue(
        tuple(
            _table(cursor, dialect, each, columns.get(each) or _columns_of(cursor, each), told, estimates)
            for each in found
        )
    )


def _table(
    cursor: Any,
    dialect: Dialect,
    named: _Named,
    columns: tuple[Column, ...],
    told: Constraints | None,
    estimates: dict[Place, int],
) -> Table:
    catalog, schema, name = named
    place = (schema or catalog or "", name)
    return Table(
        name=_qualified(dialect, catalog, schema, name),
        columns=columns,
        key=_key(cursor, catalog, schema, name) if told is None else told.keys.get(place, ()),
        rows=estimates.get(place),
        replication_key=probable_replication_key(columns),
        foreign_keys=_foreign_keys(cursor, dialect, catalog, schema, name)
        if told is None
        else _references(dialect, told.references.get(place, ())),
    )


def _columns_of_all(cursor: Any, own: str, wanted: Sequence[_Named]) -> dict[_Named, tuple[Column, ...]]:
    """In one question: a server that builds its answer for each table anew takes minutes for thousands of them."""
    numbered: dict[_Named, list[tuple[int, Column]]] = {each: [] for each in wanted}
    cursor.columns(catalog=own or None)
    while rows := cursor.fetchmany(COLUMNS_AT_ONCE):
        for row in rows:
            of = numbered.get((row[0], row[1], row[2]))
            if of is not None:
                of.append(_numbered(row))
    return {each: _in_order(of) for each, of in numbered.items()}


def _columns_of(cursor: Any, named: _Named) -> tuple[Column, ...]:
    catalog, schema, name = named
    rows = cursor.columns(table=name, catalog=catalog or None, schema=schema or None).fetchall()
    return _in_order([_numbered(row) for row in rows if row[2] == name and (row[1] or "") == (schema or "")])


def _numbered(row: Any) -> tuple[int, Column]:
    return int(row[16] or 0), Column(row[3], _type(row), nullable=row[10] != 0)


def _in_order(numbered: list[tuple[int, Column]]) -> tuple[Column, ...]:
    return tuple(column for _, column in sorted(numbered, key=lambda each: each[0]))


def _references(dialect: Dialect, references: Sequence[Reference]) -> tuple[ForeignKey, ...]:
    by_schemas = dialect.name not in {"mariadb", "mysql"}
    return tuple(
        ForeignKey(
            each.columns,
            _qualified(
                dialect,
                None if by_schemas else each.target[0],
                each.target[0] if by_schemas else None,
                each.target[1],
            ),
            each.target_columns,
        )
        for each in references
    )


def _key(cursor: Any, catalog: str | None, schema: str | None, name: str) -> tuple[str, ...]:
    parts: dict[int, str] = defaultdict(str)
    for row in cursor.primaryKeys(table=name, catalog=catalog or None, schema=schema or None).fetchall():
        parts[int(row[4])] = str(row[3])
    return tuple(parts[number] for number in sorted(parts))


def _foreign_keys(
    cursor: Any, dialect: Dialect, catalog: str | None, schema: str | None, name: str
) -> tuple[ForeignKey, ...]:
    """None where the ODBC driver has no word for them."""
    try:
        rows = cursor.foreignKeys(
            foreignTable=name, foreignCatalog=catalog or None, foreignSchema=schema or None
        ).fetchall()
    except load_pyodbc().Error:
        return ()
    parts: dict[tuple[str, str], list[tuple[int, str, str]]] = defaultdict(list)
    for row in rows:
        target = _qualified(dialect, row[0], row[1], str(row[2]))
        parts[str(row[11] or ""), target].append((int(row[8]), str(row[7]), str(row[3])))
    return tuple(
        ForeignKey(
            tuple(mine for _, mine, _ in sorted(each)), target, tuple(theirs for _, _, theirs in sorted(each))
        )
        for (_, target), each in sorted(parts.items())
    )


def _type(row: Any) -> str:
    word, size, digits = str(row[5]), row[6], row[8]
    if word.lower() in {"numeric", "decimal"} and size:
        return f"{word}({size},{digits or 0})"
    if word.lower() in {"varchar", "nvarchar", "char", "nchar", "bpchar", "character varying"} and size:
        return f"{word}({size})"
    return word


def _is_system(catalog: str | None, schema: str | None) -> bool:
    return (schema or "").lower() in _SYSTEM_SCHEMAS or (
        not schema and (catalog or "").lower() in _SYSTEM_SCHEMAS
    )


def _is_of(own: str, catalog: str | None) -> bool:
    """Some products list every database that the account may see, others only the one it is connected to."""
    return not own or not catalog or catalog.casefold() == own.casefold()


def _qualified(dialect: Dialect, catalog: str | None, schema: str | None, name: str) -> str:
    place = schema or (catalog if dialect.name in {"mariadb", "mysql"} else None)
    parts = [place, name] if place else [name]
    return ".".join(part if _is_plain(part, dialect) else quote(dialect, part) for part in parts)


def _is_plain(name: str, dialect: Dialect) -> bool:
    """Whether the name stands in a query as it is: no word of SQL, and no letter that the product would fold."""
    plain = name.isidentifier() and name.isascii() and name.lower() not in _WORDS
    folded = {"lower": name.lower(), "upper": name.upper()}.get(dialect.folds, name)
    return plain and name == folded


def _estimates(session: Session, dialect: Dialect) -> dict[Place, int]:
    query = _ESTIMATES.get(dialect.name)
    if query is None:
        return {}
    try:
        return {(str(r[0]), str(r[1])): int(r[2]) for r in session.rows(Sql(query), where=_WHERE)}
    except DriverError:
        return {}  # an account without the right to see statistics still sees its tables
