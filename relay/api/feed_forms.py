"""The two forms in which the feed is read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final, Protocol

import orjson
import pyarrow as pa

from agent.model.json_texts import to_json
from agent.model.run import rfc3339
from relay.documents import AT_ONCE_BYTES, OpenBatch, provenance
from relay.following import Piece

ARROW: Final = "application/vnd.apache.arrow.stream"
JSON_LINES: Final = "application/x-ndjson"


class Form(Protocol):
    media_type: str

    async def piece(self, piece: Piece, cursor: str) -> bytes:
        """`cursor`: to go on behind it."""
        ...

    def end(self, cursor: str, *, more: bool) -> bytes: ...


def form_of(accept: str) -> Form:
    return ArrowStreams() if ARROW in accept else JsonLines()


class JsonLines:
    media_type = JSON_LINES

    async def piece(self, piece: Piece, cursor: str) -> bytes:
        if piece.opened.size_of(piece.end - piece.first) <= AT_ONCE_BYTES:
            return _lines(piece, cursor)
        return await asyncio.to_thread(_lines, piece, cursor)

    def end(self, cursor: str, *, more: bool) -> bytes:
        return _line({"type": "end", "cursor": cursor, "more": more})


class ArrowStreams:
    media_type = ARROW

    async def piece(self, piece: Piece, cursor: str) -> bytes:
        return await asyncio.to_thread(_stream, piece, cursor)

    def end(self, cursor: str, *, more: bool) -> bytes:
        meta = {"type": "end", "cursor": cursor, "more": "true" if more else "false"}
        return _written(pa.table({"key": pa.array([], pa.string())}), meta)


def _about(opened: OpenBatch) -> dict[str, str]:
    kind = "tombstone" if opened.decoded.table is None else "record"
    return {"type": kind, "connection": opened.header.connection, "entity": opened.header.entity}


def _line(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def _lines(piece: Piece, cursor: str) -> bytes:
    head = orjson.dumps(_about(piece.opened))[:-1]
    lines = [
        b'%b,"key":%b,"document":%b}\n' % (head, orjson.dumps(key), document)
        for key, document in _documents(piece)
    ]
    return b"".join([*lines, _line({"type": "checkpoint", "cursor": cursor})])


def _documents(piece: Piece) -> Iterable[tuple[str, bytes]]:
    """Each with its key."""
    opened = piece.opened
    shared = provenance(opened)
    table = opened.decoded.table
    if table is not None:
        rows = range(piece.first, piece.end)
        keys = table.column("key").slice(piece.first, len(rows)).to_pylist()
        return zip(keys, to_json(table, rows, entity=opened.header.entity, instead=shared), strict=True)
    when = opened.decoded.deleted_at or opened.header.received_at
    shared |= {"deletedAt": rfc3339(when), "deleted": True}
    gone = opened.decoded.keys[piece.first : piece.end]
    return [(key, orjson.dumps({"key": key} | shared)) for key in gone]


def _stream(piece: Piece, cursor: str) -> bytes:
    opened = piece.opened
    table = opened.decoded.table
    if table is None:
        when = opened.decoded.deleted_at or opened.header.received_at
        keys = pa.array(opened.decoded.keys[piece.first : piece.end], pa.string())
        moments = pa.array([when] * len(keys), pa.timestamp("us", "UTC"))
        rows = pa.table({"key": keys, "deleted_at": moments})
    else:
        rows = table.slice(piece.first, piece.end - piece.first)
    meta = {**opened.decoded.meta, **_about(opened)}
    return _written(rows, meta | {"cursor": cursor, "received_at": rfc3339(opened.header.received_at)})


def _written(table: pa.Table, meta: dict[str, str]) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema.with_metadata(meta)) as writer:
        writer.write_table(table.replace_schema_metadata(meta))
    content: bytes = sink.getvalue().to_pybytes()
    return content
