"""What a changed mapping would make of real rows, beside what the one in force makes of them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from agent.errors import SourceChanged
from agent.mapping.compile import CompiledMapping, Mapped
from agent.model.render import to_documents
from drivers.contract import KEY_COLUMN

Leave = Callable[[pa.Table], pa.Table]
MAX_DIFFERENCES: Final = 100  # of one record
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
    differences: tuple[Difference, ...]  # the first ones
    more: int  # how many there are beyond them, such as of an order with thousands of lines
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

    def rows(self, leave: Leave = lambda records: records) -> Iterator[Row]:
        """Every row that may be shown, made as it is asked for; `leave` takes out of the records what may not."""
        before, after = _Shown.of(self.before, leave), _Shown.of(self.after, leave)
        held = before.held | after.held  # a row that one of the two may not show is not shown at all
        rejected_before = self.before.rejected if self.before is not None else {}
        for key in self.keys:
            if key in held or (key not in before.places and key not in after.places):
                continue
            found = _differences(before.document(key, self.entity), after.document(key, self.entity))
            first = tuple(islice(found, MAX_DIFFERENCES))
            more = sum(1 for _ in found)
            yield Row(key, first, more, key in rejected_before, key in self.after.rejected)


@dataclass(frozen=True, slots=True)
class _Shown:
    """The records of one side that may be shown. They become documents one by one: lines may be many."""

    records: pa.Table | None
    places: Mapping[str, int]
    held: frozenset[str]  # keys of the others

    @classmethod
    def of(cls, side: Side | None, leave: Leave) -> _Shown:
        if side is None:
            return cls(None, {}, frozenset())
        records = leave(side.records)
        places = {key: place for place, key in enumerate(records["key"].to_pylist())}
        return cls(records, places, frozenset(side.records["key"].to_pylist()) - places.keys())

    def document(self, key: str, entity: str) -> Mapping[str, Any]:
        if self.records is None or key not in self.places:
            return {}
        (document,) = to_documents(self.records, [self.places[key]], entity=entity)
        return {name: value for name, value in document.items() if name not in UNSEEN}


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


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    old, new = dict(_leaves(before)), dict(_leaves(after))
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
