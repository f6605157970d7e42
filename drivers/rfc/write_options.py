"""`[streams.NAME.write]` as people write it: calls of function modules, typed, each mistake with its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from drivers.option_tables import Strict
from drivers.recipes import tables
from drivers.recipes.tables import FieldName, from_field
from drivers.rfc.options import Name

ResultName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Source(tables.Source):
    """Where a value comes from: a bare text is a field of the record."""

    key: FieldName | None = None  # a field that holds another record's key; `part` of it
    part: int = Field(default=1, ge=1)
    line_number: int | None = Field(default=None, ge=1)  # 10: lines are 10, 20, 30 ...
    form: Literal["as_is", "yyyymmdd"] = Field(default="as_is", alias="as")

    @property
    def word(self) -> str | None:
        return self.field if self.key is None else f"{self.key}.{self.part}"


AnySource = Annotated[Source, BeforeValidator(from_field)]
Values = dict[Name, AnySource]


class TableParameter(Strict):
    """A table: one row for each line of a list, or rows that are written down."""

    for_each: FieldName | None = None
    when: FieldName | None = None  # a row only for lines that have this field
    values: Values = Field(default_factory=dict)
    rows: tuple[Values, ...] = ()
    x: Name | None = None  # the table of flags beside it
    x_key: tuple[Name, ...] = ()  # fields that the table of flags repeats


class CallTable(tables.ConditionalOptions):
    function: Name
    values: dict[Name, AnySource] = Field(default_factory=dict)  # elementary parameters
    structures: dict[Name, Values] = Field(default_factory=dict)
    x: dict[Name, Name] = Field(default_factory=dict)  # structure = the structure of flags beside it
    tables: dict[Name, TableParameter] = Field(default_factory=dict)
    test_run: Name | None = None
    returns: dict[ResultName, str] = Field(default_factory=dict)  # name = "PARAMETER" or "PARAMETER.FIELD"
    messages: Name = "RETURN"

    def sources(self) -> Iterator[tuple[Source, str | None]]:
        """Every value, with the list that it belongs to."""
        yield from ((source, None) for source in self.values.values())
        for values in self.structures.values():
            yield from ((source, None) for source in values.values())
        for table in self.tables.values():
            yield from ((source, table.for_each) for source in table.values.values())
            for row in table.rows:
                yield from ((source, None) for source in row.values())

    @property
    def names(self) -> Iterator[str]:
        """Every word that its values are made of."""
        yield from (source.word for source, _ in self.sources() if source.word is not None)


class FindTable(Strict):
    """Where the external reference is found again."""

    table: Name
    column: Name
    key: tuple[Name, ...] = ()  # its columns that are the record's key; without it the stream's


class OperationTable(tables.OperationOptions):
    calls: tuple[CallTable, ...] = Field(min_length=1, max_length=20)
    find: FindTable | None = None
    commits_itself: bool = False


class WriteTable(tables.WriteOptions[OperationTable]):
    pass
