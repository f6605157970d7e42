"""What a changed mapping would make of real rows, beside what the one in force makes of them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from agent.errors import SourceChanged
from agent.mapping.compile import CompiledMapping, Mapped
from agent.model.render import to_documents
from drivers.contract import KEY_COLUMN

Leave = Callable[[pa.Table], pa.Table]
UNSEEN: Final = ("contentHash", "sourceKey", "connection", "system", "syncRun", "readAt")


@dataclass(frozen=True, slots=True)
class Side:
    """What one mapping makes of the rows."""

    records: pa.Table
    rejected: Mapping[str, str]  # key -> field
    reasons: Mapping[tuple[str, str], int]  # (field, reason) -> how many records
    unknown_statuses: int

    @classmethod
    def of(cls, mapped: Mapped) -> Side:
        return cls(
            mapped.records,
            {reject.key: reject.field for reject in mapped.rejects},
            Counter((reject.field, reject.reason) for reject in mapped.rejects),
            mapped.unknown_statuses,
        )

    def to_document(self) -> dict[str, Any]:
        """Numbers and codes alone: no value of the source."""
        reasons = sorted(self.reasons.items(), key=lambda item: -item[1])
        return {
            "rejected": len(self.rejected),
            "reasons": [{"field": f, "reason": reason, "count": n} for (f, reason), n in reasons],
            "unknownStatuses": self.unknown_statuses,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Row:
    key: str
    differences: tuple[Difference, ...]
    rejected_before: bool
    rejected_after: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    entity: str
    keys: tuple[str, ...]  # of the rows that were tried, in the source's order
    before: Side | None  # None: the mapping in force cannot be applied to what the source has
    after: Side
    withheld: int = 0  # rows that were not looked at, for they may not leave

    @property
    def tried(self) -> int:
        return len(self.keys)

    @property
    def more_rejects(self) -> bool:
        before = self.tried if self.before is None else len(self.before.rejected)
        return len(self.after.rejected) > before

    def rows(self, leave: Leave = lambda records: records) -> list[Row]:
        """Every row that may be shown; `leave` takes out of the records what may not."""
        before, held_before = _documents(self.before, leave, self.entity)
        after, held_after = _documents(self.after, leave, self.entity)
        held = held_before | held_after  # a row that one of the two may not show is not shown at all
        rejected_before = self.before.rejected if self.before is not None else {}
        return [
            Row(
                key,
                tuple(_differences(before.get(key), after.get(key))),
                key in rejected_before,
                key in self.after.rejected,
            )
            for key in self.keys
            if key not in held and (key in before or key in after)
        ]


def compare(
    before: CompiledMapping | None, after: CompiledMapping, page: pa.Table, leave: Leave | None = None
) -> Comparison:
    """With `leave`, of the rows whose record leaves as it is made now: also a number tells something of a row.

    Raises SourceChanged where the page lacks what `after` reads.
    """
    withheld = 0
    if leave is not None:
        chosen = _leaving(before, page, leave)
        withheld, page = page.num_rows - chosen.num_rows, chosen
    made = Side.of(after.apply(page))
    try:
        known = Side.of(before.apply(page)) if before is not None else None
    except SourceChanged:
        known = None
    return Comparison(after.entity, tuple(page[KEY_COLUMN].to_pylist()), known, made, withheld)


def _leaving(mapping: CompiledMapping | None, page: pa.Table, leave: Leave) -> pa.Table:
    try:
        records = mapping.apply(page).records if mapping is not None else None
    except SourceChanged:
        records = None
    if records is None:
        return page.slice(0, 0)  # nobody can tell which of them leave
    keys = leave(records)["key"].combine_chunks()
    return page.filter(pc.is_in(page[KEY_COLUMN], value_set=keys))


def _documents(side: Side | None, leave: Leave, entity: str) -> tuple[dict[str, dict[str, Any]], set[str]]:
    """The documents that may be shown, by key, and the keys of the others."""
    if side is None:
        return {}, set()
    records = leave(side.records)
    documents = to_documents(records, range(records.num_rows), entity=entity)
    shown = {
        document["key"]: {name: value for name, value in document.items() if name not in UNSEEN}
        for document in documents
    }
    return shown, set(side.records["key"].to_pylist()) - set(shown)


def _differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Iterator[Difference]:
    old, new = dict(_leaves(before or {})), dict(_leaves(after or {}))
    for name in dict.fromkeys((*old, *new)):
        if name != "key" and (
            old.get(name) != new.get(name) or type(old.get(name)) is not type(new.get(name))
        ):
            yield Difference(name, old.get(name), new.get(name))


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, below in value.items():
            yield from _leaves(below, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _leaves(below, f"{place}[{index}]")
    else:
        yield place, value
