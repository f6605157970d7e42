"""Pure: how a stream is written, as values, and what the agent is told of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta, tzinfo
from typing import Any, Generic, Protocol, TypeVar

from drivers import record_faults
from drivers.contract import Message, Operation, OperationKind, StreamSpec
from drivers.recipes.tables import Otherwise


class Conditional(Protocol):
    """What is carried out, or not: a step, or one call of a step."""

    @property
    def when(self) -> str | None: ...
    @property
    def unless(self) -> str | None: ...
    @property
    def names(self) -> Iterable[str]:
        """Every word that its values are made of."""
        ...


class Step(Conditional, Protocol):
    """What this room asks of a driver's step that runs for each line."""

    @property
    def for_each(self) -> str | None: ...
    @property
    def otherwise(self) -> Otherwise | None: ...


StepT_co = TypeVar("StepT_co", bound=Conditional, covariant=True)
FindT_co = TypeVar("FindT_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class Recipe(Generic[StepT_co, FindT_co]):
    """One operation of one stream."""

    kind: OperationKind
    where: str
    steps: tuple[StepT_co, ...]
    required: tuple[str, ...]
    any_of: tuple[tuple[str, ...], ...]
    fields: tuple[str, ...]
    updatable_in: Mapping[str, tuple[str, ...]]
    statuses: Mapping[str, Any]  # status: what the source calls it
    key: tuple[str, ...]  # of a create: the words that the new record's key is made of
    reference: str | None
    find: FindT_co | None  # how the effect of a command is looked up

    def faults_of(self, record: Mapping[str, Any]) -> list[Message]:
        """What keeps the record from being written."""
        return record_faults.faults_of(
            record,
            self.kind,
            required=self.required,
            any_of=self.any_of,
            fields=self.fields,
            statuses=self.statuses,
        )


RecipeT_co = TypeVar("RecipeT_co", bound=Recipe[Any, Any], covariant=True)


@dataclass(frozen=True, kw_only=True)
class Writes(Generic[RecipeT_co]):
    """All operations of one stream."""

    stream: str
    recipes: Mapping[OperationKind, RecipeT_co]
    keys: frozenset[str] = field(default_factory=frozenset)  # fields that hold another record's key
    zone: tzinfo = UTC  # in which moments are written that the source keeps without one
    settles_after: timedelta = timedelta(0)
    idempotency_key_length: int | None = None


def operations_of(
    stream: StreamSpec, recipes: Iterable[Recipe[Any, Any]], settles: Mapping[OperationKind, timedelta]
) -> Iterator[Operation]:
    """`settles`: how long after a call its effect may still appear; asked of recipes that can look it up."""
    for recipe in recipes:
        yield Operation(
            stream=stream.name,
            entity=stream.entity,
            kind=recipe.kind,
            required=recipe.required,
            fields=recipe.fields,
            any_of=recipe.any_of,
            updatable_in=recipe.updatable_in,
            statuses=tuple(recipe.statuses),
            effect_settles_after=None if recipe.find is None else settles[recipe.kind],
        )
