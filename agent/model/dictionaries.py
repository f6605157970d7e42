"""Dictionary encoding of repeated texts, where it pays, and the way back under a bound.

Measured on order lines: a third fewer bytes after zstd, and less time to write, because zstd has less to read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from agent.model.columns import map_leaves, one_array
from agent.model.envelope import MAX_INFLATED_BYTES, PayloadError

_SAMPLE_ROWS: Final = 256  # enough to tell a code from a text
_WORTHWHILE_SHARE: Final = 4  # distinct values are at most a quarter of the rows
_PLAIN_COLUMNS: Final = frozenset({"key", "raw", "content_hash"})  # unique by nature


def encode_dictionaries(table: pa.Table) -> pa.Table:
    columns = [
        one_array(column) if name in _PLAIN_COLUMNS else map_leaves(one_array(column), _encoded)
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return pa.Table.from_arrays(columns, names=table.column_names, metadata=table.schema.metadata)


def _encoded(array: pa.Array) -> pa.Array:
    if not pa.types.is_string(array.type) or not len(array):
        return array
    sample = array.slice(0, _SAMPLE_ROWS)
    if pc.count_distinct(sample, mode="all").as_py() * _WORTHWHILE_SHARE > len(sample):
        return array
    encoded = array.dictionary_encode()
    if len(encoded.dictionary) * _WORTHWHILE_SHARE > len(array):
        return array
    return pa.DictionaryArray.from_arrays(encoded.indices.cast(_index_type(encoded)), encoded.dictionary)


def _index_type(encoded: pa.DictionaryArray) -> pa.DataType:
    if len(encoded.dictionary) < 1 << 7:
        return pa.int8()
    return pa.int16() if len(encoded.dictionary) < 1 << 15 else pa.int32()


def decode_dictionaries(table: pa.Table) -> pa.Table:
    """The table with plain columns; raises PayloadError if they would need more than a payload may hold.

    A dictionary with one long text and many references to it is a bomb that no length of bytes gives away.
    """
    columns = [one_array(column) for column in table.columns]
    if (
        _plain_bytes(columns, _at_most) > MAX_INFLATED_BYTES
        and _plain_bytes(columns, _exactly) > MAX_INFLATED_BYTES
    ):
        raise PayloadError(f"the texts of the payload need more than {MAX_INFLATED_BYTES} bytes")
    plain = [map_leaves(column, _plain) for column in columns]
    return pa.Table.from_arrays(plain, names=table.column_names, metadata=table.schema.metadata)


def _plain_bytes(columns: Sequence[pa.Array], count: Callable[[pa.DictionaryArray], int]) -> int:
    """What all dictionaries would need written out."""
    needed = [0]

    def add(array: pa.Array) -> pa.Array:
        if pa.types.is_dictionary(array.type):
            if not pa.types.is_string(array.type.value_type):
                raise PayloadError(f"a dictionary of {array.type.value_type} is not allowed")
            needed[0] += count(array)
        return array

    for column in columns:
        map_leaves(column, add)
    return needed[0]


def _at_most(array: pa.DictionaryArray) -> int:
    """As if every reference were to the longest text: cheap, and enough for all that is no bomb."""
    return (pc.max(pc.binary_length(array.dictionary)).as_py() or 0) * len(array)


def _exactly(array: pa.DictionaryArray) -> int:
    lengths = pc.binary_length(array.dictionary).take(array.indices).cast(pa.int64())
    return pc.sum(lengths, min_count=0).as_py()


def _plain(array: pa.Array) -> pa.Array:
    return array.dictionary.take(array.indices) if pa.types.is_dictionary(array.type) else array
