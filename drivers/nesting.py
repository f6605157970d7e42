"""Pure: a header table and its line tables -> one table with each line set as a list<struct> column.

Whole columns only; no Python runs per row. Rows match by key texts, counts may differ freely, and a line whose header
is not in the table is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class LineSet:
    name: str
    parents: pa.ChunkedArray  # key of the header that each line belongs to
    lines: pa.Table  # in the order the set declares, within each parent


def nest(headers: pa.Table, keys: pa.ChunkedArray, sets: list[LineSet]) -> pa.Table:
    """Append one list<struct> column per line set to `headers`, whose rows are keyed by `keys` (unique)."""
    for each in sets:
        headers = headers.append_column(each.name, nested(keys, each))
    return headers


def nested(keys: pa.ChunkedArray, line_set: LineSet) -> pa.ListArray:
    """One list per key, in the order of `keys`; empty where a key has no lines."""
    rows = _header_rows(keys, line_set.parents)
    lines = line_set.lines
    owned = rows >= 0
    if not owned.all():
        lines = lines.filter(pa.array(owned))
        rows = rows[owned]
    if rows.size and (np.diff(rows) < 0).any():
        order = np.argsort(rows, kind="stable")
        lines = lines.take(pa.array(order))
        rows = rows[order]
    counts = np.bincount(rows, minlength=len(keys)) if rows.size else np.zeros(len(keys), dtype=np.int64)
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), _structs(lines))


def _header_rows(
    keys: pa.ChunkedArray, parents: pa.ChunkedArray
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The header row of each line, -1 for a line without header.

    Lines of one header usually lie together, so one look-up per run of equal parents is enough.
    """
    if len(parents) == 0:
        return np.zeros(0, dtype=np.int64)
    runs = pc.run_end_encode(_joined(parents))
    found = pc.fill_null(pc.index_in(runs.values, value_set=_joined(keys)), -1)
    ends = runs.run_ends.to_numpy()
    lengths = np.diff(ends, prepend=0)
    return np.repeat(found.to_numpy(zero_copy_only=False).astype(np.int64), lengths)


def _structs(lines: pa.Table) -> pa.StructArray:
    columns = [_joined(column) for column in lines.columns]
    return pa.StructArray.from_arrays(columns, fields=list(lines.schema))


def _joined(column: pa.ChunkedArray) -> pa.Array:
    joined = column.combine_chunks()
    # combine_chunks of a chunked array answers a chunked array where one array cannot hold it (over 2 GiB of text).
    return joined if isinstance(joined, pa.Array) else pa.concat_arrays(joined.chunks)
