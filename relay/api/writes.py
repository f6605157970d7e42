"""Commands about one record: create, update, delete, set its status, read it live."""

from __future__ import annotations

from copy import deepcopy
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends

from agent.model.entities import PROVENANCE, Entity
from agent.model.schema import DECIMAL_PATTERN, json_schema
from relay import kinds
from relay.api.command_schemas import CommandOut, StatusIn
from relay.api.commanding import COMMAND_RESPONSES, Asked, AskedToWrite, Nothing
from relay.api.exact import Record, exact_body
from relay.api.paths import KeyPath
from relay.api.records import schema_name

_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    **COMMAND_RESPONSES,
    415: {"description": "The body is not application/json."},
}
WRITTEN_DECIMAL: Final = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"
_RECORD_WORDS: Final = (
    "The entity's JSON form: amounts, quantities and dates are text. What a field may hold is the agent's to judge, "
    "which answers with one fault per field; a number with a fraction is refused at once, for it is not exact."
)
_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "purchase_order": {
        "vendorKey": "1648",
        "orderDate": "2026-01-05",
        "currencyKey": "EUR",
        "lineItems": [{"lineNo": "1", "materialKey": "512", "quantity": "3", "price": "18.6400"}],
    },
}


def record_schema(entity: Entity) -> dict[str, Any]:
    """The entity as it is written: every field may be left out, and what the relay adds is not there."""
    schema = deepcopy(json_schema(entity))
    added = {field.alias for field in PROVENANCE} | {"key", "raw", "connection", "system", "syncRun"}
    added |= {"deleted", "deletedAt"}
    schema["properties"] = {name: kept for name, kept in schema["properties"].items() if name not in added}
    _loosen(schema)
    return {"type": "object", "properties": schema["properties"]}


def _loosen(schema: dict[str, Any]) -> None:
    schema.pop("required", None)
    if schema.get("pattern") == DECIMAL_PATTERN:  # documents hold the shortest form; any is written
        schema["pattern"] = WRITTEN_DECIMAL
    for member in schema.get("properties", {}).values():
        _loosen(member)
    if isinstance(items := schema.get("items"), dict):
        _loosen(items)


def _body_of(entity: Entity, example: dict[str, Any] | None) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{schema_name(entity)}Record"}
    media: dict[str, Any] = {"schema": {"anyOf": [reference, {"type": "object"}]}}
    if example is not None:
        media["example"] = example
    return {
        "requestBody": {
            "required": True,
            "description": _RECORD_WORDS,
            "content": {"application/json": media},
        }
    }


def write_router(entity: Entity) -> APIRouter:
    router = APIRouter(tags=[entity.path])
    base = f"/connections/{{connection}}/{entity.path}"
    of_key = f"{base}/{{key:key}}"
    words = entity.path.replace("-", " ")
    _create(router, entity, base, words)
    for add in (_update, _delete, _set_status, _read):
        add(router, entity, of_key, words)
    return router


def _create(router: APIRouter, entity: Entity, path: str, words: str) -> None:
    @router.post(
        path,
        status_code=HTTPStatus.ACCEPTED,
        summary=f"Create one of the {words}",
        operation_id=f"create_{entity.name}",
        responses=_RESPONSES,
        openapi_extra=_body_of(entity, _EXAMPLES.get(entity.name)),
    )
    async def create(asked: AskedToWrite, record: Record) -> CommandOut:
        return await asked.send(kinds.CREATE, entity=entity.name, record=record)


def _update(router: APIRouter, entity: Entity, path: str, words: str) -> None:
    @router.patch(
        path,
        status_code=HTTPStatus.ACCEPTED,
        summary=f"Change one of the {words}: the body holds only what is to change",
        operation_id=f"update_{entity.name}",
        responses=_RESPONSES,
        openapi_extra=_body_of(entity, {"notes": "Deliver to gate 4"} if "notes" in entity.by_name else None),
    )
    async def update(asked: AskedToWrite, key: KeyPath, record: Record) -> CommandOut:
        return await asked.send(kinds.UPDATE, entity=entity.name, key=key, record=record)


def _delete(router: APIRouter, entity: Entity, path: str, words: str) -> None:
    @router.delete(
        path,
        status_code=HTTPStatus.ACCEPTED,
        summary=f"Delete one of the {words}",
        operation_id=f"delete_{entity.name}",
        responses=COMMAND_RESPONSES,
    )
    async def delete(asked: AskedToWrite, key: KeyPath) -> CommandOut:
        return await asked.send(kinds.DELETE, entity=entity.name, key=key)


def _set_status(router: APIRouter, entity: Entity, path: str, words: str) -> None:
    @router.post(
        f"{path}/status",
        status_code=HTTPStatus.ACCEPTED,
        summary=f"Set the status of one of the {words}",
        operation_id=f"set_status_{entity.name}",
        responses=COMMAND_RESPONSES,
        dependencies=[Depends(exact_body)],
    )
    async def set_status(asked: AskedToWrite, key: KeyPath, body: Annotated[StatusIn, Body()]) -> CommandOut:
        return await asked.send(kinds.SET_STATUS, entity=entity.name, key=key, status=body.status)


def _read(router: APIRouter, entity: Entity, path: str, words: str) -> None:
    @router.post(
        f"{path}/read",
        status_code=HTTPStatus.ACCEPTED,
        summary=f"Read one of the {words} live from the system",
        operation_id=f"read_{entity.name}",
        responses=COMMAND_RESPONSES,
        dependencies=[Depends(exact_body)],
    )
    async def read(asked: Asked, key: KeyPath, _body: Nothing = None) -> CommandOut:
        return await asked.send(kinds.READ_RECORD, entity=entity.name, key=key)
