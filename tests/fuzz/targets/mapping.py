"""A mapping and a page as somebody may write and a source may send them: refused with its field, or records and rejects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from agent.errors import ConfigurationError, GroundwireError
from agent.mapping.compile import compile_mapping
from agent.model.entities import ENTITIES
from agent.model.payload import PayloadTooLarge, decode, encode_records
from agent.model.render import to_documents
from tests.fuzz.draws import Draws
from tests.unit.mapping.test_any_source import COLUMNS, SPECS

TYPES = tuple(COLUMNS.values())
WORDS = (
    "from", "const", "default", "values", "trim", "upper", "strip_zeros", "scale", "as", "zone", "date", "time",
    "empty_dates", "decimal_separator", "thousands", "concat", "separator", "coalesce", "key", "lines", "map", "where",
    "header", "lookup", "match", "take", "count", "odd", "first", "status", "decimal", "boolean", "integer", "yyyymmdd",
    "odata_v2", "Europe/Berlin", "approved", "closed", "c", "d", "l", "1", "-", ",", "", "custom", "defaults", "lookups",
)  # fmt: skip
FIELDS = tuple(dict.fromkeys(field.alias for entity in ENTITIES.values() for field in entity.fields))
SCALARS = (True, False, 0, 1, -1, 40, 2**70, 0.5, float("nan"), None)
DEPTH = 4
ROWS = 3


def seeds() -> Iterator[bytes]:
    yield b""
    for number in range(len(SPECS)):
        yield bytes([0, number + 1, *([number, 3, 7] * 4)])
    for first in range(0, 250, 10):
        yield bytes((first * place + place) % 251 for place in range(60))


def _value(draws: Draws, depth: int = 0) -> Any:
    kind = draws.below(8 if depth < DEPTH else 4)
    if kind < 3:
        return draws.one_of(WORDS)
    if kind == 3:
        return draws.one_of(SCALARS) if draws.flag() else draws.text(8)
    if kind == 4:
        return [_value(draws, depth + 1) for _ in range(draws.below(4))]
    return _table(draws, depth + 1)


def _table(draws: Draws, depth: int) -> dict[str, Any]:
    return {
        draws.one_of(FIELDS if draws.flag() else WORDS): _value(draws, depth) for _ in range(draws.below(5))
    }


def _mapping(draws: Draws) -> dict[str, Any]:
    """One that works, with something of its own in it; or anything."""
    good = draws.below(len(SPECS) + 1)
    if not good:
        return _table(draws, 0)
    spec = {"orderNo": {"const": "1"}, **list(SPECS.values())[good - 1]}
    name = draws.one_of(sorted(spec))
    inner = spec[name]
    if isinstance(inner, dict) and draws.flag():
        return spec | {name: inner | {draws.one_of(WORDS): _value(draws, 1)}}
    return spec | ({draws.one_of(FIELDS): _value(draws, 1)} if draws.flag() else {})


def _page(draws: Draws) -> pa.Table:
    line = pa.StructArray.from_arrays([draws.one_of(TYPES), draws.one_of(TYPES)], names=["c", "d"])
    offsets = draws.one_of(([0, 1, 2, 3], [0, 0, 3, 3], [0, 3, 3, 3]))
    return pa.table(
        {
            "__key": ["1", "2", draws.text(6)],
            "c": draws.one_of(TYPES),
            "d": draws.one_of(TYPES),
            "l": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), line),
            "lines": draws.one_of(TYPES),
        }
    )


def feed(data: bytes) -> None:
    draws = Draws(data)
    entity = draws.one_of(("purchase_order", *ENTITIES))
    try:
        compiled = compile_mapping(_mapping(draws), entity=entity, where="w")
    except ConfigurationError as error:
        if not error.where:
            raise
        return
    try:
        mapped = compiled.apply(_page(draws), with_raw=draws.flag())
    except GroundwireError:
        return  # the source lacks a column, or it has another shape
    assert mapped.records.num_rows + len(mapped.rejects) == ROWS
    try:
        payload = encode_records(mapped.records, {"entity": entity})
    except PayloadTooLarge:
        return
    table = decode("records", payload).table
    assert table is not None
    assert len(to_documents(table, range(table.num_rows), include_raw=True)) == table.num_rows
