"""An answer that no library can read, to a step that was carried out."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.contract import MarkKind, OperationKind, Outcome, OutcomeStatus, SourceChanged, StreamSpec
from drivers.odbc.composing import Scope
from drivers.odbc.dialects import POSTGRESQL
from drivers.odbc.driver import _in_thread
from drivers.odbc.positions import mark_of
from drivers.odbc.recipe_reader import read_writes
from drivers.odbc.writing import Writer

STEP = {"sql": "select id from place(:vendorKey)", "returns": ["id"]}


class Database:
    """One connection, whose first statement is answered and whose second is not to be read."""

    dialect = POSTGRESQL
    secrets = ()

    def __init__(self) -> None:
        self.rowcount = -1
        self.description = (("one",),)
        self.statements: list[str] = []

    def open_writing(self) -> Any:
        return self

    def execute(self, text: str, *_parameters: Any) -> Any:
        self.statements.append(text)
        if text.startswith("select id"):
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
        return self

    def fetchmany(self, _count: int) -> list[Any]:
        return []

    def nextset(self) -> bool:
        return False

    def rollback(self) -> None: ...

    def close(self) -> None: ...


def carried_out(*, commits_itself: bool) -> Outcome:
    write = {"create": {"steps": [STEP], "commits_itself": commits_itself}}
    writes = read_writes(StreamSpec("s", "purchase_order", {"query": "select 1", "key": ["id"]}, write=write))
    recipe = writes.recipes[OperationKind.CREATE]
    database: Any = Database()
    scope = Scope(
        writes=writes, recipe=recipe, record={"vendorKey": "V"}, idempotency_key="c", dialect=POSTGRESQL
    )
    return Writer(database)._carry_out(scope, {}, recipe)


def test_what_committed_by_itself_is_not_told_as_undone() -> None:
    assert carried_out(commits_itself=True).status is OutcomeStatus.IN_DOUBT


def test_what_was_rolled_back_is_an_error_that_says_so() -> None:
    with pytest.raises(UnicodeError):
        carried_out(commits_itself=False)


async def test_a_replication_key_that_is_no_number_is_a_change_of_the_source_and_no_crash() -> None:
    with pytest.raises(SourceChanged, match="cannot be understood"):
        await _in_thread(mark_of, "5.50", MarkKind.INTEGER)
