"""The short way to a route leads where the framework's own way leads."""

from __future__ import annotations

from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import Match

from relay.api.server import PREFIX
from relay.api.table import Table
from tests.unit.relay.api.serving import the_application

APP = the_application()
ROUTES = [route for route in APP.router.routes if not isinstance(route, Table)]
TABLE = next(route for route in APP.router.routes if isinstance(route, Table))
KEY = "a/b c\n"


def scope(method: str, path: str) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "root_path": "", "app": APP}


def ways() -> list[Any]:
    return [
        way
        for way in iter_route_contexts(ROUTES)
        if (way.path or "").startswith(f"{PREFIX}/") and way.methods
    ]


def a_path(way: Any) -> str:
    path = str(way.path_format)
    for name in way.param_convertors:
        path = path.replace(f"{{{name}}}", KEY if name == "key" else "x1")
    return path


def framework(asked: dict[str, Any]) -> Any:
    """The first whose path and method both fit, as the framework looks for it."""
    for way in iter_route_contexts(ROUTES):
        methods = way.methods or ()
        if asked["method"] in methods and way.path_regex.match(asked["path"]):
            return way.original_route
    return None


def test_every_route_is_found_and_it_is_the_one_that_the_framework_finds() -> None:
    asked = [
        scope(method, a_path(way))
        for way in ways()
        for method in way.methods
        if way.path != f"{PREFIX}/openapi.json"
    ]

    found = [TABLE.matches(one) for one in asked]

    assert len(asked) > 100
    assert [match for match, _ in found] == [Match.FULL] * len(asked)
    assert [child["route"] for _, child in found] == [framework(one) for one in asked]


def test_parameters_are_those_of_the_path() -> None:
    _, child = TABLE.matches(scope("GET", f"{PREFIX}/connections/erp/purchase-orders/{KEY}"))

    assert child["path_params"] == {"connection": "erp", "key": KEY}


def test_what_is_not_there_is_left_to_the_framework() -> None:
    left = [
        ("GET", f"{PREFIX}/nothing"),
        ("PATCH", f"{PREFIX}/purchase-orders"),
        ("GET", "/healthz"),
        ("GET", "/api/v10/agents"),
    ]

    assert [TABLE.matches(scope(*one))[0] for one in left] == [Match.NONE] * len(left)


def test_only_requests_are_led() -> None:
    assert TABLE.matches({**scope("GET", f"{PREFIX}/agents"), "type": "websocket"})[0] is Match.NONE
