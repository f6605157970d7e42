"""A stream's options and the dictionary -> its shape. Raises DriverError with the place of the first mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from drivers.contract import BadConfiguration, SourceChanged, StreamSpec
from drivers.rfc.abap import Direction, Field, Kind, Table
from drivers.rfc.conditions import (
    Compare,
    Condition,
    OneOf,
    Unwritable,
    all_of,
    behind,
    literal,
)
from drivers.rfc.dictionary import Dictionary
from drivers.rfc.groups import refuse_long
from drivers.rfc.options import (
    ChangedTableOptions,
    Comparison,
    DetailOptions,
    DocumentsOptions,
    LineOptions,
    LookupOptions,
    StreamOptions,
    parse_stream,
)
from drivers.rfc.shape import (
    Currency,
    Detail,
    DetailLines,
    Lines,
    Lookup,
    Rows,
    Source,
    Stamp,
    StreamShape,
)

_OPERATORS: Final[Mapping[str, str]] = {"ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_UTC_DIGITS: Final = 14  # YYYYMMDDhhmmss, of a DEC 15 or DEC 21,7
_CHANGE_DOCUMENTS: Final = "CDHDR"
_OF_HEADER: Final = "header."


def learn(dictionary: Dictionary, spec: StreamSpec) -> StreamShape:
    options = parse_stream(spec.name, spec.options)
    return _Learner(dictionary, spec, options).shape()


class _Learner:
    def __init__(self, dictionary: Dictionary, spec: StreamSpec, options: StreamOptions) -> None:
        self._dictionary = dictionary
        self._options = options
        self._name = spec.name
        self._wanted = None if spec.columns is None else set(spec.columns)
        self._where = f"streams.{spec.name}.read"
        self._table = dictionary.table(options.table, where=f"{self._where}.table")

    def shape(self) -> StreamShape:
        options = self._options
        key = tuple(options.key) or self._table.key
        if not key:
            raise BadConfiguration(
                f"{self._table.name} has no key of its own",
                where=f"{self._where}.key",
                hint="Name columns that are unique together.",
            )
        lines = [(name, each) for name, each in options.lines.items() if self._has_lines(name)]
        details = tuple(
            self._detail(name, each)
            for name, each in options.details.items()
            if not (each.columns or each.lines)
            or any(self._is_wanted(column) for column in each.columns)
            or any(self._has_lines(name) for name in each.lines)
        )
        needed = {*key, *(column for _, each in lines for column in each.of)}
        needed |= {column for detail in details for column in detail.parameters.values()}
        needed |= {
            told.removeprefix(_OF_HEADER)
            for _, each in lines
            for told in each.currencies.values()
            if told.startswith(_OF_HEADER)
        }
        header = self._rows(
            "",
            self._table,
            options.columns,
            options.lookups,
            needed,
            options.where,
            options.currencies,
            self._where,
        )
        found = tuple(self._lines(name, each, header, key) for name, each in lines)
        own = self._own(header, key)
        others = tuple(self._others([header.columns[name] for name in key]))
        if len({source.stamp.utc for source in (*((own,) if own else ()), *others)}) > 1:
            raise BadConfiguration(
                "some changes are told in UTC and others in the system's own time: they have no common order",
                where=f"{self._where}.changes",
                hint="Name columns that keep the same kind of time.",
            )
        header = self._with_currencies_of(header, found)
        return StreamShape(
            self._name,
            header,
            key,
            found,
            details,
            own,
            others,
        )

    # --- rows

    def _rows(
        self,
        name: str,
        table: Table,
        columns: Mapping[str, str],
        lookups: Mapping[str, LookupOptions],
        needed: set[str],
        where: Mapping[str, Any],
        currencies: Mapping[str, str],
        place: str,
    ) -> Rows:
        named = dict(columns) or {
            field.name: field.name
            for field in table.fields
            if field.datatype != "CLNT" and field.kind is not Kind.LONG
        }
        prefix = f"{name}." if name else ""
        found = tuple(
            self._lookup(each, options, f"{place}.lookups.{each}") for each, options in lookups.items()
        )
        everything = [*named, *(column for lookup in found for column in lookup.columns)]
        outputs = tuple(
            column for column in everything if self._wanted is None or f"{prefix}{column}" in self._wanted
        )
        needed = needed | {
            told
            for out, told in currencies.items()
            if out in outputs and not told.startswith(("=", _OF_HEADER))
        }
        found = _needed_lookups(found, {*outputs, *needed})
        read = {out: column for out, column in named.items() if out in outputs}
        for column in [*needed, *(ours for lookup in found for _, ours in lookup.on)]:
            if column not in read and not any(column in lookup.columns for lookup in found):
                read[column] = named.get(column, column)
        fields = {
            out: self._dictionary.field(table.name, column, where=f"{place}.columns")
            for out, column in read.items()
        }
        refuse_long(table.name, tuple(fields.values()), where=f"{place}.columns")
        rows = Rows(name, table, place, fields, found, condition_of(table, where, f"{place}.where"), outputs)
        return self._with_currencies(rows, currencies)

    def _with_currencies(self, rows: Rows, given: Mapping[str, str]) -> Rows:
        """Find for each amount where its currency stands, and read that too."""
        columns, currencies = dict(rows.columns), {}
        by_field = {field.name: out for out, field in rows.columns.items()}
        for out, field in rows.fields.items():
            if field.kind is not Kind.CURRENCY or out not in rows.outputs:
                continue
            table, name = field.reference
            told = given.get(out)
            if told is not None:
                currencies[out] = self._told(told, rows, columns)
            elif table == rows.table.name and rows.table.find(name):
                column = by_field.get(name, name)
                columns.setdefault(column, self._dictionary.field(table, name, where=rows.where))
                currencies[out] = Currency(column)
            elif rows.name and table == self._table.name and self._table.find(name):
                currencies[out] = Currency(name, of_header=True)
            else:
                raise BadConfiguration(
                    f"{out} is an amount in the currency of {table or 'an unknown table'}-{name}, which this does not read",
                    where=f"{rows.where}.currencies",
                    hint=f'Say where the currency stands: currencies = {{ {out} = "WAERS" }} for a column, '
                    f'"header.WAERS" for one of the header, "=EUR" for one that is always the same; or leave {out} out.',
                )
        return Rows(
            rows.name, rows.table, rows.where, columns, rows.lookups, rows.condition, rows.outputs, currencies
        )

    def _told(self, told: str, rows: Rows, columns: dict[str, Field]) -> Currency:
        if told.startswith("="):
            return Currency(constant=told[1:])
        head, _, column = told.partition(".")
        if head == "header" and column and rows.name:
            return Currency(column, of_header=True)
        if told not in rows.fields:
            columns[told] = self._dictionary.field(rows.table.name, told, where=f"{rows.where}.currencies")
        return Currency(told)

    def _with_currencies_of(self, header: Rows, lines: Sequence[Lines]) -> Rows:
        """The header's columns with the currencies of its lines."""
        columns = dict(header.columns)
        for each in lines:
            for currency in each.rows.currencies.values():
                if currency.of_header and currency.column not in header.fields:
                    columns[currency.column] = self._dictionary.field(
                        header.table.name, currency.column, where=f"{each.rows.where}.currencies"
                    )
        return Rows(
            header.name, header.table, header.where, columns, header.lookups, header.condition, header.outputs,
            header.currencies,
        )  # fmt: skip

    def _lookup(self, name: str, options: LookupOptions, place: str) -> Lookup:
        table = self._dictionary.table(options.table, where=f"{place}.table")
        columns = {
            out: self._dictionary.field(table.name, column, where=f"{place}.columns")
            for out, column in options.columns.items()
        }
        refuse_long(table.name, tuple(columns.values()), where=f"{place}.columns")
        on = tuple(
            (self._dictionary.field(table.name, theirs, where=f"{place}.on"), ours)
            for theirs, ours in options.on.items()
        )
        return Lookup(name, table, on, columns, condition_of(table, options.where, f"{place}.where"), place)

    # --- lines

    def _is_wanted(self, column: str) -> bool:
        return self._wanted is None or column in self._wanted

    def _has_lines(self, name: str) -> bool:
        return self._wanted is None or any(column.startswith(f"{name}.") for column in self._wanted)

    def _lines(self, name: str, options: LineOptions, header: Rows, key: tuple[str, ...]) -> Lines:
        place = f"{self._where}.lines.{name}"
        of = options.of or key
        if len(of) != len(options.parent):
            raise BadConfiguration(
                f"parent names {len(options.parent)} columns, and {len(of)} of the header belong to it",
                where=f"{place}.parent",
                hint="Name one column of the line table for each column of the header's key, or of `of`.",
            )
        table = self._dictionary.table(options.table, where=f"{place}.table")
        order = tuple(options.order_by) or table.key
        needed = {*options.parent, *order, *table.key}
        rows = self._rows(
            name, table, options.columns, options.lookups, needed, options.where, options.currencies, place
        )
        if of == key:
            for mine, theirs in zip(key, options.parent, strict=True):
                _refuse_unlike(header.fields[mine], rows.fields[theirs], f"{place}.parent")
        return Lines(rows, tuple(options.parent), tuple(of), order, of == key)

    # --- changes

    def _own(self, header: Rows, key: tuple[str, ...]) -> Source | None:
        names = self._options.replication_key
        if not names:
            return None
        place = f"{self._where}.replication_key"
        parent = tuple(header.columns[name] for name in key)
        return Source(self._table, self._stamp(self._table, names, place), header.condition, parent, place)

    def _others(self, key: Sequence[Field]) -> Iterator[Source]:
        changes = self._options.changes
        if changes.documents is not None:
            yield self._documents(changes.documents, key)
        for name, options in changes.tables.items():
            yield self._changed_table(options, key, f"{self._where}.changes.tables.{name}")

    def _documents(self, options: DocumentsOptions, key: Sequence[Field]) -> Source:
        place = f"{self._where}.changes.documents"
        table = self._dictionary.table(_CHANGE_DOCUMENTS, where=place)
        by_name = {field.name: field for field in key}
        names = tuple(options.object) or tuple(by_name)
        if set(names) != set(by_name):
            raise BadConfiguration(
                f"the key is {', '.join(by_name)}; OBJECTID cannot tell a record by {', '.join(names)}",
                where=f"{place}.object",
                hint="Name the columns of the key in the order in which OBJECTID holds them.",
            )
        stamp = self._stamp(table, ("UDATE", "UTIME"), place)
        condition = Compare("OBJECTCLAS", "=", options.object_class)
        object_key = tuple(by_name[name] for name in names)
        return Source(
            table, stamp, condition, tuple(key), place, object_key=object_key, prefix=options.prefix
        )

    def _changed_table(self, options: ChangedTableOptions, key: Sequence[Field], place: str) -> Source:
        table = self._dictionary.table(options.table, where=f"{place}.table")
        stamp = self._stamp(table, options.replication_key, f"{place}.replication_key")
        condition = condition_of(table, options.where, f"{place}.where")
        holder, via, on = table, None, tuple[tuple[Field, Field], ...]()
        if options.via is not None:
            holder = via = self._dictionary.table(options.via.table, where=f"{place}.via.table")
            on = tuple(
                (
                    self._dictionary.field(via.name, theirs, where=f"{place}.via.on"),
                    self._dictionary.field(table.name, first, where=f"{place}.via.on"),
                )
                for theirs, first in options.via.on.items()
            )
        parent = tuple(
            self._dictionary.field(holder.name, name, where=f"{place}.parent") for name in options.parent
        )
        if len(parent) != len(key):
            raise BadConfiguration(
                f"parent names {len(parent)} columns, the key has {len(key)}",
                where=f"{place}.parent",
                hint="Name one column for each column of the key, in the key's order.",
            )
        for mine, theirs in zip(key, parent, strict=True):
            _refuse_unlike(mine, theirs, f"{place}.parent")
        return Source(table, stamp, condition, parent, place, via=via, on=on)

    def _stamp(self, table: Table, names: Sequence[str], place: str) -> Stamp:
        fields = [self._dictionary.field(table.name, name, where=place) for name in names]
        kinds = [field.kind for field in fields]
        if kinds == [Kind.DATE]:
            return Stamp(fields[0])
        if kinds == [Kind.DATE, Kind.TIME]:
            return Stamp(fields[0], fields[1])
        if kinds == [Kind.DECIMAL] and fields[0].length - fields[0].decimals >= _UTC_DIGITS:
            return Stamp(fields[0], utc=True)
        raise BadConfiguration(
            f"{', '.join(f'{field.name} ({field.datatype})' for field in fields)} does not tell when a row changed",
            where=place,
            hint="Name a date, a date and the time beside it, or a time stamp (DEC 15 or DEC 21,7, in UTC).",
        )

    # --- details

    def _detail(self, name: str, options: DetailOptions) -> Detail:
        place = f"{self._where}.details.{name}"
        if not options.columns and not options.lines:
            raise BadConfiguration(
                "nothing of the function's answer is asked for", where=place, hint="Name columns or lines."
            )
        interface = self._dictionary.interface(options.function, where=f"{place}.function")
        if interface is None:
            raise SourceChanged(
                f"there is no function module {options.function} here, or it may not be called from outside",
                where=f"{place}.function",
                hint="Correct the name; SE37 shows whether it is enabled for remote calls.",
            )
        for parameter in (*options.parameters, *options.constants):
            if interface.find(parameter) is None:
                raise _no_parameter(options.function, parameter, f"{place}.parameters")
        columns = {}
        for out, told in options.columns.items():
            if not self._is_wanted(out):
                continue
            parameter, _, member = told.partition(".")
            columns[out] = (parameter, member, self._member(options.function, parameter, member, place))
        lines = []
        for set_name, each in options.lines.items():
            if not self._has_lines(set_name):
                continue
            names = each.columns or {
                field.name: field.name for field in self._members(options.function, each.parameter, place)
            }
            lines.append(
                DetailLines(
                    set_name,
                    each.parameter,
                    {
                        out: self._member(options.function, each.parameter, column, place)
                        for out, column in names.items()
                    },
                )
            )
        said = interface.find("RETURN")
        tables: dict[str, None] = dict.fromkeys(each.parameter for each in lines)
        if said is not None and said.direction is Direction.TABLES:
            tables["RETURN"] = None
        return Detail(
            options.function,
            options.parameters,
            options.constants,
            tuple(tables),
            columns,
            tuple(lines),
            options.on_error == "stop",
            place,
        )

    def _members(self, function: str, parameter: str, place: str) -> tuple[Field, ...]:
        interface = self._dictionary.interface(function, where=place)
        found = interface.find(parameter) if interface else None
        if found is None:
            raise _no_parameter(function, parameter, place)
        return (
            self._dictionary.table(found.structure, where=place).fields if found.structure else found.fields
        )

    def _member(self, function: str, parameter: str, member: str, place: str) -> Field:
        members = self._members(function, parameter, place)
        interface = self._dictionary.interface(function, where=place)
        elementary = interface.find(parameter) if interface else None
        if not member and elementary is not None and elementary.field is not None:
            return elementary.field
        found = next((field for field in members if field.name == member), None)
        if found is None:
            raise SourceChanged(
                f"{function}: {parameter} has no field {member!r}",
                where=place,
                hint=f"It has: {', '.join(field.name for field in members[:20])}.",
            )
        return found


