"""Changes in the order they were stored, for platforms that keep a copy, or take data in bulk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import StreamingResponse

from agent.model.entities import ENTITIES
from relay.api.context import ApiContext, Context, Tenant
from relay.api.cursors import outlived
from relay.api.feed_forms import ARROW, JSON_LINES, Form, form_of
from relay.api.paced import PacedResponse
from relay.api.problems import Problem, not_found
from relay.bus.subjects import POSITIONS
from relay.cursors import Bookmark, OutlivedCursor, StrangeCursor
from relay.following import Following, Wanted
from relay.places import behind
from relay.watch import MAX_WAIT_SECONDS

router = APIRouter(tags=["feed"])

NOW: Final = "now"
MAX_RECORDS: Final = 50_000
PURPOSE: Final = "feed"  # what its cursors are good for
_LOOK_AGAIN_SECONDS: Final = 2.0  # while waiting; a hint that got lost costs so much
_PAUSE_SECONDS: Final = 0.05  # behind a hint: most are about others' batches, and come in bursts

_DESCRIPTION: Final = f"""
Everything that was stored behind the cursor, oldest first: records as they became, new or changed, and tombstones for
those that are gone at the source. Whoever takes each line in its turn, puts a `record` in the place of the one with its
key, and removes what a `tombstone` names, has an exact copy. Without a cursor it begins with the oldest. `cursor=now`
answers with a cursor alone: what the lists do not show yet comes behind it.

JSON lines by default. Their `type` says what each is:

- `record` and `tombstone`: `connection`, `entity`, `key`, `document` as in the lists;
- `checkpoint`: `cursor`, good for going on behind the lines above it;
- `end`, the last: `cursor` for the next request, and `more`, whether there is something behind it already. An answer
  without it was cut short: go on with the last cursor that came.

With `Accept: {ARROW}` Arrow IPC streams, one behind the other, each with the columns of its records, or `key` and
`deleted_at`. The metadata of each schema has `type`, `connection`, `entity` and `cursor`; the last stream is of type `end`
and says `more`.

A cursor stays valid, however old. It is answered with 410 when the relay came back from a backup that is older than
what the reader has: then begin without a cursor, and remove what has not come again by the first `end` without `more`.
"""
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The changes behind the cursor.",
        "content": {JSON_LINES: {"schema": {"type": "string"}}, ARROW: {"schema": {"type": "string"}}},
    },
    410: {"description": "The relay came back from an older backup than this cursor: begin anew."},
}

_Cursor = Annotated[
    str, Query(description="The last cursor that came; `now`; or nothing: from the beginning.")
]
_Limit = Annotated[int, Query(ge=1, le=MAX_RECORDS, description="How many records at most.")]
_Wait = Annotated[
    int,
    Query(ge=0, le=int(MAX_WAIT_SECONDS), description="Seconds to wait for something, if there is nothing."),
]
_Accept = Annotated[str, Header(include_in_schema=False)]
_ENTITIES: Final = "|".join(sorted(ENTITIES))


@router.get(
    "/feed/{connection}/{entity}",
    summary="Follow the changes of one entity of a connection",
    operation_id="follow_entity",
    description=_DESCRIPTION,
    response_class=StreamingResponse,
    responses=_RESPONSES,
)
async def follow_entity(
    ctx: Context,
    tenant: Tenant,
    connection: str,
    entity: Annotated[str, Path(pattern=f"^({_ENTITIES})$", examples=["purchase_order"])],
    cursor: _Cursor = "",
    limit: _Limit = 1_000,
    wait: _Wait = 0,
    accept: _Accept = JSON_LINES,
) -> StreamingResponse:
    if await ctx.store.connection(tenant, connection) is None:
        raise not_found("connection")
    return await _answer(ctx, Wanted(tenant, connection, entity), cursor, limit, wait, form_of(accept))


@router.get(
    "/feed",
    summary="Follow the changes of everything",
    operation_id="follow",
    description=_DESCRIPTION,
    response_class=StreamingResponse,
    responses=_RESPONSES,
)
async def follow(
    ctx: Context,
    tenant: Tenant,
    cursor: _Cursor = "",
    limit: _Limit = 1_000,
    wait: _Wait = 0,
    accept: _Accept = JSON_LINES,
) -> StreamingResponse:
    return await _answer(ctx, Wanted(tenant), cursor, limit, wait, form_of(accept))


async def _answer(
    ctx: ApiContext, wanted: Wanted, cursor: str, limit: int, wait: int, form: Form
) -> StreamingResponse:
    if cursor == NOW:
        place = behind(await ctx.index.position())
        bookmark = await _bookmark(ctx, wanted, cursor)  # behind the place, whose era it names
        return _response(_only_end(form, bookmark.cursor(place)), form)
    bookmark = await _bookmark(ctx, wanted, cursor)
    following = await _begun(ctx, wanted, bookmark, limit, wait)
    try:
        bookmark = await ctx.cursors.renewed(bookmark)  # how far this answer goes is settled by now
    except OutlivedCursor as error:
        raise outlived() from error
    return _response(_lines(following, bookmark, form), form)


async def _bookmark(ctx: ApiContext, wanted: Wanted, cursor: str) -> Bookmark:
    about = (wanted.tenant, PURPOSE, wanted.connection, wanted.entity)
    try:
        return await ctx.cursors.read("" if cursor == NOW else cursor, *about)
    except StrangeCursor as error:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "The cursor is not one that this feed gave out; send one as it came, or none to begin anew.",
        ) from error
    except OutlivedCursor as error:
        raise outlived() from error


async def _begun(ctx: ApiContext, wanted: Wanted, bookmark: Bookmark, limit: int, wait: int) -> Following:
    """Behind the wait, if there is nothing yet."""
    until = ctx.clock.monotonic() + wait

    def following() -> Following:
        return Following(ctx.store, ctx.documents, ctx.clock, wanted, bookmark.place, limit)

    # Counted among those who wait for commands: the API answers others meanwhile.
    with ctx.bus.subscribe(POSITIONS) as hints, ctx.waiters.watching(PURPOSE, wanted.tenant):
        found = following()
        while not await found.begin() and not found.more and ctx.waiters.room(wanted.tenant):
            left = until - ctx.clock.monotonic()
            if left <= 0:
                break
            await hints.next(within=min(left, _LOOK_AGAIN_SECONDS))
            await ctx.clock.sleep(min(left, _PAUSE_SECONDS))
            found = following()
    return found


async def _lines(following: Following, bookmark: Bookmark, form: Form) -> AsyncIterator[bytes]:
    async for piece in following.pieces():
        yield await form.piece(piece, bookmark.cursor(piece.place))
    yield form.end(bookmark.cursor(following.place), more=following.more)


async def _only_end(form: Form, cursor: str) -> AsyncIterator[bytes]:
    yield form.end(cursor, more=False)


def _response(lines: AsyncIterator[bytes], form: Form) -> StreamingResponse:
    return PacedResponse(lines, media_type=form.media_type, headers={"Cache-Control": "no-store"})
