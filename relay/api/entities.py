"""The five entities: list in change order, and get one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from agent.model.entities import Entity
from relay.api.command_schemas import MAX_KEY, RFC_3339
from relay.api.context import Context, Tenant, context_of
from relay.api.cursors import bookmark_of, place_of
from relay.api.paths import KeyPath
from relay.api.problems import Problem, not_found
from relay.api.records import schema_name
from relay.api.sparse import names_taken
from relay.store.base import Deleted, Place, RecordFilter, to_micros

NO_RAW: Final = ""
Text = Annotated[str, Query(max_length=MAX_KEY)]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The parameters that every list of records has."""

    wanted: RecordFilter
    cursor: str
    limit: int
    include_raw: bool


async def list_query(  # noqa: PLR0913, RUF100 - one parameter per filter
    connection: Annotated[str, Query(max_length=MAX_KEY, description="Only of this connection.")] = "",
    key: Annotated[str, Query(max_length=MAX_KEY, description="Only with this key.")] = "",
    code: Annotated[
        str, Query(max_length=MAX_KEY, description="Only with this number or code, such as an order number.")
    ] = "",
    status: Annotated[str, Query(max_length=64, description="Only in this status.")] = "",
    vendor_key: Annotated[
        str, Query(alias="vendorKey", max_length=MAX_KEY, description="Only of the vendor with this key.")
    ] = "",
    updated_after: Annotated[
        str,
        Query(
            pattern=f"^({RFC_3339})?$",
            examples=["2026-01-05T12:00:00Z"],
            description="Only changed after this moment by the source's own stamp (`updatedAt`), or by the time of "
            "receipt where the source has none. To follow changes without missing any, use `cursor` instead.",
        ),
    ] = "",
    deleted: Annotated[
        Deleted, Query(description="Whether records that are gone at the source are listed.")
    ] = (Deleted.EXCLUDE),
    include: Annotated[
        str,
        Query(pattern="^(raw)?$", description="`raw` adds the source record, as far as the agent sends it."),
    ] = NO_RAW,
    cursor: Annotated[
        str,
        Query(
            description="`nextCursor` of an earlier answer. It stays valid: what changes later is behind it."
        ),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=500, description="How many records at most.")] = 100,
) -> ListQuery:
    wanted = RecordFilter(
        connection=connection,
        key=key,
        code=code,
        status=status,
        vendor_key=vendor_key,
        updated_after=_micros(updated_after),
        deleted=deleted,
    )
    return ListQuery(wanted, cursor, limit, include_raw=bool(include))


def _micros(moment: str) -> int | None:
    try:
        return to_micros(datetime.fromisoformat(moment)) if moment else None
    except (ValueError, OverflowError) as error:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            '`updated_after` is a day that no calendar has; write a moment such as "2026-01-31T08:00:00Z".',
        ) from error


def _answer(entity: Entity, suffix: str = "") -> dict[int | str, dict[str, Any]]:
    reference = {"$ref": f"#/components/schemas/{schema_name(entity)}{suffix}"}
    return {200: {"description": "OK", "content": {"application/json": {"schema": reference}}}}


def entity_router(entity: Entity) -> APIRouter:
    router = APIRouter(tags=[entity.path])
    words = entity.path.replace("-", " ")

    @router.get(
        f"/{entity.path}",
        summary=f"List {words} in the order of their last change",
        operation_id=f"list_{entity.name}",
        response_class=Response,
        responses=_answer(entity, "List"),
    )
    async def list_records(
        request: Request, tenant: Tenant, query: Annotated[ListQuery, Depends(list_query)]
    ) -> Response:
        return await listed(request, tenant, entity, query)

    @router.get(
        f"/connections/{{connection}}/{entity.path}/{{key:key}}",
        summary=f"Get one of the {words} by its key, also when it is deleted",
        operation_id=f"get_{entity.name}",
        response_class=Response,
        responses=_answer(entity),
    )
    async def get_record(  # noqa: PLR0913, RUF100 - what the framework hands in
        request: Request,
        ctx: Context,
        tenant: Tenant,
        connection: str,
        key: KeyPath,
        include: Annotated[
            str, Query(pattern="^(raw)?$", description="`raw` adds the source record.")
        ] = NO_RAW,
    ) -> Response:
        wanted = RecordFilter(connection=connection, key=key, deleted=Deleted.INCLUDE)
        found = await ctx.index.find(tenant, entity.name, wanted, Place(), 1)
        if not found.records:
            raise not_found("record")
        documents = await ctx.documents.render(
            found.records, entity.name, include_raw=bool(include), only=names_taken(request)
        )
        return _json(documents[0])

    return router


async def listed(request: Request, tenant: str, entity: Entity, query: ListQuery) -> Response:
    ctx = context_of(request)
    taken = place_of(ctx.cursors, tenant, query.cursor)
    found = await ctx.index.find(tenant, entity.name, query.wanted, taken.place, query.limit)
    there = await bookmark_of(ctx.cursors, taken)
    items = await ctx.documents.render(
        found.records, entity.name, include_raw=query.include_raw, only=names_taken(request)
    )
    return _page(items, there.cursor(found.reached), more=found.more)


def _page(items: Sequence[bytes], cursor: str, *, more: bool) -> Response:
    end = orjson.dumps({"nextCursor": cursor, "hasMore": more})
    return _json(b'{"items":[' + b",".join(items) + b"]," + end[1:])


def _json(text: bytes) -> Response:
    return Response(text, media_type="application/json")
