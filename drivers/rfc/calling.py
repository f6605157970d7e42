"""A recipe's call and a record -> the parameters of one function module, with the flags of what is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

from drivers.contract import BadConfiguration, SourceChanged
from drivers.recipes.scope import ABSENT, Misfit, lines_of
from drivers.recipes.scope import Scope as CommandScope
from drivers.rfc.abap import Field, Interface, Kind
from drivers.rfc.conversions import NotConvertible, plain_day, to_abap
from drivers.rfc.dictionary import Dictionary
from drivers.rfc.recipes import Recipe, Writes
from drivers.rfc.write_options import CallTable, Source, TableParameter, Values

_FLAG: Final = "X"
_MOMENT: Final = "At"  # how the names of the unified model's moments end
_SEE: Final = "Transaction SE37 shows the parameters of {function} on this system."


@dataclass(frozen=True, kw_only=True)
class Scope(CommandScope[Writes, Recipe]):
    """What the values of a call are taken from."""

    zone: tzinfo | None  # the system's own, where it is known

    def of(self, source: Source) -> Any:
        """ABSENT where the record does not have the field. Raises Misfit."""
        if source.const is not None:
            return source.const
        if source.line_number is not None:
            return str((self.line_index + 1) * source.line_number)
        return ABSENT if self.blank or source.word is None else self.value(source.word)

    def origin(self, source: Source) -> str:
        """The place in the record that the value comes from."""
        return self.place(source.field or source.key or "")


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
        self._check_zone(parameter.field, source)
        value = self.scope.of(source)
        if value is not ABSENT:
            self.parameters[name] = self._converted(parameter.field, value, source, self.scope)
            self.origins[name, 0, ""] = self.scope.origin(source)

    def structure(self, name: str, values: Values, flags: str | None) -> None:
        fields = self._fields(name)
        row = dict(self._row(name, values, fields, self.scope, 0))
        self.parameters[name] = row
        if flags is not None:
            known = self._fields(flags)
            self.parameters[flags] = {each: _FLAG for each in row if each in known}

    def table(self, name: str, table: TableParameter) -> None:
        fields = self._fields(name)
        scopes = [(values, self.scope) for values in table.rows]
        if table.for_each is not None:
            lines = lines_of(self.scope, table.for_each)
            scopes += [(table.values, line) for line in lines if table.when is None or line.given(table.when)]
        elif table.values:
            scopes.append((table.values, self.scope))
        rows = [
            dict(self._row(name, values, fields, scope, index))
            for index, (values, scope) in enumerate(scopes)
        ]
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
        scope: Scope,
        row: int,
    ) -> Iterator[tuple[str, Any]]:
        for name, source in values.items():
            if name not in fields:
                raise SourceChanged(
                    f"{self.interface.function}: {parameter} has no field {name!r}",
                    where=self.where,
                    hint=f"It has: {', '.join(list(fields)[:20])}.",
                )
            self._check_zone(fields[name], source)
            value = scope.of(source)
            if value is ABSENT:
                continue
            self.origins[parameter, row, name] = scope.origin(source)
            yield name, self._converted(fields[name], value, source, scope)

    def _converted(self, target: Field, value: Any, source: Source, scope: Scope) -> Any:
        try:
            if value is None:
                return to_abap(target, "0" if target.kind.value in {"decimal", "currency", "integer"} else "")
            if isinstance(value, str) and "T" in value and source.const is None:
                value = self._local(value)
            return to_abap(target, plain_day(value) if source.form == "yyyymmdd" else value)
        except NotConvertible as error:
            if source.const is not None:
                raise BadConfiguration(f"the constant for {target.name} {error}", where=self.where) from None
            raise Misfit(scope.origin(source), "invalid", str(error)) from None

    def _check_zone(self, target: Field, source: Source) -> None:
        """In a check: what a write would be refused for. Moments of the unified model are named so, dates are not."""
        is_day = target.kind in {Kind.DATE, Kind.TIME} or source.form == "yyyymmdd"
        if self.scope.blank and self.scope.zone is None and is_day and (source.field or "").endswith(_MOMENT):
            raise _no_zone(f"{source.field} is a moment")

    def _local(self, text: str) -> str:
        """A moment in the system's own time; any other text stays as it is."""
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return text
        if moment.tzinfo is None:
            return text
        if self.scope.zone is None:  # around midnight a guess would be the day before, or the one after
            raise _no_zone("this is a moment")
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


def _no_zone(what: str) -> BadConfiguration:
    return BadConfiguration(
        f"{what} that is written as SAP's own date or time, and the system's time zone is not named",
        where="options.time_zone",
        hint='Set it: time_zone = "Europe/Berlin" (transaction STZAC shows it).',
    )
