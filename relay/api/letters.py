"""Dead letters: records that could not pass, one by one and by cause."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query

from relay.api.command_schemas import MAX_KEY, RFC_3339
from relay.api.context import Context, Tenant
from relay.api.cursors import bookmark_of, place_of
from relay.api.problems import Problem
from relay.api.schemas import DeadLetterCauseList, DeadLetterCauseOut, DeadLetterList, DeadLetterOut
from relay.store.base import DeadLetterRow, DeadLetterState, LetterCause, LetterFilter, to_micros

router = APIRouter(tags=["dead letters"])

COUNTED_LETTERS: Final = 200_000  # of one tenant, for one answer
MOST_CAUSES: Final = 500  # shown of one tenant
MAX_NAME: Final = 200


class DeadLetterChoice(StrEnum):
    OPEN = "open"
    SETTLED = "settled"
    ALL = "all"


Connection = Annotated[str, Query(max_length=MAX_NAME, description="Only of this connection.")]
EntityName = Annotated[
    str, Query(max_length=MAX_NAME, description="Only of this entity.", examples=["purchase_order"])
]
Run = Annotated[str, Query(max_length=MAX_NAME, description="Only told by this sync run.")]
Field = Annotated[
    str, Query(max_length=MAX_KEY, description="Only where this field could not pass.", examples=["orderNo"])
]
Cause = Annotated[
    str, Query(max_length=MAX_NAME, description="Only for this reason, by its code.", examples=["missing"])
]
Since = Annotated[
    str,
    Query(
        pattern=f"^({RFC_3339})?$",
        examples=["2026-01-05T12:00:00Z"],
        description="Only those that came at this moment or later.",
    ),
]
State = Annotated[
    DeadLetterChoice,
    Query(
        description="`settled`: its record, its tombstone or a newer letter of the same record came behind it. Settled "
        "ones are kept as long as their batch (`retention.dead_letter_days` at most)."
    ),
]


async def _wanted(  # noqa: PLR0913, RUF100 - one parameter per filter
    connection: Connection = "",
    entity: EntityName = "",
    run: Run = "",
    field: Field = "",
    reason: Cause = "",
    since: Since = "",
    state: State = DeadLetterChoice.OPEN,
) -> LetterFilter:
    return LetterFilter(
        connection=connection,
        entity=entity,
        run=run,
        field=field,
        reason=reason,
        since=_moment(since),
        state=None if state is DeadLetterChoice.ALL else DeadLetterState(state),
    )


def _moment(text: str) -> int | None:
    try:
        return to_micros(datetime.fromisoformat(text)) if text else None
    except (ValueError, OverflowError) as error:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            '`since` is a day that no calendar has; write a moment such as "2026-01-31T08:00:00Z".',
        ) from error


Wanted = Annotated[LetterFilter, Depends(_wanted)]


@router.get("/dead-letters", summary="List dead letters in the order they came")
async def list_dead_letters(  # noqa: PLR0913, RUF100 - one parameter per filter
    ctx: Context,
    tenant: Tenant,
    wanted: Wanted,
    key: Annotated[str, Query(max_length=MAX_KEY, description="Only of the record with this key.")] = "",
    cursor: Annotated[
        str,
        Query(
            description="`nextCursor` of an earlier answer. It stays valid: what comes later is behind it."
        ),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=500, description="How many at most.")] = 100,
) -> DeadLetterList:
    """Records that could not pass; the open ones, unless `state` says otherwise. A filter that few pass may give a page
    with fewer items, or none, and `hasMore`: go on with its cursor.
    """
    taken = place_of(ctx.cursors, tenant, cursor)
    asked = replace(wanted, key=key)
    found = await ctx.index.dead_letters(tenant, asked, after=taken.place, limit=limit)
    there = await bookmark_of(ctx.cursors, taken)
    return DeadLetterList(
        items=[_letter_out(letter) for letter in found.letters],
        next_cursor=there.cursor(found.reached or there.place),
        has_more=found.more,
    )


@router.get("/dead-letters/causes", summary="Count dead letters by their cause, the most frequent first")
async def list_dead_letter_causes(ctx: Context, tenant: Tenant, wanted: Wanted) -> DeadLetterCauseList:
    """A cause is a reason at a field of an entity of a connection. `GET /dead-letters` with these four has its records;
    a corrected mapping and `requeue` bring them.
    """
    counted = await ctx.index.letter_causes(tenant, wanted, most=COUNTED_LETTERS)
    return DeadLetterCauseList(
        items=[_cause_out(cause) for cause in counted.causes[:MOST_CAUSES]],
        complete=counted.whole and len(counted.causes) <= MOST_CAUSES,
    )


def _letter_out(letter: DeadLetterRow) -> DeadLetterOut:
    return DeadLetterOut(
        connection=letter.connection,
        stream=letter.stream,
        entity=letter.entity,
        run=letter.run,
        key=letter.key,
        field=letter.field,
        reason=letter.reason,
        message=letter.message,
        state=letter.state,
        received_at=letter.received_at,
    )


def _cause_out(cause: LetterCause) -> DeadLetterCauseOut:
    return DeadLetterCauseOut(
        connection=cause.connection,
        entity=cause.entity,
        field=cause.field,
        reason=cause.reason,
        count=cause.count,
        oldest_at=cause.oldest,
        newest_at=cause.newest,
    )
