"""Rows of an entity table as JSON texts: byte for byte what orjson makes of the documents of `render.to_documents`.

The texts are put together by Arrow, a column at a time and without the interpreter's lock; no object is made of any
value. What a table has no column for is written once and not once a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from agent.model.columns import close_list, one_array, open_list
from agent.model.entities import BATCH_PROVENANCE, ENTITIES, PROVENANCE, Field, Kind
from agent.model.render import (
    NO_TEXT,
    decimal_texts,
    hash_texts,
    joined,
    json_value,
    members_of,
    moment_texts,
    parsed_raw,
)

# Of a value, to be read one behind the other: texts that are the same in all rows, and columns with one for each.
Parts = list[Any]
_NULL: Final[Parts] = ["null"]
_NONE_OF: Final[Mapping[Kind, Parts]] = {Kind.LIST: ["[]"], Kind.CUSTOM: ["{}"]}
_RAW: Final = "raw"
_QUOTE: Final = '"'
_COMMA: Final = pa.scalar(",")


def to_json(  # noqa: PLR0913, RUF100 - each by its name
    table: pa.Table,
    rows: Sequence[int],
    *,
    include_raw: bool = False,
    entity: str | None = None,
    instead: Mapping[str, Any] | None = None,
    only: Sequence[str] = (),
) -> list[bytes]:
    """Render the rows of these numbers, in this order.

    `instead`: members that are the same for all rows and take the place of the table's own; new ones come last.
    `only`: the members to be shown, in their order; without them all.
    """
    stated = {name.decode(): value.decode() for name, value in (table.schema.metadata or {}).items()}
    kind = ENTITIES[entity or stated["entity"]]
    shown = [field for field in (*kind.fields, *PROVENANCE) if not only or field.alias in only]
    names = {"key", *(field.name for field in shown)} - (set() if include_raw else {_RAW})
    chosen = table.select([name for name in table.column_names if name in names])
    records = chosen.take(pa.array(rows, pa.int64()))
    columns = {name: one_array(records.column(name)) for name in records.column_names}
    members = {field.alias: _member(columns, field) for field in shown if field.name != _RAW}
    members |= {field.alias: _same(stated.get(field.name)) for field in BATCH_PROVENANCE}
    if include_raw:
        raws = columns.get(_RAW)
        members[_RAW] = _each(raws, lambda each: [parsed_raw(raw) for raw in each.to_pylist()])
    members |= {name: _same(value) for name, value in (instead or {}).items()}
    if only:
        members = {name: members[name] for name in only if name in members}
    texts = _joined(_object(members), records.num_rows)
    made: list[bytes] = texts.cast(pa.binary()).to_numpy(zero_copy_only=False).tolist()
    return made


def _member(columns: Mapping[str, pa.Array], field: Field) -> Parts:
    own = columns.get(field.name)
    if field.name == "source_key":
        return _scalars(_source_keys(own, columns["key"]))
    if field.name == "content_hash":
        return _each(own, hash_texts)
    return _parts(own, field)


def _same(value: Any) -> Parts:
    return [orjson.dumps(value).decode()]


def _each(array: pa.Array | None, values: Callable[[pa.Array], Sequence[Any]]) -> Parts:
    """Values that have to be made one by one."""
    if array is None:
        return _NULL
    return [pa.array([orjson.dumps(value).decode() for value in values(array)], pa.string())]


def _source_keys(own: pa.Array | None, keys: pa.Array) -> pa.Array:
    return keys if own is None else pc.if_else(pc.fill_null(pc.equal(own, NO_TEXT), True), keys, own)  # noqa: FBT003


def _object(members: Mapping[str, Parts]) -> Parts:
    """Texts that are the same in all rows are put together here, so that few parts are left."""
    parts: Parts = []
    same = "{"
    for name, value in members.items():
        same += _label(name) if len(same) > 1 or parts else _label(name)[1:]
        for part in value:
            if isinstance(part, str):
                same += part
            else:
                parts += [same, part]
                same = ""
    return [*parts, same + "}"]


@lru_cache(maxsize=1_024)
def _label(name: str) -> str:
    return f",{orjson.dumps(name).decode()}:"


def _text(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.string())


def _joined(parts: Parts, length: int) -> pa.Array:
    if len(parts) == 1:
        (only,) = parts
        return pa.repeat(_text(only), length) if isinstance(only, str) else only
    return joined(*(_text(part) if isinstance(part, str) else part for part in parts))


def _parts(array: pa.Array | None, field: Field) -> Parts:
    nothing = _NONE_OF.get(field.kind, _NULL)
    if array is None or array.null_count == len(array):
        return nothing
    if field.kind is Kind.LIST:
        child = _joined(_object(_members(open_list(array)[1], field.fields)), len(open_list(array)[1]))
        return _list(array, child, nothing)
    if field.kind is Kind.STRINGS:
        child = open_list(array)[1]
        return _list(array, _joined(_scalars(child), len(child)), nothing)
    if field.kind is Kind.OBJECT:
        return _where_there(array, _object(_members(array, field.fields)), nothing)
    if field.kind is Kind.CUSTOM:
        named = {name: _scalars(member) for name, member in members_of(array).items()}
        return _where_there(array, _object(named), nothing)
    return _scalars(array)


def _members(array: pa.StructArray, fields: tuple[Field, ...]) -> dict[str, Parts]:
    there = members_of(array)
    return {field.alias: _parts(there.get(field.name), field) for field in fields}


def _list(array: pa.ListArray, items: pa.Array, nothing: Parts) -> Parts:
    """The items, all rows' in one column, with brackets round those of each row."""
    joined = pc.binary_join(close_list(open_list(array)[0], items, array), _COMMA)
    return _where_there(array, ["[", joined, "]"], nothing)


def _where_there(array: pa.Array, parts: Parts, nothing: Parts) -> Parts:
    if array.null_count == 0:
        return parts
    return [pc.if_else(array.is_valid(), _joined(parts, len(array)), _joined(nothing, len(array)))]


def _scalars(array: pa.Array) -> Parts:
    if array.null_count == len(array):
        return _NULL
    kind = array.type
    if pa.types.is_decimal(kind):
        text = decimal_texts(array)
    elif pa.types.is_timestamp(kind):
        text = moment_texts(array)
    elif pa.types.is_string(kind) and _stands_as_it_is(array):
        text = array
    else:
        return _each(array, lambda values: [json_value(value) for value in values.to_pylist()])
    return _where_there(array, [_QUOTE, text, _QUOTE], _NULL)


def _stands_as_it_is(array: pa.StringArray) -> bool:
    """Whether no text of the column holds anything that JSON escapes: asked of all of them together."""
    _, offsets, content = array.buffers()
    if content is None:
        return True
    bounds = memoryview(offsets).cast("i")
    whole = content[bounds[array.offset] : bounds[array.offset + len(array)]].to_pybytes()
    try:
        return len(orjson.dumps(whole.decode())) == len(whole) + 2 * len(_QUOTE)
    except UnicodeDecodeError:
        return False  # behind what is null there may be anything
