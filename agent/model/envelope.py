"""An Arrow table as bounded, compressed bytes: an Arrow IPC stream inside one zstd frame, behind a small header.

The header says how long the stream is when inflated, so a reader refuses a bomb before it inflates anything, and
zstd itself refuses to write past that length. Compression inside the IPC stream (a bomb within) is refused too.
"""

from __future__ import annotations

import struct
from typing import Final

import pyarrow as pa

from agent.model.unfolding import Unfolds, refuse_compression, refuse_more_values_than_bits

MIB: Final = 1024 * 1024
MAX_INFLATED_BYTES: Final = (
    64 * MIB
)  # ten pages of 2,000 orders of 5 lines; 16 MiB of them is what a frame can carry

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
        refuse_compression(plain)
        with pa.ipc.open_stream(plain) as reader:
            table = reader.read_all()
        table.validate(full=True)
        refuse_more_values_than_bits(table, plain.size)
    except Unfolds as error:
        raise PayloadError(str(error)) from error
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
