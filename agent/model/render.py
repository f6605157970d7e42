"""Rows of an entity table as JSON-ready documents, a column at a time until the last step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from itertools import pairwise, repeat
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from agent.model.columns import one_array, open_list
from agent.model.entities import BATCH_PROVENANCE, ENTITIES, PROVENANCE, Field, Kind
from agent.model.run import rfc3339

Document = dict[str, Any]
_Values = list[Any]
# Made once: Arrow looks for pandas with each Python value that it is given, which takes a while without one.
NO_TEXT: Final = pa.scalar("")
_ZERO_TEXT: Final = pa.scalar("0")
_UTC: Final = pa.scalar("Z")
_MICROSECONDS: Final = pa.timestamp("us")


def to_documents(
    table: pa.Table, rows: Sequence[int], *, include_raw: bool = False, entity: str | None = None
) -> list[Document]:
    """Render the rows of these numbers, in this order. The entity is that of the table's metadata unless given."""
    stated = {name.decode(): value.decode() for name, value in (table.schema.metadata or {}).items()}
    kind = ENTITIES[entity or stated["entity"]]
    chosen = table if include_raw or "raw" not in table.column_names else table.drop_columns(["raw"])
    records = chosen.take(pa.array(rows, pa.int64()))
    columns = {name: one_array(records.column(name)) for name in records.column_names}
    length = records.num_rows
    made = _members(columns, (*kind.fields, *PROVENANCE), length)
    made |= {field.alias: [stated.get(field.name)] * length for field in BATCH_PROVENANCE}
    sources = zip(made["sourceKey"], made["key"], strict=True)
    made["sourceKey"] = [source or key for source, key in sources]
    hashes = columns.get("content_hash")
    made["contentHash"] = [None] * length if hashes is None else hash_texts(hashes)
    raws = made.pop("raw")
    if include_raw:
        made["raw"] = [parsed_raw(raw) for raw in raws]
    return _rows(made, length)


def _members(columns: dict[str, pa.Array], fields: tuple[Field, ...], length: int) -> dict[str, _Values]:
    return {field.alias: _values(columns.get(field.name), field, length) for field in fields}


def _rows(members: dict[str, _Values], length: int) -> list[Document]:
    names = tuple(members)
    values = zip(*members.values(), strict=True) if names else repeat((), length)
    return [dict(zip(names, row, strict=True)) for row in values]


def _values(array: pa.Array | None, field: Field, length: int) -> _Values:
    if field.kind is Kind.LIST:
        return [[] for _ in range(length)] if array is None else _lists(array, field)
    if field.kind is Kind.CUSTOM:
        return [{} for _ in range(length)] if array is None else _custom(array)
    if array is None:
        return [None] * length
    if field.kind is Kind.OBJECT:
        documents = _rows(_members(members_of(array), field.fields, length), length)
        return [
            document if valid else None
            for document, valid in zip(documents, array.is_valid().to_pylist(), strict=True)
        ]
    return array.to_pylist() if field.kind is Kind.STRINGS else _scalars(array)


def members_of(array: pa.StructArray) -> dict[str, pa.Array]:
    return {array.type.field(index).name: array.field(index) for index in range(array.type.num_fields)}


def _lists(array: pa.ListArray, field: Field) -> _Values:
    offsets, child = open_list(array)
    flat = _rows(_members(members_of(child), field.fields, len(child)), len(child))
    bounds = offsets.to_pylist()
    valid = array.is_valid().to_pylist()
    return [flat[a:b] if there else [] for (a, b), there in zip(pairwise(bounds), valid, strict=True)]


def _custom(array: pa.StructArray) -> list[Document]:
    documents = _rows({name: _scalars(member) for name, member in members_of(array).items()}, len(array))
    return [
        document if valid else {}
        for document, valid in zip(documents, array.is_valid().to_pylist(), strict=True)
    ]


def _scalars(array: pa.Array) -> _Values:
    kind = array.type
    if pa.types.is_string(kind):
        return _objects(array)
    if pa.types.is_decimal(kind):
        return _objects(decimal_texts(array))
    if pa.types.is_timestamp(kind):
        return _objects(moment_texts(array))
    return [json_value(value) for value in array.to_pylist()]


def _objects(text: pa.Array) -> _Values:
    values: _Values = text.to_numpy(zero_copy_only=False).tolist()  # several times faster than to_pylist
    return values


def decimal_texts(array: pa.Array) -> pa.Array:
    """In the canonical form of `decimal_text`."""
    text = array.cast(pa.string())
    if array.type.scale > 0:
        text = pc.utf8_rtrim(pc.utf8_rtrim(text, "0"), ".")
    text = pc.if_else(pc.equal(array, _zero(array.type)), _ZERO_TEXT, text)
    # Arrow writes small numbers with an exponent, cut short above; Python is asked for those.
    small = pc.match_substring(text, "E")
    if pc.any(small, min_count=0).as_py():
        return pa.array([json_value(value) for value in array.to_pylist()], pa.string())
    return text


@cache
def _zero(kind: pa.DataType) -> pa.Scalar:
    return pa.scalar(Decimal(0), kind)


def moment_texts(array: pa.Array) -> pa.Array:
    # As one without a zone: for UTC too Arrow would read the zone's file each time.
    text = pc.replace_substring(array.view(_MICROSECONDS).cast(pa.string()), " ", "T")
    return joined(pc.replace_substring(text, ".000000", ""), _UTC)


def joined(*parts: pa.Array | pa.Scalar) -> pa.Array:
    """Texts, one behind the other, row by row; null where one of them is."""
    return pc.binary_join_element_wise(*parts, NO_TEXT)


def hash_texts(array: pa.Array) -> list[str | None]:
    return [None if number is None else f"{number:016x}" for number in array.to_pylist()]


def parsed_raw(raw: str | None) -> Any:
    """A raw record that is no JSON (an agent gone wrong) is not worth failing the whole answer for."""
    try:
        return None if raw is None else orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def json_value(value: Any) -> Any:
    render = _RENDERERS.get(type(value))
    return value if render is None else render(value)


def decimal_text(value: Decimal) -> str:
    """The one canonical form: no exponent, no trailing zeros after the point, no negative zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


_RENDERERS: Final[dict[type, Callable[[Any], Any]]] = {
    Decimal: decimal_text,
    datetime: rfc3339,
    date: date.isoformat,
}
