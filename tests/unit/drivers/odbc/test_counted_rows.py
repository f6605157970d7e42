"""How many rows a step met, where one statement has several answers."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.contract import OperationKind, StreamSpec
from drivers.odbc.composing import Scope
from drivers.odbc.dialects import SQLSERVER
from drivers.odbc.recipe_reader import read_writes
from drivers.odbc.transactions import Answer
from drivers.odbc.writing import _expect, _returned
from drivers.recipes.outcomes import Refusal

UPDATE = {"update": "po", "set": {"title": "title"}, "where": {"id": "key"}}
BY_SQL = {"sql": "update po set title = :title where id = :key", "expect_rows": 1, "absent_as_null": True}


def look(step: dict[str, Any], *counts: int) -> None:
    write = {"update": {"steps": [step]}}
    writes = read_writes(StreamSpec("s", "purchase_order", {"query": "select 1", "key": ["id"]}, write=write))
    recipe = writes.recipes[OperationKind.UPDATE]
    scope = Scope(
        writes=writes, recipe=recipe, record={}, idempotency_key="", key={"id": "1"}, dialect=SQLSERVER
    )
    _expect(recipe.steps[0], scope, [Answer((), (), count) for count in counts], counted=False)


@pytest.mark.parametrize("counts", [(1,), (2, 1), (1, -1)])
def test_a_record_that_was_met_is_met_whatever_its_triggers_count(counts: tuple[int, ...]) -> None:
    look(UPDATE, *counts)


def test_what_a_trigger_changed_is_not_taken_for_the_record() -> None:
    with pytest.raises(Refusal, match="no such record"):
        look(UPDATE, 1, 0)


def test_a_statement_of_several_parts_counts_by_its_largest() -> None:
    look(BY_SQL, 1, 0)


def given(*rows: tuple[Any, ...]) -> dict[str, Any]:
    step = {"insert": "po", "values": {"title": "title"}, "returns": ["Id"]}
    write = {"create": {"steps": [step]}}
    writes = read_writes(StreamSpec("s", "purchase_order", {"query": "select 1", "key": ["Id"]}, write=write))
    recipe = writes.recipes[OperationKind.CREATE]
    scope = Scope(writes=writes, recipe=recipe, record={}, idempotency_key="", key={}, dialect=SQLSERVER)
    return _returned(recipe.steps[0], scope, [Answer((), (), 1), Answer(("id",), rows, len(rows))])


def test_what_a_step_gives_back_is_of_one_row_and_never_of_the_first_of_several() -> None:
    """A trigger that inserts beside the record would give it another record's key."""
    assert given((7,)) == {"id": "7"}
    for rows in [(), ((7,), (8,))]:
        with pytest.raises(Refusal, match=f"{len(rows)} rows were met where 1 were expected"):
            given(*rows)
