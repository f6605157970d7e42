"""`[streams.NAME.write]` as people write it: tables, typed, each mistake with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from drivers.contract import BadConfiguration
from drivers.odbc.options import PAGE, ColumnName
from drivers.option_tables import Strict, parse_table

_DURATION: Final = re.compile(r"(\d{1,6})(s|m|h)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600}
# A hash of the idempotency key: 5 bits a character, so that not even a million commands meet.
SHORTEST_HASH: Final = 12

Text = Annotated[str, Field(min_length=1)]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.\w+)*$")]


def _from_field(value: Any) -> Any:
    return {"field": value} if isinstance(value, str) else value


class Source(Strict):
    """Where a column's value comes from: a bare text is a field."""

    field: FieldName | None = None
    const: str | int | bool | None = None
    sql: Text | None = None


AnySource = Annotated[Source, BeforeValidator(_from_field)]
Sources = dict[ColumnName, AnySource]


class Otherwise(Strict):
    """What is said when a step does not find what it needs."""

    text: Text
    code: Text = "refused"
    field: str = ""


class StepTable(Strict):
    sql: Text | None = None
    call: Text | None = None
    insert: Text | None = None
    update: Text | None = None
    delete: Text | None = None
    values: Sources = Field(default_factory=dict)
    set: Sources = Field(default_factory=dict)
    where: Sources = Field(default_factory=dict)
    for_each: FieldName | None = None
    when: FieldName | None = None
    unless: FieldName | None = None
    absent_as_null: bool = False
    returns: tuple[ColumnName, ...] = ()
    expect_rows: int | Literal["any"] | None = None
    otherwise: Otherwise | None = None


class OperationTable(Strict):
    steps: tuple[StepTable, ...] = Field(min_length=1, max_length=100)
    required: tuple[FieldName, ...] = ()
    any_of: tuple[tuple[FieldName, ...], ...] = ()
    updatable_in: tuple[Text, ...] | dict[FieldName, tuple[Text, ...]] = ()
    statuses: tuple[Text, ...] | dict[Text, str | int | bool] = ()
    key: tuple[FieldName, ...] = ()
    reference: FieldName | None = None
    find: Text | None = None
    commits_itself: bool = False


class WriteTable(Strict):
    create: OperationTable | None = None
    update: OperationTable | None = None
    delete: OperationTable | None = None
    set_status: OperationTable | None = None
    types: dict[FieldName, Text] = Field(default_factory=dict)
    time_zone: Text = "UTC"
    settles_after: Text = "30s"
    idempotency_key_length: int | None = Field(default=None, ge=SHORTEST_HASH, le=52)


def parse_write(name: str, options: Mapping[str, Any]) -> WriteTable:
    return parse_table(WriteTable, options, where=f"streams.{name}.write", page=PAGE)


def duration(text: str, *, where: str) -> timedelta:
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise BadConfiguration(f"{text!r} is not a duration", where=where, hint='Write "30s", "5m" or "1h".')
    return timedelta(seconds=int(found.group(1)) * _SECONDS[found.group(2)])
