"""Changes that the database itself keeps account of: SQL Server's Change Tracking.

Each committed change has a version, given as it is committed, so that none can appear behind one that was read. For
how long changes are kept is limited. Before and after each page the oldest version is asked that changes are kept
from; where a read begins before it, or behind the newest version (the database was restored, or tracking was switched
off and on), nobody knows what changed. Then the read gives every row: the agent knows those that are as before by
their hashes, and finds deletions by comparing keys, which it does anyway.

Source: Microsoft Learn, "Work with Change Tracking (SQL Server)" and "CHANGETABLE (Transact-SQL)".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from drivers.contract import BadConfiguration, Mark, MarkKind, NotPermitted, ReadRequest, SourceChanged
from drivers.odbc import queries
from drivers.odbc.dialects import ChangeTracking, Dialect
from drivers.odbc.queries import HELPER_PREFIX, Sql
from drivers.odbc.shape import Kind, QueryColumn, StreamShape
from drivers.odbc.statements import table_name

VERSION: Final = QueryColumn(f"{HELPER_PREFIX}version", Kind.INTEGER, "bigint")
_log: Final = logging.getLogger(__name__)

Ask = Callable[[Sql, str], Any]  # a statement of one row and one column, and its place -> the value


@dataclass(frozen=True, slots=True)
class TrackedTables:
    """The tables whose changes count as changes of a stream's records."""

    where: str
    tables: tuple[tuple[str, tuple[str, ...]], ...]  # name, its columns that hold the stream's key
    means: ChangeTracking

    def current(self, ask: Ask) -> int:
        found = ask(Sql(self.means.current), self.where)
        if found is None:
            raise SourceChanged(
                "change tracking is not switched on in this database",
                where=self.where,
                hint="ALTER DATABASE ... SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 7 DAYS, AUTO_CLEANUP = ON).",
            )
        return int(found)

    def oldest(self, ask: Ask) -> int:
        """The version that every table keeps all changes behind. Raises where one keeps none, or may not be asked."""
        found = []
        for name, _ in self.tables:
            version = ask(Sql(self.means.oldest, (name,)), self.where)
            if version is None:
                raise NotPermitted(
                    f"the changes of {name} are not tracked, or the account may not see them",
                    where=f"{self.where}.{name}",
                    hint=f"ALTER TABLE {name} ENABLE CHANGE_TRACKING; GRANT VIEW CHANGE TRACKING ON {name} TO the account.",
                )
            found.append(int(version))
        return max(found)


def tracked_tables(dialect: Dialect, shape: StreamShape) -> TrackedTables | None:
    """None: the stream does not say so. Raises BadConfiguration."""
    given = shape.options.change_tracking
    if not given:
        return None
    where = f"streams.{shape.name}.read.change_tracking"
    if dialect.tracking is None:
        raise BadConfiguration(
            f"{dialect.name} keeps no account of changes that this driver could ask",
            where=where,
            hint="Name a replication_key, or leave both out and have the stream compared in full.",
        )
    for name in given:
        table_name(name, where=f"{where}.{name}")
    return TrackedTables(where, tuple(given.items()), dialect.tracking)


class TrackedRead:
    """One read of changes."""

    def __init__(
        self, dialect: Dialect, shape: StreamShape, tables: TrackedTables, request: ReadRequest
    ) -> None:
        self._dialect = dialect
        self._shape = replace(
            shape,
            columns=(*shape.columns, VERSION),
            replication=VERSION,
            mark_kind=MarkKind.INTEGER,
        )
        self._query, self._columns = shape.query, shape.columns
        self._tables = tables
        self._start = _version(request.start)
        self._end = max(_version(request.end) or 0, self._start or 0)
        self._forgotten = False

    def go_on_behind(self, version: str) -> None:
        """Resume a read that was cut short. One that gave every row stands at its end's version, and goes on with them."""
        self._forgotten = version == str(self._end)

    def since(self, ask: Ask) -> int | None:
        """Behind which version the changes of this read are all kept; None: they are not any more."""
        if self._start is None or self._forgotten:  # once every row is read, to the end of this read
            return None
        oldest, current = self._tables.oldest(ask), self._tables.current(ask)
        if oldest <= self._start <= current:
            return max(self._start - 1, oldest)
        self._forgotten = True
        _log.warning(
            "stream %s: changes are asked from version %d on, and the source keeps those from %d to %d:"
            " every row is read again",
            self._shape.name,
            self._start,
            oldest,
            current,
        )
        return None

    def shape(self, since: int | None) -> StreamShape:
        """The stream with the version of each record's newest change; without `since` every row, as if changed last."""
        own = ", ".join(f"q.{queries.quote(self._dialect, column.name)}" for column in self._columns)
        version = queries.quote(self._dialect, VERSION.name)
        rows = queries.derived(self._query, "q")
        if since is None:
            number = queries.bind(self._dialect, VERSION).replace("?", f"'{self._end:d}'")
            return replace(self._shape, query=f"SELECT {own}, {number} AS {version} FROM {rows}")  # noqa: S608
        return replace(
            self._shape,
            query=f"SELECT {own}, c.{version} FROM {rows} INNER JOIN ({self._changes(since)}) c ON "  # noqa: S608
            + " AND ".join(
                f"q.{queries.quote(self._dialect, column.name)} = c.{queries.helper_name(number)}"
                for number, column in enumerate(self._shape.key)
            ),
        )

    def _changes(self, since: int) -> str:
        """Key and newest version of every record of which something changed, lines that were deleted among it."""
        names = [queries.helper_name(number) for number in range(len(self._shape.key))]
        version = queries.quote(self._dialect, VERSION.name)
        means = self._tables.means
        parts = []
        for number, (table, columns) in enumerate(self._tables.tables):
            source = means.changes.replace("{table}", table).replace("{since}", str(since))
            alias = f"t{number}"
            keys = _keys(self._dialect, alias, columns, names)
            parts.append(f"SELECT {keys}, {alias}.{means.version} AS v FROM {source} AS {alias}")  # noqa: S608
        listed = ", ".join(f"u.{name}" for name in names)
        return (
            f"SELECT {listed}, MAX(u.v) AS {version} FROM ({' UNION ALL '.join(parts)}) u GROUP BY {listed}"  # noqa: S608
        )


def _version(mark: Mark | None) -> int | None:
    """None too for a mark of another kind, which the reader refuses in its own words."""
    return int(mark.value) if mark is not None and mark.kind is MarkKind.INTEGER else None


def _keys(dialect: Dialect, alias: str, columns: Sequence[str], names: Sequence[str]) -> str:
    return ", ".join(
        f"{alias}.{queries.quote(dialect, column)} AS {name}"
        for column, name in zip(columns, names, strict=True)
    )
