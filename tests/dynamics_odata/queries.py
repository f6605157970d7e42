"""What both services do alike with a question: choose, order, cut, show."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from tests.dynamics_odata.filters import BadFilter, Node, parsed
from tests.dynamics_odata.model import Entity, Row, printed, shown
from tests.sap_odata.web import Request, Response

Check = Callable[[Node], None]  # raises BadFilter for what the service does not take
_OPTIONS = {"$filter", "$orderby", "$top", "$skip", "$select", "$expand", "$count", "$skiptoken"}


def chosen(entity: Entity, rows: list[Row], query: Mapping[str, str], check: Check) -> list[Row]:
    unknown = {name for name in query if name.startswith("$")} - _OPTIONS
    if unknown:
        raise BadFilter(f"The query option {sorted(unknown)} is not supported")
    if query.get("$filter"):
        tree = parsed(query["$filter"], entity)
        check(tree)
        rows = [row for row in rows if tree.holds(row)]
    ways = [part.strip().partition(" ") for part in query.get("$orderby", "").split(",") if part.strip()]
    for name, _, way in reversed(ways or [(name, "", "") for name in entity.key]):
        if name not in entity.properties:
            raise BadFilter(f"Could not find a property named '{name}' on type '{entity.type_name}'.")
        rows = sorted(rows, key=lambda row: _sortable(row[name]), reverse=way.strip() == "desc")
    return rows


def _sortable(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


class Page:
    """One answer of a list: cut at `$top`, and by the server at its own size."""

    def __init__(self, rows: list[Row], request: Request, largest: int) -> None:
        query = request.query
        start = int(query.get("$skiptoken", query.get("$skip", 0)))
        wish = re.search(r"odata\.maxpagesize=(\d+)", request.headers.get("prefer", ""))
        size = min(int(wish.group(1)) if wish else largest, largest)
        top = int(query["$top"]) if "$top" in query else None
        left = rows[start:] if top is None or "$skiptoken" in query else rows[start : start + top]
        if "$skiptoken" in query and top is not None:
            left = rows[start:top]
        self.rows = left[:size]
        self.next = start + size if len(left) > size else None

    def link(self, request: Request, root: str) -> str | None:
        if self.next is None:
            return None
        kept = {**request.query, "$skiptoken": str(self.next)}
        return f"{root}{request.path}?" + "&".join(
            f"{name}={quote(value, safe='')}" for name, value in kept.items()
        )


def exact(request: Request) -> bool:
    return "ieee754compatible=true" in request.headers.get("accept", "").lower()


def record(
    entity: Entity,
    row: Row,
    request: Request,
    tag: str,
    below: Mapping[str, list[dict[str, Any]]],
    select: str,
) -> dict[str, Any]:
    names = [name for name in select.split(",") if name] or list(entity.properties)
    unknown = set(names) - entity.properties.keys() - entity.below.keys()
    if unknown:
        raise BadFilter(f"Could not find a property named '{min(unknown)}' on type '{entity.type_name}'.")
    found: dict[str, Any] = {"@odata.etag": tag}
    found |= {name: shown(row[name], exact=exact(request)) for name in names if name in entity.properties}
    return found | dict(below)


def expansions(text: str) -> dict[str, str]:
    """`$expand` -> navigation property, its own `$select`; anything else in the brackets is refused."""
    found = {}
    for part in re.findall(r"(\w+)(?:\(([^()]*)\))?", text):
        name, inner = part
        options = dict(each.partition("=")[::2] for each in inner.split(";") if each)
        if options.keys() - {"$select"}:
            raise BadFilter(f"{sorted(options)} is not supported inside $expand")
        found[name] = options.get("$select", "")
    return found


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = "".join(printed(value)).encode()
    return Response(
        status, body, {"Content-Type": "application/json; odata.metadata=minimal", **(headers or {})}
    )
