"""The seam between the relay's SQL and the two engines that carry it out.

What the relay keeps is written as plain functions over `Sql`, in the SQL that SQLite and PostgreSQL share, and runs
in a transaction of an `Engine`. Placeholders are `?`, or `?1`, `?2` throughout a statement. docs/relay-store.md says
what the two share and how a table is added.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

T = TypeVar("T")

Value = str | int | bytes | None
Parameters = Sequence[Value]


REMEMBERED: Final = ("tenants", "tokens", "admin_keys", "eras")  # the tables that `Engine.recall` may read


class Sql(Protocol):
    """A transaction that is under way. A row is a tuple."""

    def execute(self, statement: str, parameters: Parameters = ()) -> list[Any]:
        """All rows that it gives: what may be many is asked for with a LIMIT."""
        ...

    def row(self, statement: str, parameters: Parameters = ()) -> Any | None:
        """The first row."""
        ...

    def value(self, statement: str, parameters: Parameters = ()) -> Any:
        """The first column of the first row; None without one."""
        ...

    def change(self, statement: str, parameters: Parameters = ()) -> int:
        """How many rows were inserted, updated or deleted."""
        ...

    def load(self, table: str, columns: Mapping[str, type[Any]], rows: Iterable[Parameters]) -> None:
        """Insert many rows as fast as the engine can; of each column it is said whether it is int, str or bytes."""
        ...

    def change_many(self, statement: str, rows: Iterable[Parameters]) -> None:
        """The same statement for each of the rows."""
        ...


class Engine(Protocol):
    """Transactions. Once begun, one goes to its end even when its caller is cancelled.

    `work` may be run again after a lost connection, so it changes nothing but the database.
    """

    async def read(self, work: Callable[[Sql], T]) -> T:
        """It sees one state throughout."""
        ...

    async def recall(self, name: Hashable, work: Callable[[Sql], T]) -> T:
        """`read` for what is asked for with every request and hardly ever changes, and is not to be changed by whoever
        gets it. An engine that alone can write answers from memory, until something of `REMEMBERED` is written.
        """
        ...

    async def write(self, work: Callable[[Sql], T]) -> T:
        """Durable on return. Writing transactions run one after the other, whichever relay they come from."""
        ...
