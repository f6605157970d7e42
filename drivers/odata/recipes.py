"""How a stream is written, as values; `recipe_reader` makes them from `[streams.NAME.write]` and the service's model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta, tzinfo
from enum import StrEnum
from typing import Any, Final

from drivers.contract import OperationKind
from drivers.odata.edm import Parameter, Property, Routine
from drivers.odata.write_options import Otherwise

IDEMPOTENCY_KEY: Final = "idempotencyKey"
KEY: Final = "key"
RESULT: Final = "result"  # result.PROPERTY: of the record that an earlier step's answer holds
LINE: Final = "line"
LINE_NUMBER: Final = "line.number"  # inside for_each: 1, 2, 3 ...
RESERVED: Final = frozenset({KEY, IDEMPOTENCY_KEY, RESULT, LINE})


class Form(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A property (or a parameter of a call) and the value it gets or is compared with."""

    target: Property | Parameter
    name: str = ""  # a field, or one of the driver's own words; empty: the constant
    constant: Any = None


@dataclass(frozen=True, slots=True)
class Lines:
    navigation: str
    for_each: str | None  # None: one line, made of the fields of what it lies in
    values: tuple[Assignment, ...]
    when: str | None = None
    below: tuple[Lines, ...] = ()

    @property
    def names(self) -> Iterator[str]:
        yield from (each.name for each in self.values if each.name)
        if self.when is not None:
            yield self.when
        for each in self.below:
            yield from each.names


@dataclass(frozen=True, slots=True)
class Step:
    where: str  # its place in the connection file
    form: Form
    entity_set: str = ""
    routine: Routine | None = None
    values: tuple[Assignment, ...] = ()
    conditions: tuple[Assignment, ...] = ()
    lines: tuple[Lines, ...] = ()
    for_each: str | None = None
    when: str | None = None
    unless: str | None = None
    status: str | None = None
    method: str = "PATCH"
    otherwise: Otherwise | None = None

    @property
    def names(self) -> Iterator[str]:
        """Every word that the step uses."""
        yield from (each.name for each in (*self.values, *self.conditions) if each.name)
        for lines in self.lines:
            yield from lines.names


@dataclass(frozen=True, slots=True)
class Recipe:
    """One operation of one stream."""

    kind: OperationKind
    where: str
    steps: tuple[Step, ...]
    required: tuple[str, ...]
    any_of: tuple[tuple[str, ...], ...]
    fields: tuple[str, ...]
    updatable_in: Mapping[str, tuple[str, ...]]
    statuses: Mapping[str, Any]  # status: what the source calls it
    key: tuple[str, ...]
    reference: str | None
    find: str | None
    separately: bool


@dataclass(frozen=True, slots=True)
class Writes:
    """All operations of one stream."""

    stream: str
    entity_set: str
    key: tuple[Property, ...]
    recipes: Mapping[OperationKind, Recipe]
    keys: frozenset[str] = field(default_factory=frozenset)
    zone: tzinfo = UTC
    settles_after: timedelta = timedelta(0)
    idempotency_key_length: int | None = None


def field_of(name: str, keys: frozenset[str]) -> str | None:
    """The unified field that a word stands for; None for the driver's own."""
    if name.partition(".")[0] in RESERVED:
        return None
    base, _, number = name.rpartition(".")
    return base if number.isdigit() and base in keys else name
