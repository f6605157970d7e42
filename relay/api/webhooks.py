"""Webhook endpoints, their secrets and their deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Body, Query, Response

from relay.api.context import ApiContext, Context, Tenant, WebhooksTenant
from relay.api.cursors import decode_id, encode_id
from relay.api.problems import Problem, not_found
from relay.api.webhook_schemas import (
    ReplayIn,
    ReplayOut,
    RotatedSecretOut,
    RotateSecretIn,
    WebhookAttemptOut,
    WebhookDeliveryList,
    WebhookDeliveryOut,
    WebhookEndpointCreated,
    WebhookEndpointIn,
    WebhookEndpointList,
    WebhookEndpointOut,
    WebhookEndpointPatch,
    WebhookTestOut,
)
from relay.events import EventType
from relay.webhooks.base import DeliveryState, Endpoint, ShownDelivery, Wish
from relay.webhooks.desk import MOST_ENDPOINTS, TooManyTests
from relay.webhooks.plan import Verdict, verdict_of
from relay.webhooks.signing import NotASecret
from relay.webhooks.targets import TargetRefused

router = APIRouter(tags=["webhooks"])

REPLAYED_AT_ONCE: Final = 10_000  # events
_THING: Final = "webhook endpoint"
_KNOWN: Final = list(EventType)


@router.get("/webhook-endpoints", summary="List webhook endpoints")
async def list_webhook_endpoints(ctx: Context, tenant: Tenant) -> WebhookEndpointList:
    found = await ctx.webhooks.store.endpoints(tenant)
    return WebhookEndpointList(items=[_endpoint_out(endpoint) for endpoint in found])


@router.post(
    "/webhook-endpoints",
    status_code=HTTPStatus.CREATED,
    summary="Create a webhook endpoint; its secret is shown this once",
)
async def create_webhook_endpoint(
    ctx: Context, tenant: WebhooksTenant, body: Annotated[WebhookEndpointIn, Body()], response: Response
) -> WebhookEndpointCreated:
    wish = Wish(body.url, body.description, frozenset(body.types), frozenset(body.connections), body.ordered)
    _check(ctx, wish)
    try:
        made = await ctx.webhooks.create(tenant, wish, enabled=body.enabled, secret=body.secret)
    except NotASecret as error:
        raise _not_a_secret() from error
    if made is None:
        raise Problem(
            HTTPStatus.CONFLICT,
            f"There are {MOST_ENDPOINTS} webhook endpoints already, which is the most; delete one.",
        )
    response.headers["Location"] = f"/api/v1/webhook-endpoints/{made.endpoint.id}"
    return WebhookEndpointCreated(**_endpoint_out(made.endpoint).model_dump(), secret=made.secret)


@router.get("/webhook-endpoints/{endpoint}", summary="Get one webhook endpoint")
async def get_webhook_endpoint(ctx: Context, tenant: Tenant, endpoint: str) -> WebhookEndpointOut:
    return _endpoint_out(await _endpoint(ctx, tenant, endpoint))


@router.patch("/webhook-endpoints/{endpoint}", summary="Change, enable or disable a webhook endpoint")
async def change_webhook_endpoint(
    ctx: Context, tenant: WebhooksTenant, endpoint: str, body: Annotated[WebhookEndpointPatch, Body()]
) -> WebhookEndpointOut:
    """One that is disabled is given nothing, and what waited for it is given up; a replay brings it."""
    known = await _endpoint(ctx, tenant, endpoint)
    wish = _changed(known.wish, body)
    _check(ctx, wish)
    enabled = known.enabled if body.enabled is None else body.enabled
    changed = await ctx.webhooks.store.change(known, wish, enabled=enabled, now=ctx.clock.utcnow())
    if changed is None:
        raise Problem(
            HTTPStatus.CONFLICT, "It was changed by somebody else at this moment. Read it and try again."
        )
    ctx.webhooks.changed()
    return _endpoint_out(changed)


@router.delete(
    "/webhook-endpoints/{endpoint}",
    status_code=HTTPStatus.NO_CONTENT,
    summary="Delete a webhook endpoint with its deliveries",
)
async def delete_webhook_endpoint(ctx: Context, tenant: WebhooksTenant, endpoint: str) -> Response:
    if not await ctx.webhooks.store.delete(tenant, endpoint, ctx.clock.utcnow()):
        raise not_found(_THING)
    ctx.webhooks.changed()
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post(
    "/webhook-endpoints/{endpoint}/secret",
    summary="Make a new secret; the one before stays in force for a while",
)
async def rotate_webhook_secret(
    ctx: Context,
    tenant: WebhooksTenant,
    endpoint: str,
    body: Annotated[RotateSecretIn | None, Body()] = None,
) -> RotatedSecretOut:
    wanted = body or RotateSecretIn()
    try:
        made = await ctx.webhooks.rotate(
            tenant, endpoint, overlap=timedelta(hours=wanted.overlap_hours), secret=wanted.secret
        )
    except NotASecret as error:
        raise _not_a_secret() from error
    if made is None:
        raise not_found(_THING)
    new, until = made
    return RotatedSecretOut(secret=new.secret, old_secret_until=until)


@router.post("/webhook-endpoints/{endpoint}/test", summary="Send a test event now, and see what is answered")
async def send_webhook_test(ctx: Context, tenant: WebhooksTenant, endpoint: str) -> WebhookTestOut:
    """Also to one that is disabled. It has the type `webhook.test` and stands in no list."""
    known = await _endpoint(ctx, tenant, endpoint)
    try:
        outcome = await ctx.webhooks.test(known)
    except TooManyTests as error:
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "Several endpoints are being tested at this moment; ask again in a few seconds.",
            headers={"Retry-After": "5"},
        ) from error
    return WebhookTestOut(
        delivered=verdict_of(outcome.status) is Verdict.DELIVERED,
        status=outcome.status,
        failure=outcome.failure,
        excerpt=outcome.excerpt,
        milliseconds=round(outcome.seconds * 1_000),
    )


@router.get("/webhook-endpoints/{endpoint}/deliveries", summary="List deliveries, newest first")
async def list_webhook_deliveries(  # noqa: PLR0913, RUF100 - one parameter per filter
    ctx: Context,
    tenant: Tenant,
    endpoint: str,
    state: Annotated[DeliveryState | None, Query(description="Only in this state.")] = None,
    cursor: Annotated[str, Query(description="`nextCursor` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=500, description="How many at most.")] = 100,
) -> WebhookDeliveryList:
    await _endpoint(ctx, tenant, endpoint)
    found = await ctx.webhooks.store.deliveries(
        tenant, endpoint, state=state, before=decode_id(cursor), limit=limit + 1
    )
    page = found[:limit]
    return WebhookDeliveryList(
        items=[_delivery_out(one) for one in page],
        next_cursor=encode_id(page[-1].delivery.id) if len(found) > limit else None,
    )


@router.get(
    "/webhook-endpoints/{endpoint}/deliveries/{delivery}", summary="Get one delivery with all its attempts"
)
async def get_webhook_delivery(
    ctx: Context, tenant: Tenant, endpoint: str, delivery: str
) -> WebhookDeliveryOut:
    found = await ctx.webhooks.store.delivery(tenant, endpoint, delivery)
    if found is None:
        raise not_found("delivery")
    return _delivery_out(found)


@router.post(
    "/webhook-endpoints/{endpoint}/deliveries/{delivery}/replay",
    status_code=HTTPStatus.ACCEPTED,
    summary="Deliver an event once more",
)
async def replay_webhook_delivery(
    ctx: Context, tenant: WebhooksTenant, endpoint: str, delivery: str
) -> WebhookDeliveryOut:
    """Behind what waits in its lane already. It is a delivery of its own; the event's id is the same."""
    known = await _enabled(ctx, tenant, endpoint)
    made = await ctx.webhooks.store.replay_one(known, delivery, ctx.clock.utcnow())
    if made is None:
        raise not_found("delivery, or its event is not kept any more")
    ctx.webhooks.changed()
    return _delivery_out(made)


