"""Pure: the operation matrix of the streams' recipes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from drivers.contract import Operation, StreamSpec
from drivers.odbc.recipe_reader import read_writes
from drivers.recipes import recipe


def operations_of(
    streams: Sequence[StreamSpec], query_limit: timedelta = timedelta(0)
) -> tuple[Operation, ...]:
    """Raises BadConfiguration for a stream whose recipe is wrong. `query_limit`: how long a statement may take."""
    found: list[Operation] = []
    for stream in streams:
        writes = read_writes(stream)
        # Without a connection the database works on, and a procedure that commits itself does so up to its time limit.
        late = max(writes.settles_after, query_limit)
        settles = {
            kind: late if each.commits_itself else writes.settles_after
            for kind, each in writes.recipes.items()
        }
        found += recipe.operations_of(stream, writes.recipes.values(), settles)
    return tuple(found)
