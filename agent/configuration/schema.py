"""JSON Schemas of the files that people edit, for editors. `groundwire config schema` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from agent.configuration.answers import AnswersFile
from agent.configuration.model import AgentFile, ConnectionFile
from agent.policy.model import PolicyFile

SCHEMAS: Final[Mapping[str, type[BaseModel]]] = {
    "agent.schema.json": AgentFile,
    "connection.schema.json": ConnectionFile,
    "policy.schema.json": PolicyFile,
    "setup.schema.json": AnswersFile,
}


def schema_texts() -> dict[str, str]:
    """Text of each schema file by its name; the same for the same code."""
    return {
        name: json.dumps(_schema(name, model), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        for name, model in SCHEMAS.items()
    }


def _schema(name: str, model: type[BaseModel]) -> dict[str, Any]:
    schema = _in_toml(model.model_json_schema(mode="validation"))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name.removesuffix(".schema.json"),
        **schema,
    }


def _in_toml(node: Any) -> Any:
    """TOML has no null: a key is there with a value or it is not there."""
    if isinstance(node, list):
        return [_in_toml(one) for one in node]
    if not isinstance(node, dict):
        return node
    node = {key: _in_toml(value) for key, value in node.items() if not _is_noise(key, value)}
    choices = [choice for choice in node.get("anyOf", ()) if choice != {"type": "null"}]
    if choices and len(choices) < len(node["anyOf"]):
        rest = {key: value for key, value in node.items() if key != "anyOf"}
        return {**choices[0], **rest} if len(choices) == 1 else {**rest, "anyOf": choices}
    return node


def _is_noise(key: str, value: Any) -> bool:
    """Pydantic titles each key with its own name, and gives a key that may be absent a null."""
    return (key == "title" and isinstance(value, str)) or (key == "default" and value is None)
