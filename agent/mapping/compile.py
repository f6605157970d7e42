"""A mapping table made ready: checked once, then applied to page after page. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from agent.errors import ConfigurationError, SourceChanged
from agent.mapping.evaluate import Evaluation
from agent.mapping.faults import MISSING, UNREADABLE_TEXT, Fault, Reject
from agent.mapping.grammar import columns_of, read_rules
from agent.mapping.hashes import KEY_COLUMN, Hashes, content_hashes, key_hashes
from agent.mapping.raw import raw_json, rows_of
from agent.mapping.rules import Rule
from agent.model.entities import ENTITIES
from drivers.keys import UNREADABLE_PART, may_hold


@dataclass(frozen=True, slots=True)
class Mapped:
    records: pa.Table  # `key`, the entity's columns, `content_hash`, optionally `raw`; in the page's order
    rejects: tuple[Reject, ...]
    hashes: Hashes  # content hashes, aligned with `records`
    key_hashes: Hashes  # aligned with `records`
    unknown_statuses: int = 0  # how many codes became `unknown`


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    entity: str
    where: str
    rules: tuple[Rule, ...]
    columns: frozenset[tuple[str | None, str]] = field(default_factory=frozenset)

    @property
    def source_columns(self) -> frozenset[str]:
        """What a page must hold; a column of a line set is named `set.column`."""
        return frozenset(".".join(filter(None, column)) for column in self.columns)

    def apply(self, page: pa.Table, *, with_raw: bool = False, hashes: Hashes | None = None) -> Mapped:
        """Map the records of a page; `hashes` are its content hashes, where the caller has them already."""
        self.check(page)
        stamps = content_hashes(page) if hashes is None else hashes
        evaluation = Evaluation(page)
        columns = {"key": evaluation.frames.header.column(KEY_COLUMN)}
        columns |= evaluation.members(self.rules, evaluation.frames.header)
        columns["content_hash"] = pa.array(stamps, pa.uint64())
        if with_raw:
            columns["raw"] = pa.array([raw.decode() for raw in raw_json(page)], pa.string())
        records = pa.table(columns, metadata={"entity": self.entity})
        faults = [*_without_key(records), *_with_an_unreadable_key(records), *evaluation.faults.items()]
        if not faults:
            return Mapped(records, (), stamps, key_hashes(columns["key"]), evaluation.unknown_statuses)
        keep = np.ones(page.num_rows, dtype=bool)
        keep[[record for record, _ in faults]] = False
        kept = records.filter(pa.array(keep))
        rejects = _rejects(dict(reversed(faults)), page, records, stamps)
        return Mapped(
            kept, rejects, stamps[keep], key_hashes(kept.column("key")), evaluation.unknown_statuses
        )

    def check(self, page: pa.Table) -> None:
        """Raises SourceChanged where the page lacks what the mapping reads."""
        present = _present(page)
        missing = sorted(self.source_columns - present - _uncertain(page, self.columns))
        if KEY_COLUMN not in page.column_names:
            missing.insert(0, KEY_COLUMN)
        flat = sorted(
            {lines for lines, _ in self.columns if lines is not None and not _is_line_set(page, lines)}
        )
        if flat and not missing:
            raise SourceChanged(f"the source has no lines in: {', '.join(flat)}", where=self.where)
        if missing:
            named = [f"{name}{_nearest(name, present)}" for name in missing]
            raise SourceChanged(f"the source no longer has: {', '.join(named)}", where=self.where)


def compile_mapping(table: Mapping[str, Any], *, entity: str, where: str) -> CompiledMapping:
    """Raises ConfigurationError for every mistake, naming the place in the file."""
    kind = ENTITIES.get(entity)
    if kind is None:
        near = difflib.get_close_matches(entity, ENTITIES, n=1, cutoff=0.3)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(ENTITIES)}."
        raise ConfigurationError(f"there is no entity {entity!r}", where=where, hint=hint)
    rules = read_rules(table, entity=kind, where=where)
    return CompiledMapping(entity, where, rules, columns_of(rules))


def _is_line_set(page: pa.Table, name: str) -> bool:
    if name not in page.column_names:
        return False
    kind = page.schema.field(name).type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return is_list and (pa.types.is_struct(kind.value_type) or pa.types.is_null(kind.value_type))


def _present(page: pa.Table) -> set[str]:
    names: set[str] = set()
    for column in page.schema:
        names.add(column.name)
        kind = column.type
        if (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and pa.types.is_struct(kind.value_type):
            names |= {f"{column.name}.{member.name}" for member in kind.value_type.fields}
    return names


def _uncertain(page: pa.Table, columns: Iterable[tuple[str | None, str]]) -> set[str]:
    """Columns of line sets of which no page row has a line, so that the page may not say what they hold."""
    silent = {
        column.name
        for column in page.schema
        if pa.types.is_list(column.type) and pa.types.is_null(column.type.value_type)
    }
    return {f"{lines}.{name}" for lines, name in columns if lines in silent}


def _nearest(name: str, present: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(present), n=1, cutoff=0.6)
    return f" (it has {near[0]})" if near else ""


def _without_key(records: pa.Table) -> Iterator[tuple[int, Fault]]:
    keys = records.column("key")
    if keys.null_count:
        for record in np.flatnonzero(keys.is_null().to_numpy()).tolist():
            yield record, Fault("key", MISSING, "the record has no key")


def _with_an_unreadable_key(records: pa.Table) -> Iterator[tuple[int, Fault]]:
    """Named by its bytes, so that it is found again here; nobody else could do anything with such a name."""
    keys = records.column("key")
    if not may_hold(keys, b"%"):
        return
    for record in np.flatnonzero(pc.match_substring_regex(keys, UNREADABLE_PART).to_numpy()).tolist():
        sentence = "a part of the key has bytes in no character set that the connection declares"
        yield record, Fault("key", UNREADABLE_TEXT, sentence)


def _rejects(
    faults: Mapping[int, Fault], page: pa.Table, records: pa.Table, stamps: Hashes
) -> tuple[Reject, ...]:
    numbers = sorted(faults)
    rows = pa.array(numbers, pa.int64())
    keys = records.column("key").take(rows).to_pylist()
    raws = raw_json(rows_of(page, rows))
    found = []
    for number, key, raw in zip(numbers, keys, raws, strict=True):
        fault = faults[number]
        found.append(Reject(key or "", fault.field, fault.reason, fault.message, int(stamps[number]), raw))
    return tuple(found)
