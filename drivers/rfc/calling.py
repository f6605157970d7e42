"""A recipe's call and a record -> the parameters of one function module, with the flags of what is given."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Final

from drivers.contract import BadConfiguration, SourceChanged
from drivers.keys import decode_key
from drivers.rfc.abap import Field, Interface
from drivers.rfc.conversions import NotConvertible, to_abap
from drivers.rfc.dictionary import Dictionary
from drivers.rfc.recipes import IDEMPOTENCY_KEY, KEY, RESULT, STATUS, Recipe
from drivers.rfc.write_options import CallTable, Source, TableParameter, Values

_ABSENT: Final = object()
_FLAG: Final = "X"
_SEE: Final = "Transaction SE37 shows the parameters of {function} on this system."


class Misfit(Exception):
    """The record cannot be written as it is: one of its fields, by its place."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message


@dataclass(frozen=True)
class Scope:
    """What the values of a call are taken from."""

    recipe: Recipe
    record: Mapping[str, Any]
    idempotency_key: str
    zone: tzinfo | None
    key: Mapping[str, str] = field(default_factory=dict)  # by column of the stream's key
    results: Mapping[str, str] = field(default_factory=dict)
    blank: bool = False  # for a check: every field is there, without a value

    def given(self, name: str) -> bool:
        return self.blank or self._field(name, {}, None) is not _ABSENT

    def value(self, source: Source, line: Mapping[str, Any], index: int, list_name: str | None) -> Any:
        """`_ABSENT` where the record does not have the field. Raises Misfit."""
        fixed = _fixed(source, index)
        if fixed is not None or self.blank:
            return _ABSENT if fixed is None else fixed
        name = source.field or source.key or ""
        head, _, rest = name.partition(".")
        own = self._own(head, rest)
        if own is not None:
            return own
        found = self._field(name, line, list_name)
        if found is _ABSENT or found is None:
            return found
        if name == STATUS and self.recipe.statuses:
            return self.recipe.statuses.get(str(found), str(found))
        return self._part(str(found), source, name) if source.key is not None else found

    def _own(self, head: str, rest: str) -> str | None:
        """What is not of the record: the external reference, what a call returned, the record's own key."""
        if head == IDEMPOTENCY_KEY:
            return self.idempotency_key
        if head == RESULT:
            return self.results.get(rest, "")
        return self._key(rest) if head == KEY else None

    def place(self, source: Source, index: int, list_name: str | None) -> str:
        name = source.field or source.key or ""
        head, _, rest = name.partition(".")
        return f"{head}[{index}].{rest}" if list_name is not None and head == list_name else name

    def _key(self, column: str) -> str:
        if column:
            return self.key.get(column, "")
        return next(iter(self.key.values()), "")

    def _field(self, name: str, line: Mapping[str, Any], list_name: str | None) -> Any:
        head, _, rest = name.partition(".")
        if list_name is not None and head == list_name and rest:
            return line.get(rest, _ABSENT)
        holder = self.record.get(head, _ABSENT)
        if not rest:
            return holder
        return holder.get(rest, _ABSENT) if isinstance(holder, Mapping) else _ABSENT

    def _part(self, key: str, source: Source, name: str) -> str:
        parts = decode_key(key)
        if source.part > len(parts):
            raise Misfit(name, "is not a key of the records it refers to")
        return parts[source.part - 1]


def _fixed(source: Source, index: int) -> str | int | bool | None:
    """What does not depend on the record; None: it does."""
    return source.const if source.line_number is None else str((index + 1) * source.line_number)


@dataclass(frozen=True)
class Composed:
    parameters: dict[str, Any]
    # Where a field of a parameter came from, so that SAP's messages can name the record's own field.
    origins: Mapping[tuple[str, int, str], str]

    def origin(self, parameter: str, row: int, field_name: str) -> str:
        return self.origins.get((parameter, max(row - 1, 0), field_name), "")


class CallComposer:
    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary

    def compose(self, call: CallTable, scope: Scope, where: str) -> Composed:
        """Raises Misfit, and DriverError where the system has not what the recipe names."""
        interface = self._dictionary.interface(call.function, where=f"{where}.function")
        if interface is None:
            raise SourceChanged(
                f"there is no function module {call.function} here, or it may not be called from outside",
                where=f"{where}.function",
                hint="Correct the name; SE37 shows whether it is enabled for remote calls.",
            )
        work = _Work(self._dictionary, interface, scope, where, {}, {})
        for name, source in call.values.items():
            work.elementary(name, source)
        for name, values in call.structures.items():
            work.structure(name, values, call.x.get(name))
        for name, table in call.tables.items():
            work.table(name, table)
        if interface.find(call.messages) is not None and call.messages not in work.parameters:
            told = interface.find(call.messages)
            if told is not None and told.direction.value == "T":
                work.parameters[call.messages] = []
        for told_name in call.returns.values():
            parameter = told_name.partition(".")[0]
            found = interface.find(parameter)
            if found is None:
                self.require(call, parameter, f"{where}.returns")
                continue
            if found.direction.value == "T":
                work.parameters.setdefault(parameter, [])
        return Composed(work.parameters, work.origins)

    def require(self, call: CallTable, parameter: str | None, where: str) -> None:
        """Raises SourceChanged where the function has no such parameter."""
        interface = self._dictionary.interface(call.function, where=where)
        if parameter is not None and interface is not None and interface.find(parameter) is None:
            raise SourceChanged(
                f"{call.function} has no parameter {parameter}",
                where=where,
                hint=_SEE.format(function=call.function),
            )


