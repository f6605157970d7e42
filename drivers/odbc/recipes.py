"""How a stream is written, as values; `recipe_reader` makes them from `[streams.NAME.write]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from drivers.odbc.binding import Type
from drivers.odbc.statements import Parameter, Statement
from drivers.recipes import recipe
from drivers.recipes.tables import Otherwise


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


@dataclass(frozen=True, kw_only=True)
class Recipe(recipe.Recipe[Step, Statement]):
    commits_itself: bool


@dataclass(frozen=True, kw_only=True)
class Writes(recipe.Writes[Recipe]):
    types: Mapping[str, Type] = field(default_factory=dict)
