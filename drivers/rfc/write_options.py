"""`[streams.NAME.write]` as people write it: calls of function modules, typed, each mistake with its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from drivers.option_tables import Strict, parse_table
from drivers.rfc.options import PAGE, Name

# A hash of the idempotency key: 5 bits a character, so that not even a million commands meet.
SHORTEST_HASH: Final = 12

Text = Annotated[str, Field(min_length=1)]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.\w+)*$")]
ResultName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


def _from_field(value: Any) -> Any:
    return {"field": value} if isinstance(value, str) else value


class Source(Strict):
    """Where a value comes from: a bare text is a field of the record."""

    field: FieldName | None = None
    const: str | int | bool | None = None
    key: FieldName | None = None  # a field that holds another record's key; `part` of it
    part: int = Field(default=1, ge=1)
    line_number: int | None = Field(default=None, ge=1)  # 10: lines are 10, 20, 30 ...
    form: Literal["as_is", "yyyymmdd"] = Field(default="as_is", alias="as")


AnySource = Annotated[Source, BeforeValidator(_from_field)]
Values = dict[Name, AnySource]


class TableParameter(Strict):
    """A table: one row for each line of a list, or rows that are written down."""

    for_each: FieldName | None = None
    values: Values = Field(default_factory=dict)
    rows: tuple[Values, ...] = ()
    x: Name | None = None  # the table of flags beside it
    x_key: tuple[Name, ...] = ()  # fields that the table of flags repeats


class CallTable(Strict):
    function: Name
    values: dict[Name, AnySource] = Field(default_factory=dict)  # elementary parameters
    structures: dict[Name, Values] = Field(default_factory=dict)
    x: dict[Name, Name] = Field(default_factory=dict)  # structure = the structure of flags beside it
    tables: dict[Name, TableParameter] = Field(default_factory=dict)
    test_run: Name | None = None
    returns: dict[ResultName, str] = Field(default_factory=dict)  # name = "PARAMETER" or "PARAMETER.FIELD"
    messages: Name = "RETURN"
    when: FieldName | None = None
    unless: FieldName | None = None


class FindTable(Strict):
    """Where the external reference is found again."""

    table: Name
    column: Name
    key: tuple[Name, ...] = ()  # its columns that are the record's key; without it the stream's


class OperationTable(Strict):
    calls: tuple[CallTable, ...] = Field(min_length=1, max_length=20)
    required: tuple[FieldName, ...] = ()
    any_of: tuple[tuple[FieldName, ...], ...] = ()
    updatable_in: tuple[Text, ...] | dict[FieldName, tuple[Text, ...]] = ()
    statuses: tuple[Text, ...] | dict[Text, str] = ()
    key: tuple[FieldName, ...] = ()
    find: FindTable | None = None
    commits_itself: bool = False


class WriteTable(Strict):
    create: OperationTable | None = None
    update: OperationTable | None = None
    delete: OperationTable | None = None
    set_status: OperationTable | None = None
    idempotency_key_length: int | None = Field(default=None, ge=SHORTEST_HASH, le=52)


def parse_write(name: str, options: Mapping[str, Any]) -> WriteTable:
    return parse_table(WriteTable, options, where=f"streams.{name}.write", page=PAGE)
