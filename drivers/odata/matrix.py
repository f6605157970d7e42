"""Pure: the operation matrix of a stream's recipes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from drivers.contract import Operation, StreamSpec
from drivers.odata.edm import Model
from drivers.odata.recipe_reader import read_writes
from drivers.recipes import recipe


def operations_of(stream: StreamSpec, model: Model, request_limit: timedelta) -> Iterator[Operation]:
    """Raises BadConfiguration or SourceChanged for a stream whose recipe is wrong.

    `request_limit`: how long a request may take; a system works on behind a line that broke.
    """
    writes = read_writes(stream, model)
    settles = dict.fromkeys(writes.recipes, max(writes.settles_after, request_limit))
    return recipe.operations_of(stream, writes.recipes.values(), settles)
