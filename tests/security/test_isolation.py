"""No key sees another tenant's anything: every route of the API, walked with a foreign key.

The walk knows no route by name. It takes what the application serves, puts ids of one tenant into every path and query
parameter, asks with the other tenant's key, and holds the answer byte for byte against the one for ids that nobody
has. A parameter that it has no example for, or a body that it cannot make, is a failure: then a route would go
unwalked. A route that is added later is walked by itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from agent.model.entities import ENTITIES
from agent.model.payload import encode_records
from relay.api.context import Context, Tenant
from relay.api.limits import Limits
from relay.credits import Credits
from relay.pricing import default_prices
from relay.store.base import ConnectionStatus
from tests.security.examples import BODIES, KEYS, Example, examples, headers_of
from tests.unit.relay.api.serving import Served, filled, served
from tests.unit.relay.making import NOW

CHANGING = ("POST", "PUT", "PATCH", "DELETE")
VARYING = {"ratelimit"}  # counts the reader's own requests
OUTSIDE = frozenset({"/healthz", "/readyz"})  # which know nobody
BY_OPERATOR = "/api/v1/admin/"  # needs a key of another kind: its own walk is below


@dataclass(frozen=True)
class Walked:
    route: Any  # an APIRoute, or one as it is where its router was included
    method: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.route.path}"

    @property
    def parameters(self) -> list[str]:
        return sorted(self.route.param_convertors)

    @property
    def queries(self) -> list[str]:
        return sorted(_queries(self.route.dependant))


def _queries(dependant: Dependant) -> set[str]:
    names = {field.alias for field in dependant.query_params}
    return names.union(*(_queries(inner) for inner in dependant.dependencies))


def all_routes(api: Served) -> Iterator[Walked]:
    for route in api.app.routes:
        found = route.effective_route_contexts() if hasattr(route, "effective_route_contexts") else [route]
        for one in found:
            if isinstance(one, APIRoute) or hasattr(one, "dependant"):
                for method in sorted(one.methods - {"HEAD", "OPTIONS"}):
                    yield Walked(one, method)


def every_route(api: Served) -> Iterator[Walked]:
    for walked in all_routes(api):
        path = walked.route.path
        assert path.startswith("/api/v1/") or path in OUTSIDE, path
        if path not in OUTSIDE and not path.startswith(BY_OPERATOR):
            yield walked


@dataclass
class World:
    """Acme has something of everything; globex has nothing but its key, and wants to know."""

    api: Served
    known: dict[str, Example]

    def example(self, walked: Walked, name: str) -> Example:
        if (special := f"{name} of {walked.route.path}") in self.known:
            return self.known[special]
        assert name in self.known, (
            f"{walked.name}: tests/security/examples.py has no example id for the path parameter {name!r}"
        )
        return self.known[name]

    def path(self, walked: Walked, *, theirs: bool) -> str:
        path = walked.route.path.removeprefix("/api/v1")
        for name in walked.parameters:
            chosen = self.example(walked, name)
            text = httpx.URL("/" + (chosen.theirs if theirs else chosen.nobodys)).raw_path[1:].decode()
            path = path.replace(f"{{{name}:key}}", text).replace(f"{{{name}}}", text)
        assert "{" not in path, f"{walked.name}: what is {path}?"
        return path

    async def ask(
        self, client: httpx.AsyncClient, walked: Walked, *, theirs: bool, query: dict[str, str] | None = None
    ) -> httpx.Response:
        body = BODIES.get(walked.name)
        if callable(body):
            body = body(self.known, theirs)
        return await client.request(
            walked.method,
            self.path(walked, theirs=theirs),
            params=query,
            json=body,
            headers=headers_of(walked.method, theirs=theirs),
        )


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[World]:
    async with served(folder) as api:
        sender = await filled(api)
        for entity in ENTITIES.values():
            record = encode_records(pa.table({"key": ["1"]}), {"entity": entity.name, "connection": "nav"})
            stream = f"nav/{entity.path.replace('-', '_')}"
            await api.store(sender.batch(record, stream=stream, entity=entity.name))
        status = ConnectionStatus("nav", system="sap-ecc", state="idle", operations=())
        await api.relay.store.save_connections(sender.agent, [status], NOW)
        prices = default_prices()
        await Credits(api.relay.store.engine, prices).told(sender.agent, [status], None, NOW, refusable=True)
        # The walk takes more requests than a token may make while no clock goes on.
        api.app.state.context = replace(api.app.state.context, limits=Limits(1e6))
        yield World(api, await examples(api, sender))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path) as found:
        yield found


def shown(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    headers = {name: value for name, value in answer.headers.items() if name not in VARYING}
    return answer.status_code, answer.content, headers


async def differences(world: World) -> list[str]:
    """Every route whose answer to globex depends on whether an id is acme's or nobody's."""
    found = []
    for walked in every_route(world.api):
        if walked.parameters or walked.name in BODIES:
            foreign = await world.ask(world.api.globex, walked, theirs=True)
            absent = await world.ask(world.api.globex, walked, theirs=False)
            if walked.method == "POST" and foreign.status_code < 300 and not walked.parameters:
                continue  # it made something of its own; that it holds nothing foreign is seen below
            if shown(foreign) != shown(absent):
                found.append(walked.name)
        found += [f"{walked.name}?{name}" for name in walked.queries if await differs_by(world, walked, name)]
    return found


async def differs_by(world: World, walked: Walked, name: str) -> bool:
    """Whether a query parameter tells any of acme's ids from one that nobody has."""
    if walked.method != "GET":
        return False
    absent = await world.ask(world.api.globex, walked, theirs=False, query={name: "agt_acme_00000"})
    for kind, example in world.known.items():
        if kind not in KEYS or kind == name:
            found = await world.ask(world.api.globex, walked, theirs=False, query={name: example.theirs})
            if shown(found) != shown(absent) and kind != "entity":
                return True
    return False