@router.post(
    "/webhook-endpoints/{endpoint}/replay",
    status_code=HTTPStatus.ACCEPTED,
    summary="Deliver again what happened within a stretch of time",
)
async def replay_webhook_events(
    ctx: Context, tenant: WebhooksTenant, endpoint: str, body: Annotated[ReplayIn, Body()]
) -> ReplayOut:
    """What the endpoint would be given now, also of the time in which it was disabled."""
    known = await _enabled(ctx, tenant, endpoint)
    now = ctx.clock.utcnow()
    done = await ctx.webhooks.store.replay(
        known,
        body.since,
        min(body.until or now, now),
        now,
        all_of_it=body.everything,
        limit=REPLAYED_AT_ONCE,
    )
    ctx.webhooks.changed()
    return ReplayOut(deliveries=done.deliveries, next_since=done.upto)


async def _endpoint(ctx: ApiContext, tenant: str, endpoint_id: str) -> Endpoint:
    found = await ctx.webhooks.store.endpoint(tenant, endpoint_id)
    if found is None:
        raise not_found(_THING)
    return found


async def _enabled(ctx: ApiContext, tenant: str, endpoint_id: str) -> Endpoint:
    found = await _endpoint(ctx, tenant, endpoint_id)
    if not found.enabled:
        raise Problem(HTTPStatus.CONFLICT, "The endpoint is disabled: enable it, then replay.")
    return found


