"""Reads tables exactly: every row that matches, once, whatever order the reader gives rows in.

A reader promises no order, so a page is never "the first n rows": it is a range of the key that was read whole. Wide
tables are read in groups of columns, and rows of two groups meet by their key. A row that changed between two groups is
read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from drivers.contract import BadConfiguration, SourceBusy, SourceChanged
from drivers.keys import encode_keys
from drivers.rfc import conditions
from drivers.rfc.abap import Field, Kind, Table
from drivers.rfc.caller import CallFailed, Session
from drivers.rfc.conditions import Condition, all_of, among, behind
from drivers.rfc.groups import groups
from drivers.rfc.readers import Ambiguous, Form, Reader, fetch, is_too_wide, refused

KEYS_PER_CALL: Final = 200  # a longer condition is planned badly by databases, or refused
TRIES: Final = 4  # a row that changes under each of these reads is given back as "busy"
_NARROWEST: Final = 64
_PAGING: Final = frozenset({Kind.TEXT, Kind.DIGITS, Kind.DATE, Kind.TIME, Kind.RAW})


@dataclass(frozen=True)
class Plan:
    """What is read of a table."""

    table: Table
    columns: tuple[Field, ...]
    key: tuple[Field, ...]  # unique among the rows that the condition leaves
    condition: Condition = conditions.EVERYTHING
    where: str = ""  # its place in the connection file

    @property
    def key_names(self) -> list[str]:
        return [field.name for field in self.key]

    @property
    def primary(self) -> bool:
        """Whether the key is the table's own, by which readers sort."""
        return tuple(self.key_names) == self.table.key

    def keys_only(self) -> Plan:
        return replace(self, columns=self.key)


@dataclass(frozen=True, slots=True)
class Range:
    after: tuple[str, ...] | None = None  # exclusive
    upto: tuple[str, ...] | None = None  # inclusive


