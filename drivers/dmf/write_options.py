"""`[streams.NAME.write]` as people write it: tables, typed, each mistake with its place."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from drivers.dmf import options
from drivers.dmf.options import Label
from drivers.recipes import tables
from drivers.recipes.tables import FieldName, Source, Text, from_field

Sources = dict[options.FieldName, Annotated[Source, BeforeValidator(from_field)]]


class StepTable(tables.StepOptions):
    create: Label | None = None
    update: Label | None = None
    values: Sources = Field(default_factory=dict)
    where: Sources = Field(default_factory=dict)
    set: Sources = Field(default_factory=dict)


class OperationTable(tables.OperationOptions):
    legal_entity: FieldName | None = None
    steps: tuple[StepTable, ...] = Field(min_length=1, max_length=20)


class WriteTable(tables.TimedWriteOptions[OperationTable]):
    project: Label
    keys: tuple[FieldName, ...] = ()
    types: dict[FieldName, Text] = Field(default_factory=dict)