def _check(ctx: ApiContext, wish: Wish) -> None:
    try:
        ctx.webhooks.check(wish.url)
    except TargetRefused as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error


def _not_a_secret() -> Problem:
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "The secret is not `whsec_` and 24 to 64 bytes in Base64."
    )


def _types(wanted: Sequence[str], there: frozenset[str]) -> frozenset[str]:
    """Those that a newer relay put there may stay: to take them out would be to choose all, or others."""
    strange = sorted(set(wanted) - set(EventType) - there)
    if strange:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"There is no type of events {strange[0]!r}; there are {', '.join(EventType)}.",
        )
    return frozenset(wanted)


def _changed(wish: Wish, body: WebhookEndpointPatch) -> Wish:
    return replace(
        wish,
        url=wish.url if body.url is None else body.url,
        description=wish.description if body.description is None else body.description,
        types=wish.types if body.types is None else _types(body.types, wish.types),
        connections=wish.connections if body.connections is None else frozenset(body.connections),
        ordered=wish.ordered if body.ordered is None else body.ordered,
    )


def _place(event_type: str) -> tuple[int, str]:
    """In the order of their list; those of a newer relay come last."""
    known = event_type in _KNOWN
    return (_KNOWN.index(EventType(event_type)) if known else len(_KNOWN), event_type)


def _endpoint_out(endpoint: Endpoint) -> WebhookEndpointOut:
    wish = endpoint.wish
    return WebhookEndpointOut(
        id=endpoint.id,
        url=wish.url,
        description=wish.description,
        types=sorted(wish.types, key=_place),
        connections=sorted(wish.connections),
        ordered=wish.ordered,
        enabled=endpoint.enabled,
        created_at=endpoint.created_at,
        updated_at=endpoint.updated_at,
        last_success_at=endpoint.last_success_at,
        failing_since=endpoint.failing_since,
        disabled_at=endpoint.disabled_at,
        disabled_reason=endpoint.disabled_reason,
    )


def _delivery_out(shown: ShownDelivery) -> WebhookDeliveryOut:
    delivery = shown.delivery
    return WebhookDeliveryOut(
        id=delivery.id,
        endpoint=delivery.endpoint,
        event=shown.event_id,
        type=shown.event_type,
        state=delivery.state,
        attempts=[
            WebhookAttemptOut(
                at=one.at,
                milliseconds=one.milliseconds,
                status=one.status,
                failure=one.failure,
                excerpt=one.excerpt,
            )
            for one in delivery.attempts
        ],
        next_attempt_at=delivery.due_at if delivery.state is DeliveryState.PENDING else None,
        created_at=delivery.created_at,
        finished_at=delivery.finished_at,
        replay_of=delivery.replay_of,
    )
