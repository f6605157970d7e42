"""Carrying out the rules of a mapping on one page, a whole column at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from agent.mapping.casting import has_true, null_where, unify
from agent.mapping.convert import convert, converted_constant
from agent.mapping.decimals import alike, narrowed
from agent.mapping.faults import (
    MISSING,
    UNMAPPED_VALUE,
    UNREADABLE_TEXT,
    Fault,
    Faults,
    Report,
    unreadable,
)
from agent.mapping.frame import Frame, PageFrames, interleave
from agent.mapping.rules import (
    Coalesce,
    Column,
    Concat,
    Conditions,
    Const,
    Count,
    CustomRule,
    HeaderColumn,
    LineLookup,
    LinesRule,
    ObjectRule,
    RowsRule,
    Rule,
    ScalarRule,
    Source,
    SourceKey,
    StatusRule,
    StringsRule,
    Total,
    Value,
)
from agent.mapping.text import (
    constant_text,
    in_case,
    to_text,
    translated,
    trimmed,
    without_leading_zeros,
)
from agent.model.columns import close_list, close_struct
from agent.model.entities import UNKNOWN_STATUS
from drivers.keys import encode_keys

_UNIT: Final = "\x1f"  # between a record's number and a key; a record's number has no such character


class Evaluation:
    """One page being mapped: its frames, and what has been found wrong with it."""

    def __init__(self, page: pa.Table) -> None:
        self.frames = PageFrames(page)
        self.faults = Faults()
        self.unknown_statuses = 0

    def members(self, rules: Sequence[Rule], frame: Frame) -> dict[str, pa.Array]:
        columns: dict[str, pa.Array] = {}
        for rule in rules:
            columns[rule.name] = self._column(rule, frame, columns)
        return columns

    def _column(self, rule: Rule, frame: Frame, made: dict[str, pa.Array]) -> pa.Array:  # noqa: PLR0911 - one of each rule
        if isinstance(rule, ScalarRule):
            return self._value(rule.value, frame, rule.path)
        if isinstance(rule, StatusRule):
            return self._status(rule, frame, made)
        if isinstance(rule, StringsRule):
            return self._strings(rule, frame)
        if isinstance(rule, LinesRule):
            return self._lines(rule)
        if isinstance(rule, RowsRule):
            return self._rows(rule, frame)
        if isinstance(rule, CustomRule):
            return self._struct(self.members(rule.members, frame), frame)
        return self._object(rule, frame)

    def _report(self, frame: Frame, path: str) -> Report:
        def report(mask: pa.BooleanArray, reason: str, message: str) -> None:
            rows = np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False))  # noqa: FBT003 - the fill value
            positions = frame.positions[rows]

            def fault(index: int) -> Fault:
                line = f"line {positions[index]}: " if positions[index] else ""
                return Fault(path, reason, f"{line}{message}")

            self.faults.add(frame.records[rows], fault)

        return report

    def _refuse_unreadable(self, frame: Frame, column: str, path: str) -> None:
        """A record of which something is used that no text can be made of cannot pass; what is not used does no harm."""
        found = frame.unreadable(column)
        if not found:
            return
        rows = list(found)

        def fault(index: int) -> Fault:
            line = f"line {frame.positions[rows[index]]}: " if frame.positions[rows[index]] else ""
            return Fault(path, UNREADABLE_TEXT, line + unreadable(column, *found[rows[index]]))

        self.faults.add(frame.records[np.array(rows)], fault)

    # --- one value ---

    def _value(self, value: Value, frame: Frame, path: str) -> pa.Array:
        report = self._report(frame, path)
        column = self._prepared(value, frame, path)
        if value.values is not None:
            column = self._translated(value, column, report)
        else:
            time = None if value.date.time is None else self._source(value.date.time, frame, path)
            column = convert(column, value, time, report)
        return self._finished(value, column, report)

    def _finished(self, value: Value, column: pa.Array, report: Report) -> pa.Array:
        if value.default is not None and column.null_count:
            fallback = converted_constant(value.default, value.kind, len(column))
            column = pc.coalesce(*alike([column, fallback], report))
        if value.required and column.null_count:
            report(column.is_null(), MISSING, "a required value is missing")
        return column

    def _prepared(self, value: Value, frame: Frame, path: str) -> pa.Array:
        """The source, as text wherever the mapping does something that only texts know."""
        column = self._source(value.source, frame, path)
        if isinstance(value.source, Const):
            return converted_constant(value.source.value, value.kind, frame.length)
        if not (value.trim or value.strip_zeros or value.case or value.values):
            return column
        if not pa.types.is_string(column.type):
            if not (value.strip_zeros or value.case or value.values):
                return column  # `trim` of what is no text, as a default for a whole mapping, changes nothing
            column = to_text(column, self._report(frame, path))
        if value.trim:
            column = trimmed(column)
        if value.strip_zeros:
            column = without_leading_zeros(column)
        return in_case(column, value.case) if value.case else column

    def _translated(self, value: Value, codes: pa.Array, report: Report) -> pa.Array:
        assert value.values is not None  # noqa: S101 - says it to the type checker; the only caller has looked
        meaning = translated(codes, value.values.values)
        unnamed = pc.and_(codes.is_valid(), meaning.is_null())
        if value.default is not None:
            meaning = pc.if_else(unnamed, constant_text(value.default), meaning)
        elif not value.values.strict:
            meaning = pc.coalesce(meaning, codes)
        elif has_true(unnamed):
            report(unnamed, UNMAPPED_VALUE, "values names no meaning for this code, and there is no default")
        return converted_constant(meaning, value.kind, len(codes))

    def _status(self, rule: StatusRule, frame: Frame, made: dict[str, pa.Array]) -> pa.Array:
        value = rule.value
        codes = to_text(self._prepared(value, frame, rule.path), self._report(frame, rule.path))
        if rule.keep_code:
            made["status_key"] = codes
        status = codes if value.values is None else translated(codes, value.values.values)
        if rule.known is not None:
            status = null_where(
                status, pc.invert(pc.is_in(status, pa.array(sorted(rule.known), pa.string())))
            )
        elif value.values is not None and value.default is None:
            return pc.coalesce(status, codes)
        unnamed = pc.and_(codes.is_valid(), status.is_null())
        if rule.known is not None:
            unknown = value.default if value.default is not None else UNKNOWN_STATUS
            if unknown == UNKNOWN_STATUS:
                self.unknown_statuses += pc.sum(unnamed, min_count=0).as_py()
            status = pc.if_else(unnamed, unknown, status)
        return self._finished(value, status, self._report(frame, rule.path))

    # --- where a value comes from ---

    def _source(self, source: Source, frame: Frame, path: str) -> pa.Array:  # noqa: PLR0911 - one of each source
        if isinstance(source, Column):
            self._refuse_unreadable(frame, source.name, path)
            return frame.column(source.name)
        if isinstance(source, HeaderColumn):
            self._refuse_unreadable(self.frames.header, source.name, path)
            return self.frames.header.column(source.name).take(pa.array(frame.records))
        if isinstance(source, Coalesce):
            return self._coalesce(source, frame, path)
        if isinstance(source, Concat):
            return _joined([self._value(part, frame, path) for part in source.parts], source.separator)
        if isinstance(source, SourceKey):
            report = self._report(frame, path)
            return encode_keys(
                [to_text(self._source(column, frame, path), report) for column in source.columns]
            )
        if isinstance(source, LineLookup):
            return self._looked_up(source, frame, path)
        if isinstance(source, Total):
            return self._total(source, path)
        if isinstance(source, Count):
            lines, offsets = self.frames.lines(source.lines)
            if source.where:
                offsets = self.frames.offsets_of(self._chosen(source.where, lines, path))
            return pa.array(np.diff(offsets).astype(np.int64))
        return pa.nulls(frame.length, pa.string())

    def _coalesce(self, source: Coalesce, frame: Frame, path: str) -> pa.Array:
        parts = [self._value(part, frame, path) for part in source.parts]
        try:
            return pc.coalesce(*unify(parts))
        except TypeError:
            report = self._report(frame, path)
            return pc.coalesce(*(to_text(part, report) for part in parts))

    def _looked_up(self, source: LineLookup, frame: Frame, path: str) -> pa.Array:
        lines, offsets = self.frames.lines(source.lines)
        for name in filter(None, (source.take, source.match)):
            self._refuse_unreadable(lines, name, path)
        taken = lines.column(source.take)
        if source.match is None:
            first = np.where(np.diff(offsets) > 0, offsets[:-1], -1)[frame.records]
            return taken.take(pa.array(first, pa.int64(), mask=first < 0))
        report = self._report(frame, path)
        wanted = (
            pa.array([source.equals] * frame.length, pa.string())
            if source.key is None
            else to_text(self._source(source.key, frame, path), report)
        )
        present = to_text(lines.column(source.match), report)
        found = pc.index_in(_within_record(frame, wanted), _within_record(lines, present), skip_nulls=True)
        return taken.take(found)

    def _total(self, source: Total, path: str) -> pa.Array:
        lines, _ = self.frames.lines(source.lines)
        if source.where:
            lines = self._chosen(source.where, lines, path)
        amounts = self._value(source.of, lines, path)
        kind = amounts.type
        # 76 digits hold the sum of any number of lines that fit in memory.
        wide = amounts.cast(pa.decimal256(76, kind.scale))
        table = pa.table({"record": pa.array(lines.records), "amount": wide})
        sums = table.group_by("record", use_threads=False).aggregate([("amount", "sum")])
        at = pc.index_in(pa.array(self.frames.header.records), sums.column("record").combine_chunks())
        total = sums.column("amount_sum").combine_chunks().take(at)
        return narrowed(total)

    # --- nested values ---

    def _strings(self, rule: StringsRule, frame: Frame) -> pa.Array:
        texts = [trimmed(self._value(value, frame, rule.path)) for value in rule.values]
        keep = [text.is_valid().to_numpy(zero_copy_only=False) for text in texts]
        offsets, values = interleave(texts, keep)
        array = pa.ListArray.from_arrays(pa.array(offsets), values)
        return null_where(array, pa.array(np.diff(offsets) == 0))

    def _struct(self, columns: dict[str, pa.Array], frame: Frame) -> pa.StructArray:
        return close_struct(list(columns), list(columns.values()), like=pa.array(frame.positions))

    def _object(self, rule: ObjectRule, frame: Frame) -> pa.Array:
        columns = self.members(rule.members, frame)
        empty = _all_null(list(columns.values()))
        return pa.StructArray.from_arrays(list(columns.values()), names=list(columns), mask=empty)

    def _lines(self, rule: LinesRule) -> pa.Array:
        frame, offsets = self.frames.lines(rule.lines)
        if rule.where:
            frame = self._chosen(rule.where, frame, rule.path)
            offsets = self.frames.offsets_of(frame)
        columns = self.members(rule.members, frame)
        return close_list(pa.array(offsets), self._struct(columns, frame))

    def _chosen(self, where: Conditions, frame: Frame, path: str) -> Frame:
        keep = np.ones(frame.length, dtype=bool)
        for column, codes in where:
            self._refuse_unreadable(frame, column, path)
            text = to_text(frame.column(column), self._report(frame, path))
            # Whether a source says nothing as null or as a blank text is a matter of its protocol.
            text = pc.fill_null(text, "")
            keep &= pc.is_in(text, pa.array(sorted(codes), pa.string())).to_numpy(zero_copy_only=False)
        return frame.filter(keep)

    def _rows(self, rule: RowsRule, frame: Frame) -> pa.Array:
        rows = [self.members(members, frame) for members in rule.rows]
        names = list(dict.fromkeys(name for row in rows for name in row))
        keep = [pc.invert(_all_null(list(row.values()))).to_numpy(zero_copy_only=False) for row in rows]
        offsets, members = interleave([pa.nulls(frame.length, pa.int8())] * len(rows), keep)[0], []
        for name in names:
            found = [row[name] for row in rows if name in row]
            same = alike(found, self._report(frame, rule.path))
            columns, kind = iter(same), same[0].type
            filled = [next(columns) if name in row else pa.nulls(frame.length, kind) for row in rows]
            members.append(interleave(filled, keep)[1])
        return close_list(pa.array(offsets), close_struct(names, members, like=members[0]))


def _all_null(columns: Sequence[pa.Array]) -> pa.BooleanArray:
    empty = columns[0].is_null()
    for column in columns[1:]:
        empty = pc.and_(empty, column.is_null())
    return empty


def _within_record(frame: Frame, text: pa.Array) -> pa.Array:
    """Texts that are equal only if they are equal and of one record."""
    return pc.binary_join_element_wise(pa.array(frame.records).cast(pa.string()), text, _UNIT)


def _joined(parts: list[pa.Array], separator: str) -> pa.Array:
    """The parts that are there, joined; null where none is."""
    nothing = _all_null(parts)
    # Arrow drops the rows in which every part is skipped, so that all later rows move up; such rows get a part.
    first = pc.if_else(nothing, "", parts[0])
    joined = pc.binary_join_element_wise(first, *parts[1:], separator, null_handling="skip")
    return null_where(joined, nothing)
