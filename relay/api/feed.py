"""Batches in the order they were stored, for platforms that take data in bulk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any, Final

import orjson
import pyarrow as pa
from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from agent.model.render import to_documents
from agent.model.run import rfc3339
from relay.api.context import ApiContext, Context, Tenant
from relay.documents import OpenBatch, provenance
from relay.store.base import BatchHeader

router = APIRouter()

ARROW: Final = "application/vnd.apache.arrow.stream"
JSON_LINES: Final = "application/x-ndjson"
NEXT_POSITION: Final = "Groundwire-Next-Position"
_KINDS: Final = ("records", "tombstones")

_DESCRIPTION: Final = f"""
Reads the stored batches from a position on. Every answer names in `{NEXT_POSITION}` where the next one begins; an
answer without content means that nothing has come since. A position stays valid for ever, and a batch never changes,
so a reader that keeps the position with what it took misses nothing and can repeat any step.

JSON lines, one object per record: `{{"position", "type": "record" or "tombstone", "connection", "entity", "key",
"document"}}`. With `Accept: {ARROW}` one Arrow IPC stream per batch, one behind the other; the metadata of each schema
holds position, type, connection and entity, and a reader opens the next stream where one ended.
"""


@router.get(
    "/feed",
    tags=["feed"],
    summary="Read batches in bulk",
    description=_DESCRIPTION,
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The batches behind the position.",
            "content": {JSON_LINES: {"schema": {"type": "string"}}, ARROW: {"schema": {"type": "string"}}},
            "headers": {
                NEXT_POSITION: {"schema": {"type": "integer"}, "description": "Give it as `after` next time."}
            },
        }
    },
)
async def feed(
    ctx: Context,
    tenant: Tenant,
    after: Annotated[
        int, Query(ge=0, le=2**63 - 1, description="Position to go on behind; 0: the beginning.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000, description="How many batches at most.")] = 20,
    connection: Annotated[str, Query(description="Only of this connection.")] = "",
    entity: Annotated[str, Query(description="Only of this entity, such as purchase_order.")] = "",
    accept: Annotated[str, Header(include_in_schema=False)] = JSON_LINES,
) -> StreamingResponse:
    last = await ctx.store.last_position()
    headers = await ctx.store.headers(after, limit, tenant=tenant, connection=connection, entity=entity)
    # With nothing of this reader's behind `after`, the end of the store is as good a place, and a shorter way back.
    reached = headers[-1].position if headers else max(after, last)
    arrow = ARROW in accept
    encode = _arrow if arrow else _lines
    return StreamingResponse(
        _encoded(ctx, headers, encode),
        media_type=ARROW if arrow else JSON_LINES,
        headers={NEXT_POSITION: str(reached)},
    )


async def _encoded(
    ctx: ApiContext, headers: Sequence[BatchHeader], encode: Callable[[OpenBatch], bytes]
) -> AsyncIterator[bytes]:
    for header in headers:
        if header.kind in _KINDS and not header.damaged:
            opened = await ctx.documents.batch(header.position)
            if opened.header.damaged:  # found just now
                continue
            yield await asyncio.to_thread(encode, opened)


def _type(opened: OpenBatch) -> str:
    return "tombstone" if opened.decoded.table is None else "record"


def _about(opened: OpenBatch) -> dict[str, Any]:
    header = opened.header
    return {
        "position": header.position,
        "type": _type(opened),
        "connection": header.connection,
        "entity": header.entity,
    }


def _lines(opened: OpenBatch) -> bytes:
    about = _about(opened)
    return b"".join(
        orjson.dumps(about | {"key": document["key"], "document": document}, option=orjson.OPT_APPEND_NEWLINE)
        for document in _documents(opened)
    )


def _documents(opened: OpenBatch) -> list[dict[str, Any]]:
    shared = provenance(opened)
    table = opened.decoded.table
    if table is not None:
        rows = range(table.num_rows)
        return [document | shared for document in to_documents(table, rows, entity=opened.header.entity)]
    when = opened.decoded.deleted_at or opened.header.received_at
    shared |= {"deletedAt": rfc3339(when), "deleted": True}
    return [{"key": key} | shared for key in opened.decoded.keys]


def _arrow(opened: OpenBatch) -> bytes:
    table = opened.decoded.table
    if table is None:
        when = opened.decoded.deleted_at or opened.header.received_at
        keys = pa.array(opened.decoded.keys, pa.string())
        moments = pa.array([when] * len(keys), pa.timestamp("us", "UTC"))
        table = pa.table({"key": keys, "deleted_at": moments})
    about = {name: str(value) for name, value in _about(opened).items()}
    meta = {**opened.decoded.meta, **about, "received_at": rfc3339(opened.header.received_at)}
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema.with_metadata(meta)) as writer:
        writer.write_table(table.replace_schema_metadata(meta))
    content: bytes = sink.getvalue().to_pybytes()
    return content
