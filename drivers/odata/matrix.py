"""Pure: the operation matrix of a stream's recipes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from drivers.contract import Operation, StreamSpec
from drivers.odata.edm import Model
from drivers.odata.recipe_reader import read_writes


def operations_of(stream: StreamSpec, model: Model, request_limit: timedelta) -> Iterator[Operation]:
    """Raises BadConfiguration or SourceChanged for a stream whose recipe is wrong.

    `request_limit`: how long a request may take; a system works on behind a line that broke.
    """
    writes = read_writes(stream, model)
    for recipe in writes.recipes.values():
        settles = None if recipe.find is None else max(writes.settles_after, request_limit)
        yield Operation(
            stream=stream.name,
            entity=stream.entity,
            kind=recipe.kind,
            required=recipe.required,
            fields=recipe.fields,
            any_of=recipe.any_of,
            updatable_in=recipe.updatable_in,
            statuses=tuple(recipe.statuses),
            effect_settles_after=settles,
        )
