"""What the routes work with, and who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Protocol

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from agent.clock import Clock
from relay.api.problems import Problem
from relay.documents import Documents
from relay.identities import tenant_of
from relay.store.base import Command, RecordIndex, Store


class Agents(Protocol):
    """What the API asks of the gateway."""

    def connected(self, agent_id: str) -> bool: ...
    async def dispatch(self, command: Command) -> bool: ...


@dataclass(frozen=True, slots=True)
class ApiContext:
    store: Store
    index: RecordIndex
    documents: Documents
    agents: Agents
    clock: Clock


_bearer = HTTPBearer(
    auto_error=False, description="A tenant's token, as `groundwire relay token create` prints it."
)


def context(request: Request) -> ApiContext:
    found: ApiContext = request.app.state.context
    return found


Context = Annotated[ApiContext, Depends(context)]


async def _tenant(
    ctx: Context, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> str:
    tenant = None if credentials is None else await tenant_of(ctx.store, credentials.credentials)
    if tenant is None:
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "A valid bearer token is needed.",
            headers={"WWW-Authenticate": 'Bearer realm="groundwire"'},
        )
    return tenant


Tenant = Annotated[str, Depends(_tenant)]
