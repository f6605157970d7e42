"""The way from a path to its route, by the path's first part.

The framework tries one route after the other, each layer of routers anew: with our hundred and sixty that took half of
a small request's time. What is not found here goes on to the framework, which says 404 or 405.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from re import Pattern
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.convertors import Convertor
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

CHOSEN = "chosen route"  # in the scope


@dataclass(frozen=True, slots=True)
class _Way:
    pattern: Pattern[str]
    convertors: dict[str, Convertor[Any]]
    route: BaseRoute
    endpoint: Any
    app: ASGIApp

    def parameters(self, path: str) -> dict[str, Any] | None:
        found = self.pattern.match(path)
        if found is None:
            return None
        return {name: self.convertors[name].convert(text) for name, text in found.groupdict().items()}


class Table(BaseRoute):
    """To be put before all others."""

    def __init__(
        self,
        prefix: str,
        routes: Iterable[BaseRoute],
        lean: Mapping[str, Callable[[ASGIApp], ASGIApp]],
    ) -> None:
        """`lean`: what answers instead, by the id of the operation; it gets the framework's way to fall back on."""
        self._prefix = f"{prefix}/"
        self._ways: dict[tuple[str, str], list[_Way]] = defaultdict(list)
        for context in iter_route_contexts(list(routes)):
            path, route = context.path or "", context.original_route
            if path.startswith(self._prefix) and isinstance(route, APIRoute):
                instead = lean.get(route.operation_id or "")
                app = context.app if instead is None else instead(context.app)
                way = _Way(context.path_regex, context.param_convertors, route, context.endpoint, app)
                for method in context.methods or ():
                    self._ways[method, self._first_part(path)].append(way)

    def _first_part(self, path: str) -> str:
        return path[len(self._prefix) :].partition("/")[0]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope.get("root_path") or not scope["path"].startswith(self._prefix):
            return Match.NONE, {}
        path = scope["path"]
        for way in self._ways.get((scope["method"], self._first_part(path)), ()):
            parameters = way.parameters(path)
            if parameters is not None:
                chosen = {"endpoint": way.endpoint, "path_params": parameters, "route": way.route}
                return Match.FULL, {**chosen, CHOSEN: way.app}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = scope[CHOSEN]
        await app(scope, receive, send)


def find_ways(app: FastAPI, prefix: str, lean: Mapping[str, Callable[[ASGIApp], ASGIApp]]) -> None:
    """Once all routes are there. A first part that is a parameter would be missed, and leads to the framework's way."""
    app.router.routes.insert(0, Table(prefix, app.routes, lean))
