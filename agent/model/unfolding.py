"""Arrow streams that are small as bytes and huge as values: refused before anything is made of them.

Both for payloads, which cross the tunnel, and for pages, which come out of a driver's process.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import pyarrow as pa

MAX_MESSAGES: Final = 4_096  # IPC messages of one stream: a schema, its dictionaries and its batches
_BITS: Final = 8  # the narrowest value that Arrow stores is one bit
_FREE: Final = 100_000  # values that need no bytes: a mapping may count lines of which it takes nothing

# Slots of the flatbuffer tables in Arrow's format/Message.fbs.
_MESSAGE_HEADER_TYPE, _MESSAGE_HEADER = 1, 2
_DICTIONARY_BATCH_DATA = 1
_RECORD_BATCH_COMPRESSION = 3
_DICTIONARY_BATCH_TYPE = 2


class Unfolds(Exception):
    """The values would need more room than the bytes they came in."""


def refuse_compression(plain: pa.Buffer) -> None:
    """Walk the stream's messages without reading their bodies; pyarrow itself has no switch for this."""
    reader = pa.ipc.MessageReader.open_stream(plain)
    for _ in range(MAX_MESSAGES):
        try:
            message = reader.read_next_message()
        except StopIteration:
            return
        if message.type in {"record batch", "dictionary"} and _is_compressed(message.metadata.to_pybytes()):
            raise Unfolds("compression inside the Arrow stream is not allowed")
    raise Unfolds("the Arrow stream has too many parts")


def refuse_more_values_than_bits(table: pa.Table, size: int) -> None:
    """Structs without members and nulls take no bytes, so that a few bytes may state two thousand million lines."""
    for column in table.columns:
        for chunk in column.chunks:
            for array in _with_those_inside(chunk):
                if len(array) > _BITS * size + _FREE:
                    raise Unfolds(f"{len(array)} values in {size} bytes")


def refuse_shared_values(schema: pa.Schema) -> None:
    """Types of which many values may be one and the same bytes: written out, they need any number of them."""
    for field in schema:
        for kind in _types_in(field.type):
            if any(shares(kind) for shares in _SHARING):
                raise Unfolds(f"a column of type {kind}, whose values share their bytes")


_SHARING: Final = (
    pa.types.is_dictionary,
    pa.types.is_run_end_encoded,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
    pa.types.is_string_view,
    pa.types.is_binary_view,
)


def _with_those_inside(array: pa.Array) -> Iterator[pa.Array]:
    yield array
    kind = array.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from _with_those_inside(array.values)
    elif pa.types.is_map(kind):
        yield from _with_those_inside(array.keys)
        yield from _with_those_inside(array.items)
    elif pa.types.is_struct(kind) or pa.types.is_union(kind):
        for index in range(kind.num_fields):
            yield from _with_those_inside(array.field(index))


def _types_in(kind: pa.DataType) -> Iterator[pa.DataType]:
    yield kind
    for index in range(kind.num_fields):
        member = kind.field(index)
        _ = member.name  # bytes that are no UTF-8 raise here, and not wherever the name is needed first
        yield from _types_in(member.type)


def _is_compressed(metadata: bytes) -> bool:
    message = _uint32(metadata, 0)
    kind_at = _slot(metadata, message, _MESSAGE_HEADER_TYPE)
    header_at = _slot(metadata, message, _MESSAGE_HEADER)
    if kind_at is None or header_at is None:
        raise Unfolds("a part of the Arrow stream has no header")
    batch = header_at + _uint32(metadata, header_at)
    if metadata[kind_at] == _DICTIONARY_BATCH_TYPE:
        data_at = _slot(metadata, batch, _DICTIONARY_BATCH_DATA)
        if data_at is None:
            raise Unfolds("a dictionary of the Arrow stream is empty")
        batch = data_at + _uint32(metadata, data_at)
    return _slot(metadata, batch, _RECORD_BATCH_COMPRESSION) is not None


def _slot(buffer: bytes, table: int, index: int) -> int | None:
    """Where a flatbuffer table keeps the field of this number; None if it has none."""
    vtable = table - struct.unpack_from("<i", buffer, table)[0]
    size = struct.unpack_from("<H", buffer, vtable)[0]
    entry = 4 + 2 * index
    offset = struct.unpack_from("<H", buffer, vtable + entry)[0] if entry + 2 <= size else 0
    return table + offset if offset else None


def _uint32(buffer: bytes, at: int) -> int:
    value: int = struct.unpack_from("<I", buffer, at)[0]
    return value
