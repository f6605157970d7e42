"""What the routes work with, and who is asking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Protocol

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from agent.clock import Clock
from relay.api.problems import Problem
from relay.documents import Documents
from relay.identities import Bearer, bearer_of
from relay.lifecycle import Command
from relay.store.base import RecordIndex, Store, TokenScope
from relay.watch import CommandWatch


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
    waiters: CommandWatch
    clock: Clock


_bearer = HTTPBearer(
    auto_error=False, description="A tenant's token, as `groundwire relay token create` prints it."
)


def context(request: Request) -> ApiContext:
    found: ApiContext = request.app.state.context
    return found


Context = Annotated[ApiContext, Depends(context)]


async def _asking(
    ctx: Context, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Bearer:
    bearer = None if credentials is None else await bearer_of(ctx.store, credentials.credentials)
    if bearer is None:
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "A valid bearer token is needed.",
            headers={"WWW-Authenticate": 'Bearer realm="groundwire"'},
        )
    return bearer


def _tenant_with(scope: TokenScope) -> Callable[[Bearer], str]:
    def tenant(bearer: Annotated[Bearer, Depends(_asking)]) -> str:
        if scope not in bearer.scopes:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                f"This token was made without the scope `{scope}`.",
                headers={
                    "WWW-Authenticate": f'Bearer realm="groundwire", error="insufficient_scope", scope="{scope}"'
                },
            )
        return bearer.tenant

    return tenant


def only_known_parameters(request: Request) -> None:
    """A filter that is misspelt or said twice must not quietly choose something else."""
    names = [name for name, _ in request.query_params.multi_items()]
    strange = sorted(set(names) - _query_names(request.scope["route"].dependant))
    if strange:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"There is no parameter {strange[0][:64]!r} here.")
    if len(names) > len(set(names)):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "A parameter is given twice.")


def _query_names(dependant: Dependant) -> set[str]:
    names = {field.alias for field in dependant.query_params}
    return names.union(*(_query_names(inner) for inner in dependant.dependencies))


Tenant = Annotated[str, Depends(_tenant_with(TokenScope.READ))]
CommandingTenant = Annotated[str, Depends(_tenant_with(TokenScope.COMMAND))]
