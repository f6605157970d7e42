"""Lists of records without the framework's walk through its dependencies, which takes longer than the list itself.

Only for requests that are plainly right. Any other goes the framework's way, which knows what to say to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.model.entities import ENTITIES, Entity
from relay.api import sparse
from relay.api.command_schemas import MAX_KEY, RFC_3339
from relay.api.context import reading_tenant
from relay.api.entities import ListQuery, list_query, listed
from relay.api.form import CLAIM
from relay.store.base import Deleted

_PLAIN: Final = re.compile(r"[1-9][0-9]{0,2}")
_MOST: Final = 500
_LONGEST: Final[
    Mapping[str, tuple[str, int]]
] = {  # of each text: what it is called within, and its characters
    "connection": ("connection", MAX_KEY),
    "key": ("key", MAX_KEY),
    "code": ("code", MAX_KEY),
    "status": ("status", 64),
    "vendorKey": ("vendor_key", MAX_KEY),
    "cursor": ("cursor", 10_000),
}
_MOMENT: Final = re.compile(RFC_3339)


async def plain_query(given: Sequence[tuple[str, str]]) -> ListQuery | None:
    """None: not plainly right."""
    asked = dict(given)
    if len(asked) < len(given):
        return None
    asked.pop(sparse.PARAMETER, None)
    limit, after = asked.pop("limit", "100"), asked.pop("updated_after", "")
    deleted, include = asked.pop("deleted", Deleted.EXCLUDE.value), asked.pop("include", "")
    right = (
        all(name in _LONGEST and len(text) <= _LONGEST[name][1] for name, text in asked.items())
        and _PLAIN.fullmatch(limit) is not None
        and int(limit) <= _MOST
        and (not after or _MOMENT.fullmatch(after) is not None)
        and deleted in set(Deleted)
        and include in {"", "raw"}
    )
    if not right:
        return None
    texts = {_LONGEST[name][0]: text for name, text in asked.items()}
    return await list_query(
        **{**_NOTHING, **texts},
        updated_after=after,
        deleted=Deleted(deleted),
        include=include,
        limit=int(limit),
    )


_NOTHING: Final = {name: "" for name, _ in _LONGEST.values()}


class LeanList:
    def __init__(self, entity: Entity, framework: ASGIApp) -> None:
        self._entity = entity
        self._framework = framework

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        query = await plain_query(request.query_params.multi_items())
        if query is None:
            await self._framework(scope, receive, send)
            return
        tenant = await reading_tenant(request)
        setattr(request.state, sparse.FIELDS, sparse.chosen(request))
        setattr(request.state, CLAIM, None)
        answer = await listed(request, tenant, self._entity, query)
        await answer(scope, receive, send)


def lean_ways() -> dict[str, Callable[[ASGIApp], ASGIApp]]:
    """By the id of the operation."""

    def way(entity: Entity) -> Callable[[ASGIApp], ASGIApp]:
        return lambda framework: LeanList(entity, framework)

    return {f"list_{entity.name}": way(entity) for entity in ENTITIES.values()}