class TableReader:
    def __init__(
        self, session: Session, reader: Reader, by_offset: Reader | None, *, rows_per_call: int
    ) -> None:
        self._session = session
        self._reader = reader
        self._by_offset = by_offset
        self._rows_per_call = rows_per_call
        self._widths: dict[str, int] = {}  # of readers that take less than they should
        self._unsorted: set[str] = set()  # tables that came in another order than asked for

    def calls_for(self, plan: Plan) -> int:
        """Calls of one page of this plan, where nothing changes meanwhile."""
        parts = len(self._groups(plan))
        return 1 if parts == 1 and self._sorts(plan) else 2 * parts

    def groups_of(self, plan: Plan) -> int:
        """Into how many groups the columns are cut."""
        return len(self._groups(plan))

    def page(self, plan: Plan, after: tuple[str, ...] | None, rows: int) -> tuple[pa.Table, bool]:
        """The rows behind `after` in the order of the key, at most `rows`; whether they are the last."""
        _refuse_unordered(plan)
        rows = min(rows, self._rows_per_call)
        parts = self._groups(plan)
        if self._sorts(plan) and len(parts) == 1:
            try:
                found = self._called(plan, parts[0], Range(after), rows + 1)
            except Ambiguous:
                return self._spare(plan).page(plan, after, rows)
            if self._sorts(plan):
                _refuse_repeated(plan, found)
                return found.slice(0, rows), found.num_rows <= rows
        probe = self._fetch(plan.keys_only(), plan.key, Range(after), rows + 1)
        complete = probe.num_rows <= rows
        within = Range(after, None if complete else _key_at(plan, probe, rows - 1))
        within, first = self._narrowed(plan, parts[0], within, rows)
        found = self._completed(plan, parts, within, first, rows)
        return found.slice(0, rows), complete and within.upto is None and found.num_rows <= rows

    def _sorts(self, plan: Plan) -> bool:
        return self._reader.sorts and plan.primary and plan.table.name not in self._unsorted

    def every(self, plan: Plan) -> Iterator[pa.Table]:
        """Everything that matches, in as few calls as are safe; in the order of the key."""
        found = self._fetch_or_none(plan, self._rows_per_call)
        if found is not None:
            yield found
            return
        for page, _ in self.pages(plan, None, self._rows_per_call):
            if page.num_rows:
                yield page

    def pages(self, plan: Plan, after: tuple[str, ...] | None, rows: int) -> Iterator[tuple[pa.Table, bool]]:
        """`page` after page to the last one. Only the last may be empty."""
        complete, gone = False, 0
        while not complete:
            page, complete = self.page(plan, after, rows)
            if page.num_rows:
                after, gone = _key_at(plan, page, page.num_rows - 1), 0
            elif not complete:
                gone += 1  # what was there a moment ago is not any more
                if gone == TRIES:
                    raise _changing(plan)
                continue
            yield page, complete

    def by_keys(self, plan: Plan, columns: Sequence[Field], keys: Sequence[Sequence[str]]) -> pa.Table:
        """The rows whose `columns` are one of the keys, any number for each; in the order of the plan's key."""
        names = [field.name for field in columns]
        parts = [
            part
            for start in range(0, len(keys), KEYS_PER_CALL)
            for part in self.every(
                replace(
                    plan,
                    condition=all_of(plan.condition, among(names, keys[start : start + KEYS_PER_CALL])),
                )
            )
        ]
        if not parts:
            return _empty(plan.columns)
        return _sorted(plan, pa.concat_tables(parts)) if len(parts) > 1 else parts[0]

    # --- ranges

    def _narrowed(
        self, plan: Plan, fields: Sequence[Field], within: Range, rows: int
    ) -> tuple[Range, pa.Table]:
        """A range that was read whole and has at most `rows` rows, with what was read of it.

        The reader gave some keys, not necessarily the lowest, so the range up to the highest of them may hold more.
        Then the lowest of what came of that range bound the next try. It is never cut here: only the system's own
        answer to a range says that nothing of it is left out in the system's order of texts.
        """
        most = max(2 * rows, 16)
        while True:
            found = self._fetch(plan, fields, within, most + 1)
            _refuse_repeated(plan, found)
            if found.num_rows <= rows:
                return within, found
            within = Range(within.after, _key_at(plan, found, rows - 1))

    def _fetch_or_none(self, plan: Plan, rows: int) -> pa.Table | None:
        """Everything in one range; None where it is more than that many rows."""
        found = self._whole(plan, Range(), rows)
        return found if found.num_rows <= rows else None

    def _whole(self, plan: Plan, within: Range, rows: int) -> pa.Table:
        """The rows of the range with all their columns; where there are more than `rows`, no more than one too many."""
        parts = self._groups(plan)
        first = self._fetch(plan, parts[0], within, rows + 1)
        _refuse_repeated(plan, first)
        return first if first.num_rows > rows else self._completed(plan, parts, within, first, rows)

    # --- groups

    def _completed(
        self, plan: Plan, parts: list[tuple[Field, ...]], within: Range, first: pa.Table, rows: int
    ) -> pa.Table:
        """The other groups beside the first: each is read before and after the last one.

        A row whose groups are the same both times was whole in between.
        """
        if len(parts) == 1:
            return first
        limit = 2 * rows + 2  # others may write more meanwhile
        forward = [first, *(self._fetch(plan, part, within, limit) for part in parts[1:])]
        backward = [self._fetch(plan, part, within, limit) for part in parts[-2::-1]]
        whole, torn = _matched(plan, [*forward, *backward], len(parts))
        found = [whole]
        for _ in range(TRIES):
            if not torn:
                return _sorted(plan, pa.concat_tables(found))
            waiting, torn = torn, []
            for start in range(0, len(waiting), KEYS_PER_CALL):
                whole, still = self._again(plan, parts, waiting[start : start + KEYS_PER_CALL])
                found.append(whole)
                torn += still
        raise _changing(plan)

    def _again(
        self, plan: Plan, parts: list[tuple[Field, ...]], keys: list[tuple[str, ...]]
    ) -> tuple[pa.Table, list[tuple[str, ...]]]:
        plan = replace(plan, condition=all_of(plan.condition, among(plan.key_names, keys)))
        forward = [self._fetch(plan, part, Range(), len(keys) + 1) for part in parts]
        backward = [self._fetch(plan, part, Range(), len(keys) + 1) for part in parts[-2::-1]]
        return _matched(plan, [*forward, *backward], len(parts))

    def _groups(self, plan: Plan) -> list[tuple[Field, ...]]:
        reader = self._reader
        return groups(plan.columns, plan.key, self._widths.get(reader.function, reader.width))

    # --- one call

    def _fetch(self, plan: Plan, fields: Sequence[Field], within: Range, limit: int) -> pa.Table:
        try:
            return self._called(plan, fields, within, limit)
        except Ambiguous:
            return self._spare(plan).part(replace(plan, columns=tuple(fields)), within, limit)

    def _spare(self, plan: Plan) -> TableReader:
        if self._by_offset is None:
            raise SourceChanged(
                f"a text of {plan.table.name} holds the character that separates columns",
                where=plan.where,
                hint="Install a reader that gives rows by offset (see docs/drivers/rfc.md).",
            )
        return TableReader(self._session, self._by_offset, None, rows_per_call=self._rows_per_call)

    def part(self, plan: Plan, within: Range, limit: int) -> pa.Table:
        """The columns of one fetch, in groups of this reader's own width."""
        parts = self._groups(plan)
        for _ in range(TRIES):
            first = self._fetch(plan, parts[0], within, limit)
            if len(parts) == 1 or not first.num_rows:
                return first if len(parts) == 1 else _empty(plan.columns)
            # No further than this group came: where the limit cut it short, the others would be cut elsewhere.
            short = first.num_rows >= limit
            upto = _key_at(plan, first, first.num_rows - 1) if short else within.upto
            found = self._completed(plan, parts, Range(within.after, upto), first, limit)
            if not short or found.num_rows >= limit:  # fewer would look as if the range were read whole
                return found
        raise _changing(plan)

    def _called(self, plan: Plan, fields: Sequence[Field], within: Range, limit: int) -> pa.Table:
        reader = self._reader
        try:
            options = conditions.lines(_condition(plan, within))
        except conditions.Unwritable as error:
            raise BadConfiguration(
                str(error), where=plan.where, hint="Shorten the value in `where`, or leave it out."
            ) from error
        try:
            found = fetch(self._session, reader, plan.table, fields, options, limit=limit, where=plan.where)
        except CallFailed as error:
            narrowed = self._narrower(plan, fields) if is_too_wide(error) else None
            if narrowed is None:
                raise refused(error, plan.table.name, plan.where) from error
            return self.part(narrowed, within, limit)
        rows = pa.table({f.name: found[f.name] for f in fields})
        ordered = _sorted(plan, rows)
        if self._sorts(plan) and not ordered.select(plan.key_names).equals(rows.select(plan.key_names)):
            self._unsorted.add(plan.table.name)
        return _within(plan, ordered, within)

    def _narrower(self, plan: Plan, fields: Sequence[Field]) -> Plan | None:
        """The same columns for another try, in more groups than before; None: there is nothing left to split."""
        again = replace(plan, columns=tuple(fields))
        width = sum(field.width for field in fields)
        if self._reader.form is Form.DELIMITED or len(fields) <= len(plan.key) + 1 or width <= _NARROWEST:
            return None
        if len(self._groups(again)) == 1:
            self._widths[self._reader.function] = width * 3 // 4
        return again


