"""How a document service is written, as values; `recipe_reader` makes them from `[streams.NAME.write]` and the WSDL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from drivers.recipes import recipe
from drivers.recipes.tables import Otherwise
from drivers.soap.model import Member, Type


@dataclass(frozen=True, slots=True)
class Assignment:
    """A field of an entity and the value that it gets or is compared with."""

    member: Member
    type: Type
    name: str = ""  # a field of the record, or one of the recipes' words; empty: the constant
    constant: Any = None


@dataclass(frozen=True, slots=True)
class Below:
    """One entity inside each line."""

    member: Member
    values: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """The header, or the entities at one place below it."""

    where: str
    path: tuple[Member, ...] = ()  # empty: the header
    values: tuple[Assignment, ...] = ()
    match: tuple[Assignment, ...] = ()
    below: tuple[Below, ...] = ()
    create_missing: bool = False
    delete: bool = False
    one: bool = False
    derived: str | None = None  # the type of a new one, where it is not the entity's own
    for_each: str | None = None
    when: str | None = None
    unless: str | None = None
    otherwise: Otherwise | None = None

    @property
    def names(self) -> Iterator[str]:
        inside = (value for each in self.below for value in each.values)
        yield from (each.name for each in (*self.values, *self.match, *inside) if each.name)


@dataclass(frozen=True, kw_only=True)
class Recipe(recipe.Recipe[Part, Assignment]):
    """`find`: the header's field that holds the external reference."""


@dataclass(frozen=True, kw_only=True)
class Writes(recipe.Writes[Recipe]):
    pass
