"""Pure: an example of any schema of the API's description, put together from the examples of its members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

_REFERENCE: Final = "#/components/schemas/"
_FORMATS: Final = {
    "date-time": "2026-01-05T12:00:00Z",
    "date": "2026-01-05",
    "uri": "https://platform.example/groundwire",
}
_TYPES: Final[dict[str, Any]] = {
    "string": "text",
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "null": None,
    "object": {},
    "array": [],
}
_DEPTH: Final = 6


def example_of(schema: Schema, components: Mapping[str, Schema], depth: int = 0) -> Any:
    if "$ref" in schema:
        return example_of(components[schema["$ref"].removeprefix(_REFERENCE)], components, depth)
    for found in ("example", "const", "default"):
        if schema.get(found) is not None:
            return schema[found]
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return example_of(schema[several][0], components, depth)
    return _of_type(schema, components, depth)


def _of_type(schema: Schema, components: Mapping[str, Schema], depth: int) -> Any:
    kind = _type(schema)
    if kind == "object" and schema.get("properties") and depth < _DEPTH:
        members: Mapping[str, Schema] = schema["properties"]
        return {name: example_of(member, components, depth + 1) for name, member in members.items()}
    if kind == "array" and schema.get("items") and depth < _DEPTH:
        return [example_of(schema["items"], components, depth + 1)]
    if kind == "string":
        return _FORMATS.get(schema.get("format", ""), _TYPES[kind])
    if kind == "integer":
        return max(schema.get("minimum", 1), 1)
    return _TYPES[kind]


def _type(schema: Schema) -> str:
    told = schema.get("type", "object")
    return str(told if isinstance(told, str) else next((kind for kind in told if kind != "null"), "null"))