def _no_parameter(function: str, parameter: str, place: str) -> SourceChanged:
    return SourceChanged(
        f"{function} has no parameter {parameter}",
        where=place,
        hint=f"Transaction SE37 shows the parameters of {function} on this system.",
    )


def condition_of(table: Table, where: Mapping[str, Any], place: str) -> Condition:
    """Typed literals for what the options say."""
    parts: list[Condition] = []
    for name, told in where.items():
        field = table.find(name)
        if field is None:
            raise SourceChanged(
                f"{table.name} has no column {name!r}",
                where=place,
                hint="Compare with `groundwire discover`; names are written in capitals.",
            )
        try:
            if isinstance(told, Comparison):
                parts += [
                    Compare(name, operator, literal(field, getattr(told, word)))
                    for word, operator in _OPERATORS.items()
                    if getattr(told, word) is not None
                ]
            elif isinstance(told, tuple):
                parts.append(OneOf(name, tuple(literal(field, each) for each in told)))
            else:
                parts.append(Compare(name, "=", literal(field, told)))
        except Unwritable as error:
            raise BadConfiguration(
                f"{name}: {error}",
                where=f"{place}.{name}",
                hint=f"It is a {field.datatype} of {field.length}.",
            ) from error
    return all_of(*parts)


def since(stamp: Stamp, texts: Sequence[str], operator: str) -> Condition:
    return behind([field.name for field in stamp.fields], texts, operator)


def _needed_lookups(lookups: Sequence[Lookup], wanted: set[str]) -> tuple[Lookup, ...]:
    """Those that give something that is wanted, or that another of them needs."""
    kept: list[Lookup] = []
    for lookup in reversed(lookups):
        if wanted & set(lookup.columns):
            kept.insert(0, lookup)
            wanted = wanted | {ours for _, ours in lookup.on}
    return tuple(kept)


def _refuse_unlike(mine: Field, theirs: Field, place: str) -> None:
    if mine.kind is not theirs.kind or mine.length != theirs.length:
        raise BadConfiguration(
            f"{theirs.name} ({theirs.datatype} {theirs.length}) cannot hold {mine.name} ({mine.datatype} {mine.length})",
            where=place,
            hint="Name the column that holds the record's key.",
        )