@contextmanager
def added(world: World, router: APIRouter) -> Iterator[None]:
    """The application is shared by the tests of a process."""
    routes = world.api.app.router.routes
    before = list(routes)
    world.api.app.include_router(router)
    try:
        yield
    finally:
        routes[:] = before


async def snapshot(world: World) -> dict[str, tuple[int, bytes]]:
    """Everything that acme sees of its own."""
    found = {}
    for walked in every_route(world.api):
        if walked.method == "GET":
            answer = await world.ask(world.api.acme, walked, theirs=True)
            found[walked.name] = (answer.status_code, answer.content)
    return found


async def test_another_tenants_ids_are_answered_like_ids_that_nobody_has(world: World) -> None:
    """G166."""
    before = await snapshot(world)

    assert await differences(world) == []

    after = await snapshot(world)
    assert {name for name in before if before[name] != after[name]} == set()


async def test_the_walk_sees_a_route_that_does_not_check(world: World) -> None:
    """Two routes as somebody might add them tomorrow, without a thought for tenants."""
    careless = APIRouter(prefix="/api/v1")

    @careless.get("/agents/{agent}/name")
    async def name(ctx: Context, _tenant: Tenant, agent: str) -> dict[str, Any]:
        found = await ctx.store.agent(agent)
        return {"name": found.name if found else None}

    @careless.get("/names")
    async def names(ctx: Context, _tenant: Tenant, of: str = "") -> dict[str, Any]:
        found = await ctx.store.agent(of)
        return {"known": found is not None}

    with added(world, careless):
        found = await differences(world)

    assert found == ["GET /api/v1/agents/{agent}/name", "GET /api/v1/names?of"]


async def test_the_walk_fails_at_a_path_parameter_that_it_knows_nothing_of(world: World) -> None:
    later = APIRouter(prefix="/api/v1")

    @later.get("/gadgets/{gadget}")
    async def gadget(_tenant: Tenant, gadget: str) -> dict[str, Any]:
        return {}

    with (
        added(world, later),
        pytest.raises(AssertionError, match="no example id for the path parameter 'gadget'"),
    ):
        await differences(world)


