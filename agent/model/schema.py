"""Arrow and JSON Schemas of the unified model, made from the entities."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa

from agent.model.entities import BATCH_PROVENANCE, PROVENANCE, UNKNOWN_STATUS, Entity, Field, Kind

# 28 digits before and 10 after the point hold every amount of the systems we know; a source with more keeps its own.
DEFAULT_DECIMAL: Final = pa.decimal128(38, 10)
TIMESTAMP: Final = pa.timestamp("us", tz="UTC")

_SCALAR_TYPES: Final[dict[Kind, pa.DataType]] = {
    Kind.STRING: pa.string(),
    Kind.DECIMAL: DEFAULT_DECIMAL,
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: TIMESTAMP,
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.STRINGS: pa.list_(pa.string()),
    Kind.CUSTOM: pa.struct([]),
}

JSON_SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
DECIMAL_PATTERN: Final = r"^(0|-?[1-9][0-9]*|-?(0|[1-9][0-9]*)\.[0-9]*[1-9])$"

_SCALAR_SCHEMAS: Final[dict[Kind, dict[str, Any]]] = {
    Kind.STRING: {"type": ["string", "null"]},
    Kind.DECIMAL: {"type": ["string", "null"], "pattern": DECIMAL_PATTERN},
    Kind.DATE: {"type": ["string", "null"], "format": "date"},
    Kind.TIMESTAMP: {"type": ["string", "null"], "format": "date-time"},
    Kind.BOOLEAN: {"type": ["boolean", "null"]},
    Kind.INTEGER: {"type": ["integer", "null"]},
    Kind.STRINGS: {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
    Kind.CUSTOM: {"type": "object"},
}


def arrow_type(field: Field) -> pa.DataType:
    if field.name == "content_hash":
        return pa.uint64()
    if field.kind in _SCALAR_TYPES:
        return _SCALAR_TYPES[field.kind]
    members = pa.struct([pa.field(member.name, arrow_type(member)) for member in field.fields])
    return pa.list_(members) if field.kind is Kind.LIST else members


def arrow_schema(entity: Entity) -> pa.Schema:
    """Every column a table of this entity may have. A table may lack any but `key` and use other decimal types."""
    columns = [
        pa.field(field.name, arrow_type(field), nullable=field.name != "key")
        for field in (*entity.fields, *PROVENANCE)
    ]
    return pa.schema(columns, metadata={"entity": entity.name})


def json_schema(entity: Entity) -> dict[str, Any]:
    """JSON Schema of the documents that `render.to_documents` makes."""
    provenance = [field for field in PROVENANCE if field.name != "raw"]
    fields = (*entity.fields, *provenance, *BATCH_PROVENANCE)
    schema = _object_schema(fields)
    schema["properties"]["raw"] = {
        "type": ["object", "null"],
        "description": "The source record, on request.",
    }
    return {
        "$schema": JSON_SCHEMA_DIALECT,
        "$id": f"https://groundwire.invalid/schemas/{entity.name}.json",
        "title": "".join(part.capitalize() for part in entity.name.split("_")),
        **schema,
    }


def _object_schema(fields: tuple[Field, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.alias: _field_schema(field) for field in fields},
        "required": [field.alias for field in fields],
        "additionalProperties": False,
    }


def _field_schema(field: Field) -> dict[str, Any]:
    if field.kind is Kind.LIST:
        return {"type": "array", "items": _object_schema(field.fields)}
    if field.kind is Kind.OBJECT:
        return {**_object_schema(field.fields), "type": ["object", "null"]}
    if field.values is not None:
        return {"enum": [*sorted(field.values - {UNKNOWN_STATUS}), UNKNOWN_STATUS, None]}
    schema = dict(_SCALAR_SCHEMAS[field.kind])
    if field.required:
        schema["type"] = "string"
    return schema
