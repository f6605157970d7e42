"""Content hashes: one number per record, over its raw columns and its lines.

Equal for equal records, whatever page they come in, however the page is chunked or dictionary-encoded, in whatever
order its columns are. The names of the columns count, so a renamed column is a changed record. The types of the
columns count as far as they say how a value is written: 1.5 and 1.50 are two texts, and two decimals if their
columns have different scales, or one has more than the 38 digits of 128 bits.

Each level (the records, the lines of each set) becomes one matrix of bytes with a row per record or line: for each
column whether there is a value, and the value itself or the length of its text; and one buffer with all texts, one
after the other. The parts of one record are slices of these, and no two different records have the same parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from agent.mapping.frame import Lines, plain_column
from agent.mapping.frame import plain as plain_array
from agent.model.columns import one_array
from drivers.unreadable import is_unreadable

KEY_COLUMN: Final = "__key"
Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]


def key_hashes(keys: pa.Array | pa.ChunkedArray) -> Hashes:
    digest = xxhash.xxh3_64_intdigest
    texts = plain_column(keys).cast(pa.binary()).to_pylist()
    return np.fromiter((digest(text or b"") for text in texts), dtype=np.uint64, count=len(texts))


def content_hashes(page: pa.Table) -> Hashes:
    """xxh3-64 of each record of the page; the key is left out, the columns it is made of are not."""
    columns = {
        name: _stored(one_array(page.column(name))) for name in page.column_names if name != KEY_COLUMN
    }
    start = np.arange(page.num_rows + 1, dtype=np.int64)
    levels = _levels("", columns, start)
    names = "\n".join(name for level in levels for name in level.names)
    seed = xxhash.xxh3_64_intdigest(names.encode())
    parts = [part for level in levels for part in level.parts()]
    digest = xxhash.xxh3_64_intdigest
    records = zip(*parts, strict=True) if parts else [()] * page.num_rows
    return np.fromiter((digest(b"".join(record), seed) for record in records), np.uint64, page.num_rows)


@dataclass(frozen=True, slots=True)
class _Level:
    names: list[str]
    matrix: np.ndarray  # uint8, a row per record or line
    texts: pa.Array  # all texts of a row, joined
    rows: np.ndarray  # where each record's rows begin; one more than there are records

    def parts(self) -> list[Iterator[memoryview]]:
        """What each record is made of here. Made one by one: lists of them would have the garbage collector look at all."""
        width = self.matrix.shape[1]
        fixed = np.ascontiguousarray(self.matrix).reshape(-1).data
        ends = (self.rows * width).tolist()
        offsets, data = _text_buffers(self.texts)
        at = offsets[self.rows].tolist()
        return [
            (fixed[a:b] for a, b in pairwise(ends)),
            (data[a:b] for a, b in pairwise(at)),
        ]


def _levels(prefix: str, columns: dict[str, pa.Array], rows: np.ndarray) -> list[_Level]:
    """The level of these columns, and behind it those of the lists among them."""
    length = int(rows[-1])
    names: list[str] = []
    cells: list[np.ndarray] = []
    texts: list[pa.Array] = []
    below: list[_Level] = []
    for name in sorted(columns):
        array = columns[name]
        path = f"{prefix}{name}"
        if pa.types.is_list(array.type):
            lines = Lines(array)
            cells += [_valid(array), _bytes_of(np.diff(lines.offsets))]
            names.append(f"{path}[]")
            inner = {member: _stored(column) for member, column in _line_columns(lines).items()}
            below += _levels(f"{path}.", inner, lines.offsets[rows].astype(np.int64))
            continue
        kind, cell, text = _cell(array)
        names.append(f"{path} {kind}")
        cells += [_valid(array), cell]
        if text is not None:
            texts.append(text)
    matrix = np.concatenate(cells, axis=1) if cells else np.empty((length, 0), np.uint8)
    joined = pc.binary_join_element_wise(*texts, b"", null_handling="replace") if texts else None
    if joined is None:
        joined = pa.repeat(pa.scalar(b"", pa.binary()), length)
    return [_Level(names, matrix, joined, rows), *below]


def _stored(array: pa.Array) -> pa.Array:
    """What is hashed: of texts that are not all readable the bytes, of which the readable ones are what they always are."""
    return array.storage if is_unreadable(array.type) else plain_array(array)


def _line_columns(lines: Lines) -> dict[str, pa.Array]:
    if pa.types.is_struct(lines.child.type):
        return lines.columns()
    return {"": lines.child}


def _valid(array: pa.Array) -> np.ndarray:
    if not array.null_count:
        return np.ones((len(array), 1), np.uint8)
    return array.is_valid().cast(pa.uint8()).to_numpy(zero_copy_only=False).reshape(-1, 1)


def _bytes_of(numbers: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(numbers).view(np.uint8).reshape(len(numbers), numbers.dtype.itemsize)


def _cell(  # noqa: PLR0911 - one of each type
    array: pa.Array,
) -> tuple[str, np.ndarray, pa.Array | None]:
    """How the column writes its values, the fixed part of each value, and its text if it is one."""
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        data = array.cast(pa.binary())
        lengths = pc.fill_null(pc.binary_length(data), 0).to_numpy(zero_copy_only=False)
        return "text", _bytes_of(lengths.astype(np.int32)), data
    if pa.types.is_decimal(kind):
        return f"decimal {kind.bit_width} {kind.scale}", _decimal_bytes(array), None
    if pa.types.is_floating(kind):
        return "float", _fixed(array.cast(pa.float64()), pa.int64()), None
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        wide = array.cast(pa.uint64() if pa.types.is_uint64(kind) else pa.int64())
        return "integer", _fixed(wide, wide.type), None
    if pa.types.is_date(kind):
        return "date", _fixed(array.cast(pa.date32()), pa.int32()), None
    if pa.types.is_timestamp(kind):
        return f"timestamp {kind.unit} {kind.tz or ''}", _fixed(array, pa.int64()), None
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        return str(kind), _fixed(array, pa.int32() if kind.bit_width == 32 else pa.int64()), None  # noqa: PLR2004 - bits
    texts = pa.array([None if value is None else repr(value) for value in array.to_pylist()], pa.string())
    return _cell(texts)


def _fixed(array: pa.Array, number: pa.DataType) -> np.ndarray:
    numbers = pc.fill_null(array.view(number), 0) if array.null_count else array.view(number)
    return _bytes_of(numbers.to_numpy(zero_copy_only=False))


def _decimal_bytes(array: pa.Array) -> np.ndarray:
    """The two's complement of the unscaled number."""
    width = array.type.byte_width
    filled = pc.fill_null(array, pa.scalar(Decimal(0), array.type)) if array.null_count else array
    buffer = filled.buffers()[1]
    if buffer is None:
        return np.empty((0, width), np.uint8)
    return np.frombuffer(buffer, np.uint8, len(filled) * width, filled.offset * width).reshape(-1, width)


def _text_buffers(array: pa.Array) -> tuple[np.ndarray, memoryview]:
    _, offsets, data = array.buffers()
    if offsets is None:
        return np.zeros(len(array) + 1, np.int32), memoryview(b"")
    numbers = np.frombuffer(offsets, np.int32, len(array) + 1, array.offset * 4)
    return numbers, memoryview(data) if data is not None else memoryview(b"")