@dataclass
class _Work:
    dictionary: Dictionary
    interface: Interface
    scope: Scope
    where: str
    parameters: dict[str, Any]
    origins: dict[tuple[str, int, str], str]

    def elementary(self, name: str, source: Source) -> None:
        parameter = self.interface.find(name)
        if parameter is None or parameter.field is None:
            raise SourceChanged(
                f"{self.interface.function} has no elementary parameter {name}",
                where=f"{self.where}.values",
                hint=_SEE.format(function=self.interface.function),
            )
        value = self.scope.value(source, {}, 0, None)
        if value is not _ABSENT:
            self.parameters[name] = self._converted(parameter.field, value, source, 0, None)
            self.origins[name, 0, ""] = self.scope.place(source, 0, None)

    def structure(self, name: str, values: Values, flags: str | None) -> None:
        fields = self._fields(name)
        row = dict(self._row(name, values, fields, {}, 0, None))
        self.parameters[name] = row
        if flags is not None:
            known = self._fields(flags)
            self.parameters[flags] = {each: _FLAG for each in row if each in known}

    def table(self, name: str, table: TableParameter) -> None:
        fields = self._fields(name)
        rows = [dict(self._row(name, values, fields, {}, 0, None)) for values in table.rows]
        if table.for_each is not None:
            lines = self.scope.record.get(table.for_each) or ([{}] if self.scope.blank else [])
            rows += [
                dict(self._row(name, table.values, fields, line, index, table.for_each))
                for index, line in enumerate(lines)
            ]
        elif table.values:
            rows.append(dict(self._row(name, table.values, fields, {}, 0, None)))
        self.parameters[name] = rows
        if table.x is not None:
            self.parameters[table.x] = [self._flags(row, table) for row in rows]

    def _flags(self, row: Mapping[str, Any], table: TableParameter) -> dict[str, Any]:
        known = self._fields(str(table.x))
        flags = {name: row[name] for name in table.x_key if name in row}
        flags |= {f"{name}X": _FLAG for name in table.x_key if f"{name}X" in known}
        return flags | {name: _FLAG for name in row if name not in table.x_key and name in known}

    def _row(
        self,
        parameter: str,
        values: Values,
        fields: Mapping[str, Field],
        line: Mapping[str, Any],
        index: int,
        list_name: str | None,
    ) -> Iterator[tuple[str, Any]]:
        for name, source in values.items():
            if name not in fields:
                raise SourceChanged(
                    f"{self.interface.function}: {parameter} has no field {name!r}",
                    where=self.where,
                    hint=f"It has: {', '.join(list(fields)[:20])}.",
                )
            value = self.scope.value(source, line, index, list_name)
            if value is _ABSENT:
                continue
            self.origins[parameter, index, name] = self.scope.place(source, index, list_name)
            yield name, self._converted(fields[name], value, source, index, list_name)

    def _converted(self, target: Field, value: Any, source: Source, index: int, list_name: str | None) -> Any:
        try:
            if value is None:
                return to_abap(target, "0" if target.kind.value in {"decimal", "currency", "integer"} else "")
            if isinstance(value, str) and "T" in value and source.const is None:
                value = self._local(value)
            converted = to_abap(target, value)
            return str(converted).replace("-", "")[:8] if source.form == "yyyymmdd" else converted
        except NotConvertible as error:
            if source.const is not None:
                raise BadConfiguration(f"the constant for {target.name} {error}", where=self.where) from None
            raise Misfit(self.scope.place(source, index, list_name), str(error)) from None

    def _local(self, text: str) -> str:
        """A moment in the system's own time; any other text stays as it is."""
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return text
        if moment.tzinfo is None:
            return text
        if self.scope.zone is None:  # around midnight a guess would be the day before, or the one after
            raise BadConfiguration(
                "a moment is to be written as SAP's own date or time, and the system's time zone is not named",
                where="options.time_zone",
                hint='Set it: time_zone = "Europe/Berlin" (transaction STZAC shows it).',
            )
        return moment.astimezone(self.scope.zone).isoformat()

    def _fields(self, parameter: str) -> Mapping[str, Field]:
        found = self.interface.find(parameter)
        if found is None or not (found.structure or found.fields):
            raise SourceChanged(
                f"{self.interface.function} has no structure or table {parameter}",
                where=self.where,
                hint=_SEE.format(function=self.interface.function),
            )
        fields = found.fields
        if found.structure:  # the dictionary knows more of each field than a WSDL tells
            fields = self.dictionary.table(found.structure, where=self.where).fields
        return {each.name: each for each in fields}


def reference(idempotency_key: str, length: int | None) -> str:
    """What is left at the record: the key itself, or a hash of it that fits a narrow field, in capitals."""
    if length is None:
        return idempotency_key
    digest = hashlib.sha256(idempotency_key.encode()).digest()
    return base64.b32encode(digest).decode().rstrip("=")[:length]
