"""How a stream is written, as values; `recipe_reader` makes them from `[streams.NAME.write]` and the service's model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from drivers.odata.edm import Parameter, Property, Routine
from drivers.recipes import recipe
from drivers.recipes.tables import Otherwise


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
    matched: bool = False  # the conditions are no key: the record is looked for by them
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


@dataclass(frozen=True, kw_only=True)
class Recipe(recipe.Recipe[Step, str]):
    separately: bool


@dataclass(frozen=True, kw_only=True)
class Writes(recipe.Writes[Recipe]):
    entity_set: str
    key: tuple[Property, ...]
