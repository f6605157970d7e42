"""The source record as JSON text: for dead letters, and for `include=raw` where a stream sends it."""

from __future__ import annotations

import orjson
import pyarrow as pa

from agent.mapping.frame import plain, plain_column
from agent.mapping.hashes import KEY_COLUMN
from agent.mapping.text import to_text
from agent.model.columns import map_leaves


def rows_of(page: pa.Table, rows: pa.Array) -> pa.Table:
    """Some rows of a page; Arrow itself cannot take rows of every type that a source may have."""
    columns = [map_leaves(plain_column(column), plain) for column in page.columns]
    return pa.Table.from_arrays(columns, names=page.column_names).take(rows)


_JSON_OWN = (pa.types.is_string, pa.types.is_boolean)


def raw_json(page: pa.Table) -> list[bytes]:
    """One JSON object per record. All but texts, truth values and small integers are texts, so nothing is rounded."""
    names = [name for name in page.column_names if name != KEY_COLUMN]
    columns = [map_leaves(plain_column(page.column(name)), _as_json).to_pylist() for name in names]
    rows = zip(*columns, strict=True) if columns else [()] * page.num_rows
    return [orjson.dumps(dict(zip(names, row, strict=True))) for row in rows]


def _as_json(array: pa.Array) -> pa.Array:
    array = plain(array)
    if any(fits(array.type) for fits in _JSON_OWN) or (
        pa.types.is_integer(array.type) and not pa.types.is_uint64(array.type)
    ):
        return array
    return to_text(array, lambda _mask, _reason, _message: None)
