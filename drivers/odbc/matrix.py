"""Pure: the operation matrix of a stream's recipes, and a record held against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from drivers.contract import Message, Operation, OperationKind, StreamSpec
from drivers.odbc.recipe_reader import read_writes
from drivers.odbc.recipes import KEY, Recipe, Writes


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
    """What keeps the record from being written; the agent looks too, and here nothing is left to chance."""
    return [*_missing(record, recipe), *_unknown(record, recipe), *_unsettable(record, recipe)]


def _missing(record: Mapping[str, Any], recipe: Recipe) -> Iterator[Message]:
    if recipe.kind is not OperationKind.CREATE and _is_empty(record.get(KEY)):
        yield Message("the key of the record is needed", "required", KEY)
    for name in recipe.required:
        for place, holder, member in _holders(record, name):
            if _is_empty(holder.get(member)):
                yield Message(f"{place} is needed", "required", place)
    for group in recipe.any_of:
        first = [list(_holders(record, name)) for name in group]
        for alternatives in zip(*first, strict=True):
            if all(_is_empty(holder.get(member)) for _, holder, member in alternatives):
                names = " or ".join(place for place, _, _ in alternatives)
                yield Message(f"one of {names} is needed", "required", alternatives[0][0])


def _holders(record: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Each place where the field has to be: in the record, in each line that is given, in the object if there is one."""
    head, _, member = name.partition(".")
    if not member:
        yield name, record, name
        return
    held = record.get(head)
    if isinstance(held, Mapping):
        yield name, held, member
    elif isinstance(held, Sequence) and not isinstance(held, str):
        for index, line in enumerate(held):
            yield f"{head}[{index}].{member}", line if isinstance(line, Mapping) else {}, member


def _unknown(record: Mapping[str, Any], recipe: Recipe) -> Iterator[Message]:
    known = set(recipe.fields)
    for name, held in record.items():
        if name == KEY and recipe.kind is not OperationKind.CREATE:
            continue
        for place, leaf in _leaves(name, held):
            if leaf not in known:
                yield Message(f"{place} cannot be written", "not_writable", place)


def _leaves(name: str, held: Any) -> Iterator[tuple[str, str]]:
    if isinstance(held, Mapping):
        yield from ((f"{name}.{member}", f"{name}.{member}") for member in held)
    elif isinstance(held, Sequence) and not isinstance(held, str):
        for index, line in enumerate(held):
            members = line if isinstance(line, Mapping) else {"": None}
            yield from ((f"{name}[{index}].{member}", f"{name}.{member}") for member in members)
    else:
        yield name, name


def _unsettable(record: Mapping[str, Any], recipe: Recipe) -> Iterator[Message]:
    status = record.get("status")
    if recipe.kind is OperationKind.SET_STATUS and not _is_empty(status) and status not in recipe.statuses:
        yield Message(f"the status cannot be set to {str(status)[:64]!r}", "status_not_settable", "status")


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})
