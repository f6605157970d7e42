"""What happened, in the order in which it was told."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import Field

from relay.api.context import ApiContext, Context, Tenant
from relay.api.cursors import strange_cursor
from relay.api.problems import Problem, not_found
from relay.api.schemas import Answer
from relay.bus.subjects import EVENTS
from relay.events import Event, EventType, event_document
from relay.store.events import EventFilter, FoundEvents, Place
from relay.watch import MAX_WAIT_SECONDS
from relay.webhooks.store import EventStore

router = APIRouter(tags=["events"])

PURPOSE: Final = "events"
NOW: Final = "now"
_LOOK_AGAIN_SECONDS: Final = 1.0
_TYPE: Final = f"({'|'.join(EventType)})".replace(".", "[.]")


class EventOut(Answer):
    """Something that happened. A webhook carries the same."""

    id: str = Field(
        description="Never changes: what is told twice is known by it.",
        examples=["evt_0b54b3c07ad6f0a59b1e3fd02ab9e3d1"],
    )
    type: str = Field(examples=["record.updated"])
    timestamp: str = Field(examples=["2026-01-05T12:00:00.123000Z"])
    connection: str | None = Field(
        description="The connection that it is about.", examples=["adventureworks"]
    )
    agent: str | None = Field(examples=["agt_0640f2d3c8a1f00d5b3e9a"])
    subject: str | None = Field(
        description="What it is about: an entity, a sync run, a command, an alert, an endpoint.",
        examples=["purchase_order"],
    )
    data: dict[str, Any] = Field(
        description="By type; docs/webhooks.md has every member.",
        examples=[
            {
                "entity": "purchase_order",
                "syncRun": "01J8",
                "count": 2,
                "keys": ["4011", "4012"],
                "allKeys": True,
            }
        ],
    )


class EventList(Answer):
    items: list[EventOut]
    next_cursor: str = Field(description="Give it as `cursor` for what comes behind; never null.")
    has_more: bool = Field(description="Whether something waits there already.")


@router.get("/events", summary="List events in the order in which they were told", response_model=EventList)
async def list_events(  # noqa: PLR0913, RUF100 - one parameter per filter
    ctx: Context,
    tenant: Tenant,
    type: Annotated[  # noqa: A002 - the parameter's name
        str,
        Query(
            max_length=500,
            description="Only of these types, with commas between them.",
            examples=["record.created,record.updated"],
            json_schema_extra={"pattern": rf"^({_TYPE}(,{_TYPE})*)?$"},
        ),
    ] = "",
    connection: Annotated[str, Query(max_length=200, description="Only of this connection.")] = "",
    agent: Annotated[str, Query(max_length=200, description="Only of this agent.")] = "",
    cursor: Annotated[
        str,
        Query(
            description="`nextCursor` of the page before; `now`; or nothing: from the oldest that is kept."
        ),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=500, description="How many at most.")] = 100,
    wait: Annotated[
        int,
        Query(
            ge=0, le=int(MAX_WAIT_SECONDS), description="Seconds to wait for something, if there is nothing."
        ),
    ] = 0,
) -> Response:
    wanted = EventFilter(_types(type), connection, agent)
    after = await _place(ctx, tenant, cursor)
    found = await _found(ctx, tenant, wanted, after, limit, wait)
    answer = EventList(
        items=[event_out(one.event) for one in found.events],
        next_cursor=await _cursor(ctx, tenant, found.reached),
        has_more=found.more,
    )
    # Written here: the framework would check and copy each of the many keys once more.
    return Response(answer.model_dump_json(by_alias=True), media_type="application/json")


@router.get("/events/{event}", summary="Get one event")
async def get_event(ctx: Context, tenant: Tenant, event: str) -> EventOut:
    found = await EventStore(ctx.store.engine).event(tenant, event)
    if found is None:
        raise not_found("event")
    return event_out(found.event)


def event_out(event: Event) -> EventOut:
    return EventOut.model_validate(event_document(event))


def _types(text: str) -> frozenset[EventType]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    try:
        return frozenset(map(EventType, words))
    except ValueError as error:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"There is no such type; there are {', '.join(EventType)}."
        ) from error


async def _found(
    ctx: ApiContext, tenant: str, wanted: EventFilter, after: int, limit: int, wait: int
) -> FoundEvents:
    """Behind the wait, if there is nothing yet."""
    store, until = EventStore(ctx.store.engine), ctx.clock.monotonic() + wait

    async def look() -> FoundEvents:
        indexed = await ctx.index.position()
        return await store.find(tenant, wanted, after, limit, indexed=indexed, now=ctx.clock.utcnow())

    with ctx.bus.subscribe(EVENTS) as hints, ctx.waiters.watching(PURPOSE, tenant):
        found = await look()
        while not found.events and not found.more and ctx.waiters.room(tenant):
            left = until - ctx.clock.monotonic()
            if left <= 0:
                break
            await hints.next(within=min(left, _LOOK_AGAIN_SECONDS))
            found = await look()
    return found


async def _place(ctx: ApiContext, tenant: str, cursor: str) -> int:
    store = EventStore(ctx.store.engine)
    if not cursor:
        return 0
    if cursor == NOW:
        return await store.last()
    opened = ctx.cursors.seals.open(cursor, tenant, PURPOSE)
    position, _, last = ("" if opened is None else opened.decode()).partition(" ")
    if not position:
        raise strange_cursor()
    if not await store.bears_out(tenant, Place(int(position), last)):
        raise Problem(
            HTTPStatus.GONE,
            "The events behind this cursor are not kept any more, or the relay came back from a backup that is older. "
            "Begin without a cursor, and read anew what you keep of the records.",
        )
    return int(position)


async def _cursor(ctx: ApiContext, tenant: str, position: int) -> str:
    place = await EventStore(ctx.store.engine).place(tenant, position)
    return ctx.cursors.seals.close(f"{place.position} {place.last}".encode(), tenant, PURPOSE)