def _condition(plan: Plan, within: Range) -> Condition:
    return all_of(
        plan.condition,
        behind(plan.key_names, within.after) if within.after is not None else None,
        behind(plan.key_names, within.upto, "<=") if within.upto is not None else None,
    )


def keys_of(names: Sequence[str], table: pa.Table) -> pa.ChunkedArray:
    return encode_keys([table.column(name) for name in names])


def _matched(plan: Plan, reads: list[pa.Table], count: int) -> tuple[pa.Table, list[tuple[str, ...]]]:
    """Rows that all reads agree on, with all columns; the keys of the others. `reads`: groups there and back again."""
    keys = [keys_of(plan.key_names, read) for read in reads]
    base = reads[0]
    order = [pc.index_in(keys[0], value_set=_flat(key)) for key in keys]
    present = pa.chunked_array([pa.array([True] * base.num_rows)]) if base.num_rows else pc.is_valid(order[0])
    for found in order[1:]:
        present = pc.and_(present, pc.is_valid(found))
    columns = {name: base.column(name) for name in base.column_names}
    same = present
    for number, read in enumerate(reads[1:], 1):
        for name in read.column_names:
            if name in plan.key_names:
                continue
            value = read.column(name).take(order[number])
            if number < count:
                columns[name] = value
            else:
                same = pc.and_(same, pc.fill_null(pc.equal(columns[name], value), False))  # noqa: FBT003
    whole = pa.table({field.name: columns[field.name] for field in plan.columns}).filter(same)
    agreed = _flat(keys[0].filter(same)) if base.num_rows else pa.array([], pa.string())
    torn: dict[tuple[str, ...], None] = {}
    for read, key in zip(reads, keys, strict=True):
        left = read.filter(pc.invert(pc.is_in(key, value_set=agreed)))
        for values in zip(*(left.column(name).to_pylist() for name in plan.key_names), strict=True):
            torn[values] = None
    return whole, list(torn)


