"""The bytes of a batch: decoded to what can be written and shown again, or a PayloadError."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pyarrow as pa

from agent.model.entities import ENTITIES
from agent.model.payload import PayloadError, PayloadKind, decode, encode_records
from agent.model.render import to_documents
from tests.unit.relay.making import dead_letters, orders, run_report, tombstones, vendors

KINDS = tuple(PayloadKind)
PLAIN = 0x80  # in the first byte: what follows is the Arrow stream itself, so that a changed byte is not lost in zstd
_HEADER = struct.Struct("<4sI")


def seeds() -> Iterator[bytes]:
    samples = (
        (0, orders(["1", "2"], note="n", status="approved")),
        (0, orders([str(number) for number in range(40)], status="approved")),
        (0, vendors(["V1"])),
        (1, tombstones(["gone"])),
        (2, dead_letters("7", "8")),
        (3, run_report("run-1")),
    )
    for kind, payload in samples:
        yield bytes([kind]) + payload
        if kind < 3:
            size = _HEADER.unpack_from(payload)[1]
            plain = pa.Codec("zstd").decompress(payload[_HEADER.size :], decompressed_size=size, asbytes=True)
            yield bytes([kind | PLAIN]) + plain


def feed(data: bytes) -> None:
    first, payload = (data[0], data[1:]) if data else (0, b"")
    if first & PLAIN:
        payload = _HEADER.pack(b"GWA1", len(payload)) + pa.Codec("zstd").compress(payload, asbytes=True)
    kind = KINDS[first % len(KINDS)]
    try:
        decoded = decode(kind, payload)
    except PayloadError:
        return
    if decoded.table is None:
        return
    assert decoded.table.num_rows == decoded.count
    documents = to_documents(decoded.table, range(min(decoded.count, 50)), include_raw=True)
    assert len(documents) == min(decoded.count, 50)
    again = decode(kind, encode_records(decoded.table, dict(decoded.meta)))
    assert again.table is not None
    assert again.table.equals(decoded.table)
    assert decoded.meta["entity"] in ENTITIES
