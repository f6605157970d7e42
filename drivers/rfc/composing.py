"""Rows of a stream's tables -> a page: looked-up columns, details, lines, types. Set-wise, for all rows of a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from drivers.contract import KEY_COLUMN, SourceChanged
from drivers.nesting import LineSet, nested
from drivers.rfc.abap import Field, Kind
from drivers.rfc.caller import CallFailed, Session, Trouble, rows, structure
from drivers.rfc.changes import plan_of
from drivers.rfc.columns import BadColumn, type_of, typed
from drivers.rfc.conditions import all_of, behind
from drivers.rfc.conversions import NotConvertible, decimal_text, from_abap, raw_in_reply
from drivers.rfc.errors import NO_AUTHORITY, translate
from drivers.rfc.returns import failure_in
from drivers.rfc.shape import Currency, Detail, Lines, Rows, StreamShape
from drivers.rfc.tables import Plan, TableReader, keys_of


@dataclass(frozen=True)
class Composer:
    session: Session
    reader: TableReader
    shape: StreamShape
    currencies: Callable[[], Mapping[str, int]]  # TCURX; asked only where there are amounts

    def header_plan(self) -> Plan:
        """What is read of the header's table, with the page's names undone."""
        header, key = self.shape.header, self.shape.key_fields
        columns = {field.name: field for field in (*key, *header.columns.values())}
        return Plan(header.table, tuple(columns.values()), key, header.condition, header.where)

    def page(self, found: pa.Table, *, contiguous: bool) -> pa.Table:
        """`found` as `header_plan` reads it. `contiguous`: every record between the first and the last is in it."""
        shape = self.shape
        header = self._with_lookups(shape.header, _renamed(shape.header, found))
        keys = keys_of(shape.key, header)
        table = self._typed(shape.header, header, None).add_column(0, KEY_COLUMN, keys)
        for detail in shape.details:
            for name, column in self._details(detail, header):
                table = table.append_column(name, column)
        for lines in shape.lines:
            table = table.append_column(lines.rows.name, self._lines(lines, header, contiguous=contiguous))
        return table

    def keys_page(self, found: pa.Table) -> pa.Table:
        return pa.table({KEY_COLUMN: keys_of(found.column_names, found)})

    # --- lines

    def _lines(self, lines: Lines, header: pa.Table, *, contiguous: bool) -> pa.Array:
        owners = keys_of(lines.of, header)
        own = lines.rows
        plan = plan_of(own.table, list(own.columns.values()), own.condition, own.where)
        parent = [own.columns[name] for name in lines.parent]
        values = list(
            dict.fromkeys(zip(*(header.column(name).to_pylist() for name in lines.of), strict=True))
        )
        values = [value for value in values if all(part is not None for part in value) and any(value)]
        if not values:
            found = _nothing(plan)
        elif contiguous and lines.by_key and len(values) > 1:
            names = [field.name for field in parent]
            bounds = all_of(behind(names, min(values), ">="), behind(names, max(values), "<="))
            parts = list(
                self.reader.every(
                    Plan(plan.table, plan.columns, plan.key, all_of(plan.condition, bounds), plan.where)
                )
            )
            found = pa.concat_tables([_nothing(plan), *parts])
        else:
            found = self.reader.by_keys(plan, parent, values)
        table = self._with_lookups(own, _renamed(own, found))
        table = table.take(
            pc.sort_indices(
                table,
                sort_keys=[(name, "ascending") for name in dict.fromkeys((*lines.parent, *lines.order_by))],
            )
        )
        parents = _flat(keys_of(lines.parent, table))
        where = pc.index_in(parents, value_set=_flat(owners))
        content = self._typed(own, table, header.take(pc.fill_null(where, 0)) if header.num_rows else header)
        unique = pc.unique(owners)
        lists = nested(pa.chunked_array([unique]), LineSet(own.name, pa.chunked_array([parents]), content))
        return lists.take(_flat(pc.index_in(owners, value_set=unique)))

    # --- lookups

    def _with_lookups(self, own: Rows, table: pa.Table) -> pa.Table:
        for lookup in own.lookups:
            theirs = [field for field, _ in lookup.on]
            ours = [name for _, name in lookup.on]
            values = dict.fromkeys(zip(*(table.column(name).to_pylist() for name in ours), strict=True))
            wanted = [value for value in values if all(part is not None for part in value) and any(value)]
            plan = plan_of(lookup.table, [*theirs, *lookup.columns.values()], lookup.condition, lookup.where)
            found = self.reader.by_keys(plan, theirs, wanted) if wanted else _nothing(plan)
            # The first by the table's own key, where there are several.
            where = pc.index_in(
                keys_of(ours, table), value_set=_flat(keys_of([field.name for field in theirs], found))
            )
            for name, field in lookup.columns.items():
                table = table.append_column(name, found.column(field.name).take(where))
        return table

    # --- types

    def _typed(self, own: Rows, table: pa.Table, header: pa.Table | None) -> pa.Table:
        """The columns of the page; `header`: the header's row beside each line."""
        columns = {}
        for name in own.outputs:
            field = own.fields[name]
            beside = own.currencies.get(name)
            try:
                columns[name] = typed(
                    field,
                    _flat(table.column(name)),
                    None if beside is None else _currencies(beside, table, header),
                    self.currencies() if beside is not None and field.kind is Kind.CURRENCY else {},
                )
            except (BadColumn, NotConvertible) as error:
                raise SourceChanged(
                    f"{own.table.name}-{field.name}: {error}",
                    where=own.where,
                    hint="The reader writes this column in a form that is not known; name another in options.reader, "
                    "or leave the column out.",
                ) from error
        if not columns:
            return pa.table({"_": pa.nulls(table.num_rows)}).select([])
        return pa.table(columns)

    # --- details

    def _details(self, detail: Detail, header: pa.Table) -> Iterator[tuple[str, pa.Array]]:
        names = list(detail.parameters.values())
        replies = [
            self._detail(detail, dict(zip(detail.parameters, values, strict=True)))
            for values in zip(*(header.column(name).to_pylist() for name in names), strict=True)
        ]
        for name, (parameter, member, field) in detail.columns.items():
            holders = [structure(reply, parameter) if member else reply for reply in replies]
            values = [_value(field, holder.get(member or parameter), detail) for holder in holders]
            yield name, pa.array(values, type_of(field))
        for lines in detail.lines:
            kind = pa.list_(
                pa.struct([pa.field(name, type_of(field)) for name, field in lines.columns.items()])
            )
            content = [
                [
                    {
                        name: _value(field, row.get(field.name), detail)
                        for name, field in lines.columns.items()
                    }
                    for row in rows(reply, lines.parameter)
                ]
                for reply in replies
            ]
            yield lines.name, pa.array(content, kind)

    def _detail(self, detail: Detail, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        tables: dict[str, Any] = {name: [] for name in detail.tables}
        try:
            reply = self.session.call(detail.function, **parameters, **detail.constants, **tables)
        except CallFailed as error:
            if error.trouble is Trouble.EXCEPTION and not detail.stops and error.key not in NO_AUTHORITY:
                return {}
            raise translate(error, where=detail.where) from error
        failed = failure_in(reply)
        if failed is not None and detail.stops:
            raise SourceChanged(
                f"{detail.function} says of {', '.join(map(str, parameters.values()))}: {failed.text}",
                where=detail.where,
                hint='Look at the record in SAP; with on_error = "empty" such records go without these columns.',
            )
        return {} if failed is not None else reply


def _value(field: Field, value: Any, detail: Detail) -> str | int | None:
    """A BAPI's value: its amounts are real ones already, whatever the currency."""
    if value is None:
        return None
    try:
        if field.kind is Kind.RAW:
            return raw_in_reply(value, field.length)
        return decimal_text(value) if field.kind is Kind.CURRENCY else from_abap(field, value)
    except NotConvertible as error:
        raise SourceChanged(
            f"{detail.function} gave {field.name} a value that is none of its type: {error}",
            where=detail.where,
            hint="Leave the column out.",
        ) from error


def _currencies(beside: Currency, table: pa.Table, header: pa.Table | None) -> pa.Array:
    if beside.constant:
        return pa.array([beside.constant] * table.num_rows, pa.string())
    holder = header if beside.of_header and header is not None else table
    return _flat(holder.column(beside.column))


def _renamed(own: Rows, found: pa.Table) -> pa.Table:
    """Columns by the page's names; one column of the table may have several."""
    return pa.table({name: found.column(field.name) for name, field in own.columns.items()})


def _nothing(plan: Plan) -> pa.Table:
    return pa.table({field.name: pa.array([], pa.string()) for field in plan.columns})


def _flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if not isinstance(column, pa.ChunkedArray):
        return column
    joined = column.combine_chunks()
    return joined if isinstance(joined, pa.Array) else pa.concat_arrays(joined.chunks)


def keys_in(table: pa.Table, names: Sequence[str]) -> list[tuple[str, ...]]:
    return list(zip(*(table.column(name).to_pylist() for name in names), strict=True))