def _sorted(plan: Plan, table: pa.Table) -> pa.Table:
    if table.num_rows < 2:  # noqa: PLR2004 - one row has an order
        return table
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in plan.key_names])
    return table.take(order)


def _within(plan: Plan, table: pa.Table, within: Range) -> pa.Table:
    """A system that orders texts in another way than by their characters would lose rows between two pages."""
    if table.num_rows:
        first, last = _key_at(plan, table, 0), _key_at(plan, table, table.num_rows - 1)
        below = within.after is not None and first <= within.after
        above = within.upto is not None and last > within.upto
        if below or above:
            raise SourceChanged(
                f"the system orders the key of {plan.table.name} in another way than by its characters",
                where=plan.where,
                hint="Name a key of digits and capital letters; see docs/drivers/rfc.md.",
            )
    return table


def _key_at(plan: Plan, table: pa.Table, row: int) -> tuple[str, ...]:
    return tuple(str(table.column(name)[row].as_py()) for name in plan.key_names)


def _refuse_repeated(plan: Plan, table: pa.Table) -> None:
    keys = keys_of(plan.key_names, table)
    if len(keys) == pc.count_distinct(keys).as_py():
        return
    counts = pc.value_counts(keys)
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    raise SourceChanged(
        f"more than one row of {plan.table.name} has the key {repeated[0].as_py()!r}",
        where=f"{plan.where}.key",
        hint=f"Name all columns of the table's key: {', '.join(plan.table.key)}.",
    )


def _changing(plan: Plan) -> SourceBusy:
    return SourceBusy(
        f"rows of {plan.table.name} changed during each of {TRIES} reads of them",
        where=plan.where,
        hint="It is tried again by itself. If it lasts, name fewer columns, or sync at quieter hours.",
    )


def _refuse_unordered(plan: Plan) -> None:
    for field in plan.key:
        if field.kind not in _PAGING:
            raise BadConfiguration(
                f"the key column {plan.table.name}-{field.name} is a {field.datatype}, whose text has no order",
                where=f"{plan.where}.key",
                hint="A key has texts, digits, dates, times and RAW values.",
            )


def _empty(fields: Sequence[Field]) -> pa.Table:
    return pa.table({field.name: pa.array([], pa.string()) for field in fields})


def _flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
