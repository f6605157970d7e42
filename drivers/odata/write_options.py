"""`[streams.NAME.write]` as people write it: tables, typed, each mistake with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from drivers.contract import BadConfiguration
from drivers.odata.options import PAGE, Name
from drivers.option_tables import Strict, parse_table

_DURATION: Final = re.compile(r"(\d{1,6})(s|m|h)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600}
# A hash of the idempotency key: 5 bits a character, so that not even a million commands meet.
SHORTEST_HASH: Final = 12

Text = Annotated[str, Field(min_length=1)]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*$")]


def _from_field(value: Any) -> Any:
    return {"field": value} if isinstance(value, str) else value


class Source(Strict):
    """Where a property's value comes from: a bare text is a field."""

    field: FieldName | None = None
    const: str | int | bool | None = None


Sources = dict[Name, Annotated[Source, BeforeValidator(_from_field)]]


class Otherwise(Strict):
    """What is said when the record of a step is not there."""

    text: Text
    code: Text = "refused"
    field: str = ""


class LinesTable(Strict):
    """Records that are created together with the one above them: one for each line, or a single one."""

    for_each: FieldName | None = None
    values: Sources = Field(min_length=1)
    when: FieldName | None = None
    lines: dict[Name, LinesTable] = Field(default_factory=dict)


class StepTable(Strict):
    create: Name | None = None
    update: Name | None = None
    delete: Name | None = None
    call: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$")] | None = None
    values: Sources = Field(default_factory=dict)
    set: Sources = Field(default_factory=dict)
    where: Sources = Field(default_factory=dict)
    on: Name | None = None  # call: the entity set of the record that a V4 action is bound to
    lines: dict[Name, LinesTable] = Field(default_factory=dict)
    for_each: FieldName | None = None
    when: FieldName | None = None
    unless: FieldName | None = None
    status: Text | None = None  # set_status: only for this one
    method: Literal["patch", "merge", "put"] | None = None
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
    separately: bool = False  # the steps are sent one by one: the service takes no changeset


class WriteTable(Strict):
    create: OperationTable | None = None
    update: OperationTable | None = None
    delete: OperationTable | None = None
    set_status: OperationTable | None = None
    keys: tuple[FieldName, ...] = ()  # fields that hold the key of another record
    time_zone: Text = "UTC"
    settles_after: Text = "5m"
    idempotency_key_length: int | None = Field(default=None, ge=SHORTEST_HASH, le=52)


def parse_write(name: str, options: Mapping[str, Any]) -> WriteTable:
    return parse_table(WriteTable, options, where=f"streams.{name}.write", page=PAGE)


def duration(text: str, *, where: str) -> timedelta:
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise BadConfiguration(f"{text!r} is not a duration", where=where, hint='Write "30s", "5m" or "1h".')
    return timedelta(seconds=int(found.group(1)) * _SECONDS[found.group(2)])
