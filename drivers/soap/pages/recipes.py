"""How a stream is written through pages, as values; `recipe_reader` makes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from drivers.recipes.recipe import Recipe as AnyRecipe
from drivers.recipes.recipe import Writes as AnyWrites
from drivers.recipes.tables import Otherwise
from drivers.soap.columns import Column
from drivers.soap.model import Definitions, Member, Type
from drivers.soap.pages.service import PageModel


class Form(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A field (or a parameter) and the value it gets, or is compared with."""

    target: Member
    kind: Type
    name: str = ""  # a field of the record, or one of the recipe's own words; empty: the constant
    constant: Any = None


@dataclass(frozen=True, slots=True)
class PartLines:
    holder: Member  # the element of the sub-page
    line: Member
    for_each: str
    values: tuple[Assignment, ...]
    match: tuple[Assignment, ...] = ()
    delete_others: bool = False
    when: str | None = None
    unless: str | None = None

    @property
    def names(self) -> Iterator[str]:
        yield from (each.name for each in (*self.values, *self.match) if each.name)


@dataclass(frozen=True, slots=True)
class Step:
    where: str  # its place in the connection file
    form: Form
    target: str  # the page, or the codeunit
    definitions: Definitions
    function: str = ""
    model: PageModel | None = None  # of a page
    values: tuple[Assignment, ...] = ()
    lines: tuple[PartLines, ...] = ()
    for_each: str | None = None
    when: str | None = None
    unless: str | None = None
    otherwise: Otherwise | None = None

    @property
    def names(self) -> Iterator[str]:
        yield from (each.name for each in self.values if each.name)
        for lines in self.lines:
            yield from lines.names
            yield from (name for name in (lines.when, lines.unless) if name)

    @property
    def offered(self) -> bool:
        """Whether the page has the operation: one that is read only has none that writes."""
        if self.model is None:
            return True
        deletes = {f"Delete_{each.holder.name}" for each in self.lines if each.delete_others}
        return self.form.value.capitalize() in self.model.writable and deletes <= set(
            self.definitions.operations
        )


Recipe = AnyRecipe[Step, str]


@dataclass(frozen=True, kw_only=True)
class Writes(AnyWrites[Recipe]):
    key: tuple[Column, ...] = field(default=())
