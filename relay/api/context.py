"""What the routes work with, and who is asking."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Final, Protocol

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from agent.clock import Clock
from relay.acting import Actor, ActorKind, now_acting
from relay.api import sparse
from relay.api.form import CLAIM
from relay.api.limits import Limits
from relay.api.problems import Problem
from relay.api.repeats import claim
from relay.api.shell import HEADERS
from relay.bus.base import Bus
from relay.cursors import Cursors
from relay.documents import Documents
from relay.health.outlook import Outlook
from relay.identities import Bearer, TenantDisabled, bearer_of
from relay.lifecycle import Command
from relay.pricing import default_prices
from relay.readiness import Readiness
from relay.store.base import RecordIndex, Store, TokenScope
from relay.store.keys import Kind
from relay.usage import Prices
from relay.watch import CommandWatch
from relay.webhooks.desk import WebhookDesk

PRESENTED: Final = "presented"  # in the request's state: the key that it came with
NOT_KNOWN: Final = "A valid token is needed, as `Authorization: Bearer TOKEN`; there is none, or it is wrong, revoked or has ended."
CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="groundwire"'}


class Agents(Protocol):
    """What the API asks of the gateway."""

    def connected(self, agent_id: str) -> bool: ...
    async def dispatch(self, command: Command) -> bool: ...
    def revoke(self, agent_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class ApiContext:
    store: Store
    index: RecordIndex
    documents: Documents
    agents: Agents
    waiters: CommandWatch
    clock: Clock
    limits: Limits = field(default_factory=Limits)
    prices: Prices = field(default_factory=default_prices)
    cursors: Cursors = field(kw_only=True)
    bus: Bus = field(kw_only=True)
    webhooks: WebhookDesk = field(kw_only=True)
    outlook: Outlook = field(default_factory=Outlook, kw_only=True)
    readiness: Readiness = field(default_factory=Readiness, kw_only=True)


_bearer = HTTPBearer(
    auto_error=False, description="A tenant's token, as `groundwire relay token create` prints it."
)


def context_of(request: Request) -> ApiContext:
    found: ApiContext = request.app.state.context
    return found


async def context(request: Request) -> ApiContext:
    return context_of(request)


Context = Annotated[ApiContext, Depends(context)]


Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def _asking(request: Request) -> Bearer:
    """It looks for itself what it needs: the framework goes through all that a dependency depends on each time."""
    ctx, credentials = context_of(request), await _bearer(request)
    bearer = None if credentials is None else await known_bearer(ctx, credentials.credentials)
    if bearer is None or credentials is None:
        raise Problem(HTTPStatus.UNAUTHORIZED, NOT_KNOWN, headers=CHALLENGE)
    _spend(ctx, credentials.credentials, request)
    setattr(request.state, PRESENTED, credentials.credentials)
    address = "" if request.client is None else request.client.host
    kind = ActorKind.ADMIN if bearer.kind is Kind.ADMIN else ActorKind.TOKEN
    now_acting(Actor(kind, bearer.key, address, bearer.tenant))
    return bearer


async def known_bearer(ctx: ApiContext, presented: str) -> Bearer | None:
    try:
        return await bearer_of(ctx.store, presented, ctx.clock.utcnow())
    except TenantDisabled as error:
        raise Problem(
            HTTPStatus.FORBIDDEN, "This tenant is disabled. The relay's operator can enable it."
        ) from error


def _spend(ctx: ApiContext, token: str, request: Request) -> None:
    """Count a request of a valid token, which is kept here as little as anywhere."""
    name = hashlib.blake2b(token.encode(), digest_size=16).hexdigest()
    standing = ctx.limits.spend(name, ctx.clock.monotonic())
    setattr(request.state, HEADERS, standing.headers(ctx.limits.quota))
    if not standing.allowed:
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "This token makes more requests than it may; RateLimit-Policy says how many those are.",
            headers={"Retry-After": str(standing.retry_seconds)},
        )


def _tenant_with(scope: TokenScope) -> Callable[[Bearer], Awaitable[str]]:
    async def tenant(bearer: Annotated[Bearer, Depends(_asking)]) -> str:
        if bearer.kind is not Kind.TOKEN:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "This needs a token of a tenant. An admin key opens what is under /admin.",
            )
        if scope not in bearer.scopes:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                f"This token was made without the scope `{scope}`; use one that was made with it.",
                headers={
                    "WWW-Authenticate": f'Bearer realm="groundwire", error="insufficient_scope", scope="{scope}"'
                },
            )
        return bearer.tenant

    return tenant


async def _operator(bearer: Annotated[Bearer, Depends(_asking)]) -> str:
    if bearer.kind is not Kind.ADMIN:
        raise Problem(
            HTTPStatus.FORBIDDEN,
            "This needs an admin key of the relay's operator (`groundwire relay admin-key create`).",
        )
    return bearer.key


async def shared_form(
    request: Request, bearer: Annotated[Bearer, Depends(_asking)], _described: Credentials
) -> None:
    """What every route has: known parameters alone, `fields` where there is something to choose, idempotency keys."""
    _only_known_parameters(request)
    setattr(request.state, sparse.FIELDS, sparse.chosen(request))
    ctx, token = context_of(request), getattr(request.state, PRESENTED)
    setattr(request.state, CLAIM, await claim(request, ctx.store.engine, bearer.tenant, token, ctx.clock))


def _only_known_parameters(request: Request) -> None:
    """A filter that is misspelt or said twice must not quietly choose something else."""
    route = request.scope["route"]
    names = [name for name, _ in request.query_params.multi_items()]
    known = _query_names(route.dependant) | ({sparse.PARAMETER} if sparse.members_of(route) else set())
    strange = sorted(set(names) - known)
    if strange:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"There is no parameter {strange[0][:64]!r} here; {_there_are(known)}.",
        )
    twice = next((name for number, name in enumerate(names) if name in names[:number]), None)
    if twice is not None:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"The parameter `{twice}` is given twice; one value is taken."
        )


def _there_are(known: set[str]) -> str:
    return f"there are {', '.join(sorted(known))}" if known else "it takes none"


def _query_names(dependant: Dependant) -> set[str]:
    names = {field.alias for field in dependant.query_params}
    return names.union(*(_query_names(inner) for inner in dependant.dependencies))


_reading = _tenant_with(TokenScope.READ)


async def reading_tenant(request: Request) -> str:
    """`Tenant`, without the framework."""
    return await _reading(await _asking(request))


Tenant = Annotated[str, Depends(_reading)]
CommandingTenant = Annotated[str, Depends(_tenant_with(TokenScope.COMMAND))]
EnrollingTenant = Annotated[str, Depends(_tenant_with(TokenScope.ENROL))]
WebhooksTenant = Annotated[str, Depends(_tenant_with(TokenScope.WEBHOOKS))]
ManagingTenant = Annotated[str, Depends(_tenant_with(TokenScope.MANAGE))]
Asker = Annotated[Bearer, Depends(_asking)]
Operator = Annotated[str, Depends(_operator)]  # the admin key's id
