"""Pure: the operation matrix of a stream's recipes, and a record held against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from drivers import record_faults
from drivers.contract import Message, Operation, StreamSpec
from drivers.odbc.recipe_reader import read_writes
from drivers.odbc.recipes import Recipe, Writes


def operations_of(
    streams: Sequence[StreamSpec], query_limit: timedelta = timedelta(0)
) -> tuple[Operation, ...]:
    """Raises BadConfiguration for a stream whose recipe is wrong. `query_limit`: how long a statement may take."""
    return tuple(operation for stream in streams for operation in _of(stream, query_limit))


def _of(stream: StreamSpec, query_limit: timedelta) -> Iterator[Operation]:
    writes = read_writes(stream)
    for recipe in writes.recipes.values():
        yield Operation(
            stream=stream.name,
            entity=stream.entity,
            kind=recipe.kind,
            required=recipe.required,
            fields=recipe.fields,
            any_of=recipe.any_of,
            updatable_in=recipe.updatable_in,
            statuses=tuple(recipe.statuses),
            effect_settles_after=_settles_after(writes, recipe, query_limit),
        )


def _settles_after(writes: Writes, recipe: Recipe, query_limit: timedelta) -> timedelta | None:
    if recipe.find is None:
        return None
    # Without a connection the database works on, and a procedure that commits itself does so up to its time limit.
    return max(writes.settles_after, query_limit) if recipe.commits_itself else writes.settles_after


def faults_of(record: Mapping[str, Any], recipe: Recipe) -> list[Message]:
    """What keeps the record from being written."""
    return record_faults.faults_of(
        record,
        recipe.kind,
        required=recipe.required,
        any_of=recipe.any_of,
        fields=recipe.fields,
        statuses=recipe.statuses,
    )