async def test_the_walk_goes_to_where_its_owner_gets_in(world: World) -> None:
    """Each example is one that acme itself is answered with: else two refusals would be compared, of the same fault."""
    order = ("GET", "POST", "PUT", "PATCH", "DELETE")
    refused = []
    for walked in sorted(every_route(world.api), key=lambda one: (order.index(one.method), one.name)):
        answer = await world.ask(world.api.acme, walked, theirs=True)
        if answer.status_code >= 400 and answer.status_code != 409:
            refused.append(f"{walked.name}: {answer.status_code} {answer.text[:300]}")

    assert refused == []


async def test_no_answer_to_another_tenant_holds_an_id(world: World) -> None:
    """G166: lists, feeds and whatever else takes no id."""
    ids = [example.theirs.encode() for name, example in world.known.items() if name not in KEYS]
    told = []
    for walked in every_route(world.api):
        if walked.method == "GET":
            answer = await world.ask(world.api.globex, walked, theirs=False)
            told += [f"{walked.name}: {one!r}" for one in ids if one in answer.content]

    assert told == []


async def test_a_cursor_of_another_tenant_is_refused(world: World) -> None:
    """G166."""
    taken = []
    for walked in every_route(world.api):
        if walked.method == "GET" and "cursor" in walked.queries:
            page = await world.ask(
                world.api.acme,
                walked,
                theirs=True,
                query={"limit": "1"} if "limit" in walked.queries else None,
            )
            if not page.headers["content-type"].startswith("application/json"):
                continue
            cursor = page.json().get("nextCursor")
            if cursor is None:
                continue
            own = await world.ask(world.api.acme, walked, theirs=True, query={"cursor": cursor})
            foreign = await world.ask(world.api.globex, walked, theirs=True, query={"cursor": cursor})
            assert own.status_code == 200, walked.name
            if foreign.status_code not in (404, 422):
                taken.append(walked.name)

    assert taken == []


async def test_an_etag_of_another_tenant_matches_nothing(world: World) -> None:
    """G166."""
    for walked in every_route(world.api):
        if walked.method != "GET":
            continue
        tag = (await world.ask(world.api.acme, walked, theirs=True)).headers.get("etag")
        if tag is not None:
            path = world.path(walked, theirs=True)
            answers = [
                await world.api.globex.get(path, headers={"If-None-Match": one}) for one in (tag, '"nobodys"')
            ]
            if walked.parameters:
                assert shown(answers[0]) == shown(answers[1]), walked.name


async def test_an_idempotency_key_of_another_tenant_is_free(world: World) -> None:
    """G166: the same key, two tenants, two commands."""
    from tests.unit.relay.making import Sender, enrolled, orders

    other = Sender(await enrolled(world.api.relay.store, "globex", "works"))
    await world.api.store(other.batch(orders(["1"])))
    asked = []
    for client in (world.api.acme, world.api.globex):
        answer = await client.post("/connections/nav/pause", headers={"Idempotency-Key": "nightly"})
        assert answer.status_code == 202, answer.text
        asked.append(answer.json())

    assert asked[0]["id"] != asked[1]["id"]
    assert asked[0]["agent"] != asked[1]["agent"]


async def test_a_key_of_a_tenant_is_none_of_the_operators(world: World) -> None:
    """G165: every route of the operator's, with and without a tenant's key: one answer, and nothing done."""
    walked = [one for one in all_routes(world.api) if one.route.path.startswith(BY_OPERATOR)]
    assert len(walked) > 5
    for one in walked:
        for theirs in (True, False):
            answer = await world.ask(world.api.acme, one, theirs=theirs)
            assert answer.status_code == 403, one.name
            assert (
                answer.json()["detail"]
                == "This needs an admin key of the relay's operator (`groundwire relay admin-key create`)."
            )


async def test_the_walk_is_of_every_route_that_the_description_has(world: World) -> None:
    described = {
        f"{method.upper()} {path}"
        for path, operations in world.api.app.openapi()["paths"].items()
        for method in operations
    }
    walked = {one.name.replace(":key}", "}") for one in all_routes(world.api)}

    assert len(described) > 50
    assert described - walked == set()
