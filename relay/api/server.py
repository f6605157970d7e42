"""The API as one application: routes, description, errors."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.routing import APIRoute
from starlette.middleware import Middleware

from agent.model.entities import ENTITIES
from relay.api import (
    accounts,
    administration,
    bundles,
    commands,
    events,
    feed,
    fleet,
    health,
    letters,
    mappings,
    problems,
    usage,
    webhooks,
    work,
)
from relay.api.context import ApiContext, Context, shared_form
from relay.api.description import COMMON, WORDS, describe
from relay.api.entities import entity_router
from relay.api.form import Form
from relay.api.lasting import StillKnown
from relay.api.lean import lean_ways
from relay.api.repeats import Repeated, repeated
from relay.api.shell import API_VERSION, Shell
from relay.api.table import find_ways
from relay.api.writes import write_router

PREFIX: Final = "/api/v1"


def create_api(context: ApiContext) -> FastAPI:
    app = application()
    app.state.context = context
    return app


def application() -> FastAPI:
    """Without what it works with, which is to be put into its state as `context`: many relays, one after the other,
    can be served by one.
    """
    app = FastAPI(
        title="Groundwire relay",
        version=API_VERSION,
        description=WORDS,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        middleware=[Middleware(Shell), Middleware(StillKnown), Middleware(Form)],
    )
    routes = APIRouter(
        prefix=PREFIX,
        responses=COMMON,
        dependencies=[Depends(shared_form)],
        generate_unique_id_function=_operation_id,
    )
    for router in (
        fleet.router,
        health.router,
        work.router,
        work.starting,
        letters.router,
        feed.router,
        commands.router,
        commands.asking,
        bundles.router,
        mappings.router,
        events.router,
        webhooks.router,
        accounts.router,
        administration.router,
        usage.router,
    ):
        routes.include_router(router)
    for entity in ENTITIES.values():
        routes.include_router(write_router(entity))
        routes.include_router(entity_router(entity))
    app.include_router(routes)
    app.add_api_route("/healthz", _healthy, include_in_schema=False)
    app.add_api_route("/readyz", _ready, include_in_schema=False)
    find_ways(app, PREFIX, lean_ways())
    problems.install(app)
    app.add_exception_handler(Repeated, repeated)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _operation_id(route: APIRoute) -> str:
    """The function's own name, which is what clients call it too."""
    return route.name


async def _healthy() -> Response:
    return Response("ok\n", media_type="text/plain")


async def _ready(ctx: Context) -> Response:
    """For a proxy: whether new agents and requests should come to this process."""
    fault = await ctx.readiness.fault(ctx.store)
    if not fault:
        return Response("ready\n", media_type="text/plain")
    return Response(f"{fault}\n", HTTPStatus.SERVICE_UNAVAILABLE, media_type="text/plain")


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = describe(app)
    return app.openapi_schema
