"""What records look like in the API's description: their schemas, members and examples."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

from agent.model.entities import BATCH_PROVENANCE, ENTITIES, PROVENANCE, Entity, Field, Kind
from agent.model.schema import json_schema

_ADDED: Final[dict[str, Any]] = {
    "connection": {"type": "string", "description": "The connection's id."},
    "receivedAt": {
        "type": ["string", "null"],
        "format": "date-time",
        "description": "When the relay stored it.",
    },
    "deleted": {"type": "boolean", "description": "Whether the record is gone at the source."},
}
_SHOWN: Final[dict[str, Any]] = {
    "key": "4011",
    "sourceKey": "4011",
    "orderNo": "PO-4011",
    "code": "AR-5381",
    "name": "Adjustable Race",
    "status": "approved",
    "statusKey": "2",
    "orderDate": "2026-01-05",
    "vendorKey": "1648",
    "currencyKey": "EUR",
    "totalNetValue": "55.92",
    "lineNo": "1",
    "materialKey": "512",
    "quantity": "3",
    "price": "18.64",
    "contentHash": "91f3a0c2d4e5b678",
    "connection": "erp",
    "system": "sap_s4hana",
    "syncRun": "01jgq1z7x0e8v3m5n9p2r4t6w8",
    "updatedAt": "2026-01-05T11:58:20Z",
    "readAt": "2026-01-05T12:00:00Z",
    "receivedAt": "2026-01-05T12:00:00.123Z",
    "deleted": False,
}
_SHOWN_LISTS: Final = frozenset({"lineItems", "stocks"})


def schema_name(entity: Entity) -> str:
    return "".join(part.capitalize() for part in entity.name.split("_"))


def component_schemas() -> dict[str, Any]:
    """Of every entity and its list, for the OpenAPI description."""
    found: dict[str, Any] = {}
    for entity in ENTITIES.values():
        name = schema_name(entity)
        found[name] = _document_schema(entity)
        found[f"{name}List"] = {
            "type": "object",
            "required": ["items", "nextCursor", "hasMore"],
            "properties": {
                "items": {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}},
                "nextCursor": {
                    "type": "string",
                    "description": "Go on behind this page, now or later: what changes comes behind it.",
                    "examples": ["WyJwIiwxNyw0XQ"],
                },
                "hasMore": {"type": "boolean", "description": "Whether there is more behind it already."},
            },
        }
    return found


def _document_schema(entity: Entity) -> dict[str, Any]:
    schema = deepcopy(json_schema(entity))
    for name in ("$schema", "$id"):
        schema.pop(name, None)
    # Of a record known only by its deletion nothing but the key is.
    for name, member in schema["properties"].items():
        if name != "key" and member.get("type") == "string":
            member["type"] = ["string", "null"]
    schema["properties"] |= _ADDED
    schema["examples"] = [record_example(entity)]
    return schema


def record_example(entity: Entity) -> dict[str, Any]:
    provenance = tuple(field for field in PROVENANCE if field.name != "raw")
    shown = _shown((*entity.fields, *provenance, *BATCH_PROVENANCE))
    return shown | {name: _SHOWN.get(name) for name in _ADDED}


def _shown(fields: tuple[Field, ...]) -> dict[str, Any]:
    return {field.alias: _value(field) for field in fields}


def _value(field: Field) -> Any:
    if field.kind is Kind.LIST:
        return [_shown(field.fields)] if field.alias in _SHOWN_LISTS else []
    if field.kind is Kind.STRINGS:
        return []
    if field.kind is Kind.CUSTOM:
        return {}
    told = _SHOWN.get(field.alias)
    return None if field.values is not None and told not in field.values else told


def _members(entity: Entity) -> frozenset[str]:
    return frozenset(_document_schema(entity)["properties"])


# By the id of the operation that shows them.
RECORD_MEMBERS: Final = {
    f"{verb}_{entity.name}": _members(entity) for entity in ENTITIES.values() for verb in ("list", "get")
}
