"""Pure: a service's model as the contract's catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from drivers.contract import Column, Table
from drivers.odata.edm import Kind, Model, StructuredType

# Names under which services keep when a record was changed, the likeliest first.
_CHANGE_WORDS: Final = (
    "lastchangedatetime",
    "lastmodifieddatetime",
    "systemmodifiedat",
    "modifieddatetime",
    "lastupdatedatetime",
    "changedatetime",
    "lastchangedon",
    "updatedate",
    "lastchangedate",
    "modifiedon",
)
_ORDERED: Final = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMP_TZ, Kind.DATE, Kind.INTEGER})


def tables_of(model: Model, service: str) -> Iterator[Table]:
    """One table per entity set. `service`: named before the set where a connection has several."""
    for name in sorted(model.sets):
        type_ = model.type_of(name)
        columns = tuple(_columns(model, type_))
        yield Table(
            f"{service}/{name}" if service else name,
            columns,
            type_.key,
            replication_key=_replication_key(type_),
        )


def _columns(model: Model, type_: StructuredType, above: str = "", depth: int = 0) -> Iterator[Column]:
    for each in type_.properties.values():
        if each.complex and not each.collection and each.type in model.types and depth < 3:  # noqa: PLR2004 - deep enough
            yield from _columns(model, model.types[each.type], f"{above}{each.name}/", depth + 1)
        else:
            word = f"Collection({each.type})" if each.collection else each.type
            yield Column(f"{above}{each.name}", word, each.nullable)


def _replication_key(type_: StructuredType) -> str | None:
    names: Mapping[str, str] = {
        name.lower(): name for name, each in type_.properties.items() if each.kind in _ORDERED
    }
    return next((names[word] for word in _CHANGE_WORDS if word in names), None)
