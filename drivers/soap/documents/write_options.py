"""`[streams.NAME.write]` of a document service: an operation is one call, with the header's fields and its lines."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from drivers.option_tables import Strict
from drivers.recipes.tables import (
    FieldName,
    OperationOptions,
    Source,
    StepOptions,
    TimedWriteOptions,
    from_field,
)
from drivers.soap.documents.options import Name, Path

Sources = dict[Name, Annotated[Source, BeforeValidator(from_field)]]


class BelowTable(Strict):
    """One entity inside each line, such as its InventDim, made of the line's fields."""

    values: Sources = Field(min_length=1)


class LinesTable(StepOptions):
    """Entities below the header, one for each line of the record, or a single one."""

    values: Sources = Field(default_factory=dict)
    # update: the fields that tell which line of the document is meant; without them every line is a new one.
    match: Sources = Field(default_factory=dict)
    create_missing: bool = False  # update: a line that is not there is created; else the write is refused
    delete: bool = False  # update: the matched lines are deleted
    one: bool = False  # a record has one of them at most: an update changes it, or creates it
    # The type of a new one, where the document has several kinds: "AxdEntity_DirParty_DirOrganization".
    type: Name | None = None
    lines: dict[Name, BelowTable] = Field(default_factory=dict)


class OperationTable(OperationOptions):
    values: Sources = Field(default_factory=dict)
    lines: dict[Path, LinesTable] = Field(default_factory=dict)
    find: Name | None = None  # the header's field that holds the external reference


class WriteTable(TimedWriteOptions[OperationTable]):
    keys: tuple[FieldName, ...] = ()  # fields that hold the key of another record
    settles_after: Annotated[str, Field(min_length=1)] = "5m"
