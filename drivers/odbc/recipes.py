"""How a stream is written, as values; `recipe_reader` makes them from `[streams.NAME.write]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta, tzinfo
from enum import StrEnum
from typing import Any, Final

from drivers.contract import OperationKind
from drivers.odbc.binding import Type
from drivers.odbc.statements import Parameter, Statement
from drivers.odbc.write_options import Otherwise

IDEMPOTENCY_KEY: Final = "idempotencyKey"
KEY: Final = "key"
RESULT: Final = "result"  # result.COLUMN: what an earlier step returned
GIVEN: Final = "given"  # given.FIELD: whether the field is in the record
LINE: Final = "line"
LINE_NUMBER: Final = "line.number"  # inside for_each: 1, 2, 3 ...
RESERVED: Final = frozenset({KEY, IDEMPOTENCY_KEY, RESULT, GIVEN, LINE})


class Form(StrEnum):
    SQL = "sql"
    CALL = "call"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A column and the value it gets or is compared with."""

    column: str
    value: Statement  # a field alone is one parameter
    constant: Any = None
    is_constant: bool = False

    @property
    def field(self) -> str | None:
        part = self.value.parts[0] if len(self.value.parts) == 1 else ""
        return part.name if isinstance(part, Parameter) else None


@dataclass(frozen=True, slots=True)
class Step:
    where: str  # its place in the connection file
    form: Form
    text: Statement  # the statement, the call, or the table's name
    values: tuple[Assignment, ...] = ()
    conditions: tuple[Assignment, ...] = ()
    for_each: str | None = None
    when: str | None = None
    unless: str | None = None
    returns: tuple[str, ...] = ()
    expect_rows: int | None = None
    otherwise: Otherwise | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every parameter that the step binds."""
        found = list(self.text.names)
        for assignment in (*self.values, *self.conditions):
            found += assignment.value.names
        return tuple(dict.fromkeys(found))

    @property
    def conditional(self) -> bool:
        return self.for_each is not None or self.when is not None or self.unless is not None


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
    find: Statement | None
    commits_itself: bool


@dataclass(frozen=True, slots=True)
class Writes:
    """All operations of one stream."""

    stream: str
    recipes: Mapping[OperationKind, Recipe]
    types: Mapping[str, Type] = field(default_factory=dict)
    zone: tzinfo | None = None
    settles_after: timedelta = timedelta(0)
    idempotency_key_length: int | None = None


def field_of(name: str, types: Mapping[str, Type]) -> str | None:
    """The unified field that a parameter stands for; None for the driver's own words."""
    head, _, rest = name.partition(".")
    if head == GIVEN:
        return rest
    if head in RESERVED:
        return None
    base, _, number = name.rpartition(".")
    return base if number.isdigit() and base in types and types[base].is_key else name
