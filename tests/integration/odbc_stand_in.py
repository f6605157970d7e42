"""SQLite in the place of SQL Server: what its Change Tracking and its rowversions promise, kept by triggers and tables.

The driver's own statements run against it, with another product's words for the four things that it asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from agent.sync.cursor import Checkpoint, PassKind
from agent.sync.window import WindowSettings, next_pass
from drivers.contract import ReadMode, ReadRequest, StreamSpec
from drivers.odbc.dialects import SQLITE, ChangeTracking
from drivers.odbc.driver import OdbcDriver
from tests.integration.odbc_sources import Source

_NONE = timedelta(0)
TRACKED = replace(
    SQLITE,
    consistent=False,  # as SQL Server without snapshots
    tracking=ChangeTracking(
        current="SELECT current FROM ct_state",
        oldest="SELECT oldest FROM ct_tables WHERE name = ?",
        changes="(SELECT * FROM ct_{table} WHERE SYS_CHANGE_VERSION > {since})",
        version="SYS_CHANGE_VERSION",
    ),
)
ROWVERSIONS = replace(SQLITE, consistent=False, safe_rowversion="safe FROM rv_state")
ORDERS = StreamSpec(
    "orders",
    "purchase_order",
    {
        "query": "select id, vendor from orders",
        "key": ["id"],
        "change_tracking": {"orders": ["id"], "lines": ["order_id"]},
        "lines": {
            "lines": {
                "query": "select order_id, no, qty from lines",
                "parent": ["order_id"],
                "order_by": ["no"],
            }
        },
    },
)


class TrackedBook:
    """Orders with lines, whose changes are kept as Change Tracking keeps them: a version for each commit."""

    def __init__(self, source: Source) -> None:
        self._connection = source.connect()
        for statement in (
            "create table orders (id integer primary key, vendor text)",
            "create table lines (order_id integer, no integer, qty text, primary key (order_id, no))",
            "create table ct_state (current integer)",
            "insert into ct_state values (0)",
            "create table ct_tables (name text, oldest integer)",
            "insert into ct_tables values ('orders', 0), ('lines', 0)",
            "create table ct_orders (id integer primary key, SYS_CHANGE_VERSION integer, SYS_CHANGE_OPERATION text)",
            "create table ct_lines (order_id integer, no integer, SYS_CHANGE_VERSION integer, SYS_CHANGE_OPERATION text, primary key (order_id, no))",
            *_triggers("orders", ("id",)),
            *_triggers("lines", ("order_id", "no")),
        ):
            self._connection.execute(statement)

    @contextmanager
    def commit(self) -> Iterator[Any]:
        """A transaction: what is done in it has the next version."""
        self._connection.autocommit = False
        yield self._connection
        self._connection.execute("update ct_state set current = current + 1")
        self._connection.commit()
        self._connection.autocommit = True

    def clean_up(self, before: int) -> None:
        """Forget the changes up to this version, as the retention does."""
        with_names = "delete from ct_{} where SYS_CHANGE_VERSION <= ?"
        for name in ("orders", "lines"):
            self._connection.execute(with_names.format(name), before)
        self._connection.execute("update ct_tables set oldest = max(oldest, ?)", before)

    def restore(self) -> None:
        """The database comes back from a backup: its versions are those of then."""
        self._connection.execute("update ct_state set current = 1")
        self.clean_up(10**6)
        self._connection.execute("update ct_tables set oldest = 0")

    def content(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        rows = self._connection.execute("select id, vendor from orders").fetchall()
        return {
            str(row[0]): (
                row[1],
                tuple(
                    each[0]
                    for each in self._connection.execute(
                        "select qty from lines where order_id = ? order by no", row[0]
                    ).fetchall()
                ),
            )
            for row in rows
        }

    def close(self) -> None:
        self._connection.close()


def _triggers(table: str, key: tuple[str, ...]) -> Iterator[str]:
    for operation, row in (("insert", "new"), ("update", "new"), ("delete", "old")):
        values = ", ".join(f"{row}.{column}" for column in key)
        yield (
            f"create trigger {table}_{operation} after {operation} on {table} begin"
            f" insert or replace into ct_{table} values ({values}, (select current + 1 from ct_state),"
            f" '{operation[0].upper()}'); end"
        )


@dataclass
class Follower:
    """What the agent makes of a driver's pages: the newest row of each key, and where the next pass begins."""

    driver: OdbcDriver
    stream: StreamSpec
    page_rows: int = 3

    def __post_init__(self) -> None:
        self.checkpoint = Checkpoint()
        self.held: dict[str, Mapping[str, Any]] = {}
        self.read = 0  # rows in the last pass

    async def sync(self) -> PassKind:
        signpost = await self.driver.signpost(self.stream)
        settings = WindowSettings(None, overlap=_NONE, lag=_NONE)
        step = next_pass(self.checkpoint, signpost, settings)
        self.read = 0
        request = ReadRequest(
            self.stream, step.mode, step.start, step.end, after=step.cursor, page_rows=self.page_rows
        )
        async for page in self.driver.read(request):
            self.read += page.table.num_rows
            for row in page.table.to_pylist():
                self.held[row.pop("__key")] = row
        self.checkpoint = self.checkpoint.completed(step)
        return step.kind

    async def compare_keys(self) -> None:
        there = set()
        async for page in self.driver.read(ReadRequest(self.stream, ReadMode.KEYS)):
            there |= set(page.table.column("__key").to_pylist())
        self.held = {key: row for key, row in self.held.items() if key in there}
