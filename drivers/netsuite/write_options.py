"""`[streams.NAME.write]` as people write it: tables, typed, each mistake with its place."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from drivers.netsuite.options import Name
from drivers.option_tables import Strict
from drivers.recipes import tables
from drivers.recipes.tables import FieldName, Text, from_field

Plain = str | int | bool


class Source(Strict):
    """Where a property's value comes from: a bare text is a field. A constant may be a reference: `{ id = "5" }`."""

    field: FieldName | None = None
    const: Plain | dict[str, Plain] | None = None


Sources = dict[Name, Annotated[Source, BeforeValidator(from_field)]]


class LinesTable(Strict):
    """A sublist of the record: one line for each line of `for_each`."""

    for_each: FieldName
    values: Sources = Field(min_length=1)
    # update: all lines of the record are put in the place of those that are there; else those with a known `line` are
    # changed and the others added.
    replace: bool = False


class StepTable(tables.StepOptions):
    create: Name | None = None
    update: Name | None = None
    delete: Name | None = None
    values: Sources = Field(default_factory=dict)
    set: Sources = Field(default_factory=dict)
    lines: dict[Name, LinesTable] = Field(default_factory=dict)


class OperationTable(tables.OperationOptions):
    # One request is carried out as a whole; NetSuite has no transaction over several.
    steps: tuple[StepTable, ...] = Field(min_length=1, max_length=1)
    find: Text | None = None


class WriteTable(tables.TimedWriteOptions[OperationTable]):
    types: dict[FieldName, Text] = Field(default_factory=dict)
