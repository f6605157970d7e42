"""`[streams.NAME.write]` of page services as people write it: the tables that only pages have."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from drivers.recipes.tables import (
    ConditionalOptions,
    FieldName,
    OperationOptions,
    Source,
    StepOptions,
    Text,
    WriteOptions,
    from_field,
)
from drivers.soap.pages.options import Name

Sources = dict[Name, Annotated[Source, BeforeValidator(from_field)]]


class LinesTable(ConditionalOptions):
    """Lines of a sub-page, written through the record above them."""

    for_each: FieldName
    values: Sources = Field(min_length=1)
    match: Sources = Field(
        default_factory=dict
    )  # update: the line that has these values; a line that none has is new
    others: Literal["keep", "delete"] = "keep"  # update: lines of the record that were not given


class StepTable(StepOptions):
    create: Name | None = None
    update: Name | None = None
    delete: Name | None = None
    call: Annotated[str, Field(pattern=r"^[^./]+\.[^./]+$")] | None = None  # Codeunit.Function
    values: Sources = Field(default_factory=dict)
    set: Sources = Field(default_factory=dict)
    lines: dict[Name, LinesTable] = Field(default_factory=dict)


class OperationTable(OperationOptions):
    # One call: what a page or a function does is one transaction of the system, and two calls would be two.
    steps: tuple[StepTable, ...] = Field(min_length=1, max_length=1)
    find: Name | None = None  # the field that holds the command's reference


class WriteTable(WriteOptions[OperationTable]):
    keys: tuple[FieldName, ...] = ()  # fields that hold the key of another record
    settles_after: Text = "30s"
