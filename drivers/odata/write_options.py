"""`[streams.NAME.write]` as people write it: tables, typed, each mistake with its place."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from drivers.odata.options import Name
from drivers.option_tables import Strict
from drivers.recipes import tables
from drivers.recipes.tables import FieldName, Source, Text, from_field

Sources = dict[Name, Annotated[Source, BeforeValidator(from_field)]]


class LinesTable(Strict):
    """Records that are created together with the one above them: one for each line, or a single one."""

    for_each: FieldName | None = None
    values: Sources = Field(min_length=1)
    when: FieldName | None = None
    lines: dict[Name, LinesTable] = Field(default_factory=dict)


class StepTable(tables.StepOptions):
    create: Name | None = None
    update: Name | None = None
    delete: Name | None = None
    call: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$")] | None = None
    values: Sources = Field(default_factory=dict)
    set: Sources = Field(default_factory=dict)
    where: Sources = Field(default_factory=dict)
    match: Sources = Field(default_factory=dict)  # instead of `where`: properties that only this record has
    on: Name | None = None  # call: the entity set of the record that a V4 action is bound to
    lines: dict[Name, LinesTable] = Field(default_factory=dict)
    status: Text | None = None  # set_status: only for this one
    method: Literal["patch", "merge", "put"] | None = None


class OperationTable(tables.OperationOptions):
    steps: tuple[StepTable, ...] = Field(min_length=1, max_length=100)
    find: Text | None = None
    separately: bool = False  # the steps are sent one by one: the service takes no changeset


class WriteTable(tables.TimedWriteOptions[OperationTable]):
    keys: tuple[FieldName, ...] = ()  # fields that hold the key of another record
    settles_after: Text = "5m"
