"""Primary and foreign keys of all tables at once, for products whose catalogue is known.

ODBC tells them table by table, which took a tenth of a second each where a server builds its answer anew every time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from drivers.contract import DriverError
from drivers.odbc.dialects import Dialect
from drivers.odbc.queries import Sql
from drivers.odbc.session import Session

Place = tuple[str, str]  # schema, or database where there are no schemas, and table

# schema, table, column, its place in the key
_PRIMARY: Final[Mapping[str, str]] = {
    "mariadb": "SELECT table_schema, table_name, column_name, ordinal_position"
    " FROM information_schema.key_column_usage WHERE constraint_name = 'PRIMARY' AND table_schema = DATABASE()",
    "postgresql": "SELECT n.nspname, c.relname, a.attname, k.place FROM pg_constraint o"
    " JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " CROSS JOIN LATERAL unnest(o.conkey) WITH ORDINALITY AS k(number, place)"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number WHERE o.contype = 'p'",
    "sqlserver": "SELECT s.name, t.name, c.name, x.key_ordinal FROM sys.tables t"
    " JOIN sys.schemas s ON s.schema_id = t.schema_id"
    " JOIN sys.indexes i ON i.object_id = t.object_id AND i.is_primary_key = 1"
    " JOIN sys.index_columns x ON x.object_id = i.object_id AND x.index_id = i.index_id AND x.key_ordinal > 0"
    " JOIN sys.columns c ON c.object_id = x.object_id AND c.column_id = x.column_id",
}
# constraint, schema, table, column, its place, and schema, table and column that it refers to
_FOREIGN: Final[Mapping[str, str]] = {
    "mariadb": "SELECT constraint_name, table_schema, table_name, column_name, ordinal_position,"
    " referenced_table_schema, referenced_table_name, referenced_column_name FROM information_schema.key_column_usage"
    " WHERE referenced_table_name IS NOT NULL AND table_schema = DATABASE()",
    "postgresql": "SELECT o.conname, n.nspname, c.relname, a.attname, k.place, m.nspname, d.relname, b.attname"
    " FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_class d ON d.oid = o.confrelid JOIN pg_namespace m ON m.oid = d.relnamespace"
    " CROSS JOIN LATERAL unnest(o.conkey, o.confkey) WITH ORDINALITY AS k(mine, theirs, place)"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.mine"
    " JOIN pg_attribute b ON b.attrelid = d.oid AND b.attnum = k.theirs WHERE o.contype = 'f'",
    "sqlserver": "SELECT f.name, s.name, t.name, c.name, k.constraint_column_id, r.name, u.name, d.name"
    " FROM sys.foreign_keys f JOIN sys.foreign_key_columns k ON k.constraint_object_id = f.object_id"
    " JOIN sys.tables t ON t.object_id = f.parent_object_id JOIN sys.schemas s ON s.schema_id = t.schema_id"
    " JOIN sys.columns c ON c.object_id = k.parent_object_id AND c.column_id = k.parent_column_id"
    " JOIN sys.tables u ON u.object_id = f.referenced_object_id JOIN sys.schemas r ON r.schema_id = u.schema_id"
    " JOIN sys.columns d ON d.object_id = k.referenced_object_id AND d.column_id = k.referenced_column_id",
}
_FAMILY: Final = {"mysql": "mariadb"}


@dataclass(frozen=True, slots=True)
class Reference:
    """One foreign key of a table."""

    columns: tuple[str, ...]
    target: Place
    target_columns: tuple[str, ...]


@dataclass(slots=True)
class Constraints:
    keys: Mapping[Place, tuple[str, ...]] = field(default_factory=dict)
    references: Mapping[Place, Sequence[Reference]] = field(default_factory=dict)


def all_constraints(session: Session, dialect: Dialect, where: str) -> Constraints | None:
    """None: the product's catalogue is not known, or does not answer this account."""
    family = _FAMILY.get(dialect.name, dialect.name)
    if family not in _PRIMARY:
        return None
    try:
        return Constraints(
            keys_of(session.rows(Sql(_PRIMARY[family]), where=where)),
            references_of(session.rows(Sql(_FOREIGN[family]), where=where)),
        )
    except DriverError:
        return None


def keys_of(rows: Iterable[Sequence[Any]]) -> dict[Place, tuple[str, ...]]:
    parts: dict[Place, list[tuple[int, str]]] = defaultdict(list)
    for schema, table, column, place in rows:
        parts[str(schema), str(table)].append((int(place), str(column)))
    return {table: tuple(column for _, column in sorted(each)) for table, each in parts.items()}


def references_of(rows: Iterable[Sequence[Any]]) -> dict[Place, list[Reference]]:
    parts: dict[tuple[str, Place, Place], list[tuple[int, str, str]]] = defaultdict(list)
    for name, schema, table, column, place, to_schema, to_table, to_column in rows:
        of = (str(name), (str(schema), str(table)), (str(to_schema), str(to_table)))
        parts[of].append((int(place), str(column), str(to_column)))
    found: dict[Place, list[Reference]] = defaultdict(list)
    for (_, table, target), each in sorted(parts.items()):
        each.sort()
        found[table].append(
            Reference(tuple(mine for _, mine, _ in each), target, tuple(theirs for _, _, theirs in each))
        )
    return dict(found)
