"""`[streams.NAME.write]` as people write it: the tables that every driver's recipes have, typed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Generic, TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field

from drivers.contract import BadConfiguration, OperationKind, StreamSpec
from drivers.option_tables import Strict, parse_table

_DURATION: Final = re.compile(r"(\d{1,6})(s|m|h)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600}
# A hash of the idempotency key: 5 bits a character, so that not even a million commands meet.
SHORTEST_HASH: Final = 12

Text = Annotated[str, Field(min_length=1)]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.\w+)*$")]


def from_field(value: Any) -> Any:
    """For a `BeforeValidator`: a bare text is a field."""
    return {"field": value} if isinstance(value, str) else value


class Source(Strict):
    """Where a value comes from."""

    field: FieldName | None = None
    const: str | int | bool | None = None


class Otherwise(Strict):
    """What is said when a step does not find what it needs."""

    text: Text
    code: Text = "refused"
    field: str = ""


class ConditionalOptions(Strict):
    when: FieldName | None = None
    unless: FieldName | None = None


class StepOptions(ConditionalOptions):
    for_each: FieldName | None = None
    otherwise: Otherwise | None = None


class OperationOptions(Strict):
    required: tuple[FieldName, ...] = ()
    any_of: tuple[tuple[FieldName, ...], ...] = ()
    updatable_in: tuple[Text, ...] | dict[FieldName, tuple[Text, ...]] = ()
    statuses: tuple[Text, ...] | dict[Text, str | int | bool] = ()
    key: tuple[FieldName, ...] = ()
    reference: FieldName | None = None


_Operation = TypeVar("_Operation", bound=OperationOptions)


class WriteOptions(Strict, Generic[_Operation]):
    create: _Operation | None = None
    update: _Operation | None = None
    delete: _Operation | None = None
    set_status: _Operation | None = None
    idempotency_key_length: int | None = Field(default=None, ge=SHORTEST_HASH, le=52)

    def operations(self) -> Iterator[tuple[OperationKind, _Operation]]:
        for kind in OperationKind:
            operation: _Operation | None = getattr(self, kind.value)
            if operation is not None:
                yield kind, operation


class TimedWriteOptions(WriteOptions[_Operation], Generic[_Operation]):
    """Where moments are written in the source's own time, and effects may appear late."""

    time_zone: Text = "UTC"
    settles_after: Text = "30s"

    def timing(self, place: str) -> dict[str, Any]:
        """Arguments of `Writes`. Raises BadConfiguration."""
        return {
            "zone": time_zone(self.time_zone, where=f"{place}.time_zone"),
            "settles_after": duration(self.settles_after, where=f"{place}.settles_after"),
            "idempotency_key_length": self.idempotency_key_length,
        }


_Write = TypeVar("_Write", bound=Strict)
_Form = TypeVar("_Form", bound=StrEnum)


def parse_write(model: type[_Write], spec: StreamSpec, *, page: str) -> _Write:
    """Raises BadConfiguration with the place of the first mistake. `page`: where the options are described."""
    return parse_table(model, spec.write, where=place_of(spec), page=page)


def place_of(spec: StreamSpec) -> str:
    return f"streams.{spec.name}.write"


def duration(text: str, *, where: str) -> timedelta:
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise BadConfiguration(f"{text!r} is not a duration", where=where, hint='Write "30s", "5m" or "1h".')
    return timedelta(seconds=int(found.group(1)) * _SECONDS[found.group(2)])


def time_zone(text: str, *, where: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise BadConfiguration(
            f"{text!r} is not a time zone", where=where, hint='Write a name such as "Europe/Berlin".'
        ) from None


Takes = Mapping[_Form, tuple[frozenset[str], frozenset[str]]]


def form_of(table: StepOptions, forms: type[_Form], takes: Takes[_Form], where: str) -> _Form:
    """Which of the forms a step is. `takes`: which options each form takes, and which of them it needs."""
    given = [form for form in forms if getattr(table, form.value) is not None]
    if len(given) != 1:
        *names, last = (form.value for form in forms)
        raise BadConfiguration(
            f"a step is exactly one of {', '.join(names)} and {last}",
            where=where,
            hint="Split it into several steps, or remove what is too much.",
        )
    form = given[0]
    may, must = takes[form]
    for option in sorted({name for options, _ in takes.values() for name in options}):
        if getattr(table, option) and option not in may:
            raise BadConfiguration(f"{form.value} takes no {option}", where=f"{where}.{option}")
        if not getattr(table, option) and option in must:
            raise BadConfiguration(f"{form.value} needs {option}", where=where)
    check_conditions(table, where)
    return form


def check_conditions(table: ConditionalOptions, where: str) -> None:
    if table.when is not None and table.unless is not None:
        raise BadConfiguration("when and unless exclude each other", where=where)
