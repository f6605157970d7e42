"""`[streams.NAME.write]` as people write it: tables, typed, each mistake with its place."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from drivers.odbc.options import ColumnName
from drivers.recipes import tables
from drivers.recipes.tables import FieldName, Text, from_field


class Source(tables.Source):
    """Where a column's value comes from: a bare text is a field."""

    sql: Text | None = None


AnySource = Annotated[Source, BeforeValidator(from_field)]
Sources = dict[ColumnName, AnySource]


class StepTable(tables.StepOptions):
    sql: Text | None = None
    call: Text | None = None
    insert: Text | None = None
    update: Text | None = None
    delete: Text | None = None
    values: Sources = Field(default_factory=dict)
    set: Sources = Field(default_factory=dict)
    where: Sources = Field(default_factory=dict)
    absent_as_null: bool = False
    returns: tuple[ColumnName, ...] = ()
    expect_rows: int | Literal["any"] | None = None


class OperationTable(tables.OperationOptions):
    steps: tuple[StepTable, ...] = Field(min_length=1, max_length=100)
    find: Text | None = None
    commits_itself: bool = False


class WriteTable(tables.TimedWriteOptions[OperationTable]):
    types: dict[FieldName, Text] = Field(default_factory=dict)
