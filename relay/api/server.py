"""The API as one application: routes, description, errors."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware

from agent.model.entities import ENTITIES
from relay.api import commands, feed, fleet, mappings, problems, work
from relay.api.command_schemas import COMMAND_EXAMPLE
from relay.api.context import ApiContext, only_known_parameters
from relay.api.entities import component_schemas, entity_router, schema_name
from relay.api.shell import API_VERSION, Shell
from relay.api.writes import record_schema, write_router

PREFIX: Final = "/api/v1"
_PROBLEM: Final = {
    "model": problems.ProblemDocument,
    "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
}
_COMMON: Final[dict[int | str, dict[str, Any]]] = {
    400: {**_PROBLEM, "description": "The request cannot be read."},
    401: {**_PROBLEM, "description": "No token, or not a valid one."},
    403: {**_PROBLEM, "description": "The token was made without the scope that this needs."},
    404: {**_PROBLEM, "description": "There is no such thing, or it is not this tenant's."},
    409: {**_PROBLEM, "description": "The request contradicts an earlier one."},
    413: {**_PROBLEM, "description": "The body is too large."},
    422: {**_PROBLEM, "description": "The request is not valid."},
    503: {**_PROBLEM, "description": "The relay cannot answer now."},
}
_DESCRIPTION: Final = """
Reads what the agents sent, and asks them to do something: sync, write, change a mapping. Every request carries a
tenant's token (`Authorization: Bearer gwt_...`) and sees that tenant alone. Errors are problem documents (RFC 9457).
Every answer names the version of the API in `Groundwire-API-Version`.

Whatever an agent is asked is a command: it answers 202 with the command, whose outcome stands at its `Location`.

Amounts and quantities are exact decimals in strings. Times are RFC 3339 in UTC. Absent values are null.
"""


def create_api(context: ApiContext) -> FastAPI:
    app = FastAPI(
        title="Groundwire relay",
        version=API_VERSION,
        description=_DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[Middleware(Shell, clock=context.clock)],
    )
    app.state.context = context
    routes = APIRouter(prefix=PREFIX, responses=_COMMON, dependencies=[Depends(only_known_parameters)])
    for router in (
        fleet.router,
        work.router,
        feed.router,
        commands.router,
        commands.asking,
        mappings.router,
    ):
        routes.include_router(router)
    for entity in ENTITIES.values():
        routes.include_router(write_router(entity))
        routes.include_router(entity_router(entity))
    app.include_router(routes)
    app.add_api_route("/healthz", _healthy, include_in_schema=False)
    problems.install(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


async def _healthy() -> Response:
    return Response("ok\n", media_type="text/plain")


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        records = {f"{schema_name(entity)}Record": record_schema(entity) for entity in ENTITIES.values()}
        schema["components"]["schemas"] |= component_schemas() | records
        # Here, for the framework drops nulls from the examples of a model.
        schema["components"]["schemas"]["CommandOut"]["examples"] = [COMMAND_EXAMPLE]
        _only_problems(schema)
        app.openapi_schema = schema
    return app.openapi_schema


def _only_problems(schema: dict[str, Any]) -> None:
    """Errors are problem documents and nothing else, whatever the framework would add."""
    for path in schema["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if status.startswith("2"):
                    headers = answer.setdefault("headers", {})
                    headers["Groundwire-API-Version"] = {"schema": {"type": "string", "const": API_VERSION}}
                else:
                    answer["content"] = _PROBLEM["content"]
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)
