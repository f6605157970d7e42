"""An Arrow table as bounded, compressed bytes: an Arrow IPC stream inside one zstd frame, behind a small header.

The header says how long the stream is when inflated, so a reader refuses a bomb before it inflates anything, and
zstd itself refuses to write past that length. Compression inside the IPC stream (a bomb within) is refused too.
"""

from __future__ import annotations

import struct
from typing import Final

import pyarrow as pa

MIB: Final = 1024 * 1024
MAX_INFLATED_BYTES: Final = (
    64 * MIB
)  # ten pages of 2,000 orders of 5 lines; 16 MiB of them is what a frame can carry
MAX_MESSAGES: Final = 4_096  # IPC messages of one payload: a schema, its dictionaries and one batch

_MAGIC: Final = b"GWA1"
_HEADER: Final = struct.Struct("<4sI")
_ZSTD_LEVEL: Final = 1  # measured: level 3 saves 4 % and takes twice the time


# What pyarrow raises, here or there, for bytes that only look like Arrow.
UNREADABLE: Final = (
    pa.ArrowException,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    OverflowError,
    struct.error,
)


class PayloadError(Exception):
    """The bytes are not a payload as its kind says. The only error that decoding raises."""


class PayloadTooLarge(PayloadError):
    """More than one payload may hold; encode fewer records at a time."""


def pack(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    plain = sink.getvalue()
    if plain.size > MAX_INFLATED_BYTES:
        raise PayloadTooLarge(f"{plain.size} bytes are more than the {MAX_INFLATED_BYTES} a payload may hold")
    body = pa.Codec("zstd", compression_level=_ZSTD_LEVEL).compress(plain, asbytes=True)
    return _HEADER.pack(_MAGIC, plain.size) + body


def unpack(payload: bytes) -> pa.Table:
    """The table, checked for sound structure but not for its meaning."""
    plain = _inflate(payload)
    try:
        _refuse_inner_compression(plain)
        with pa.ipc.open_stream(plain) as reader:
            table = reader.read_all()
        table.validate(full=True)
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        KeyError,
        IndexError,
        struct.error,
        OverflowError,
    ) as error:
        raise PayloadError("the payload is not a readable Arrow stream") from error
    return table


def _inflate(payload: bytes) -> pa.Buffer:
    if len(payload) < _HEADER.size:
        raise PayloadError("the payload is too short")
    magic, size = _HEADER.unpack_from(payload)
    if magic != _MAGIC:
        raise PayloadError("the payload does not begin as a payload does")
    if size > MAX_INFLATED_BYTES:
        raise PayloadTooLarge(f"the payload inflates to {size} bytes; {MAX_INFLATED_BYTES} are allowed")
    try:
        plain = pa.Codec("zstd").decompress(memoryview(payload)[_HEADER.size :], decompressed_size=size)
    except UNREADABLE as error:
        raise PayloadError("the payload cannot be inflated to the length it states") from error
    if plain.size != size:
        raise PayloadError("the payload inflates to another length than it states")
    return plain


def _refuse_inner_compression(plain: pa.Buffer) -> None:
    """Walk the stream's messages without reading their bodies; pyarrow itself has no switch for this."""
    reader = pa.ipc.MessageReader.open_stream(plain)
    for _ in range(MAX_MESSAGES):
        try:
            message = reader.read_next_message()
        except StopIteration:
            return
        if message.type in {"record batch", "dictionary"} and _is_compressed(message.metadata.to_pybytes()):
            raise PayloadError("compression inside the Arrow stream is not allowed")
    raise PayloadError("the payload holds too many parts")


# Slots of the flatbuffer tables in Arrow's format/Message.fbs.
_MESSAGE_HEADER_TYPE, _MESSAGE_HEADER = 1, 2
_DICTIONARY_BATCH_DATA = 1
_RECORD_BATCH_COMPRESSION = 3
_DICTIONARY_BATCH_TYPE = 2


def _is_compressed(metadata: bytes) -> bool:
    message = _uint32(metadata, 0)
    kind_at = _slot(metadata, message, _MESSAGE_HEADER_TYPE)
    header_at = _slot(metadata, message, _MESSAGE_HEADER)
    if kind_at is None or header_at is None:
        raise PayloadError("a part of the Arrow stream has no header")
    batch = header_at + _uint32(metadata, header_at)
    if metadata[kind_at] == _DICTIONARY_BATCH_TYPE:
        data_at = _slot(metadata, batch, _DICTIONARY_BATCH_DATA)
        if data_at is None:
            raise PayloadError("a dictionary of the Arrow stream is empty")
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
