"""Makes docs/asyncapi.yaml from the frames: `python -m tests.protocol.asyncapi`. A test compares the two."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import TypeAdapter

from agent.protocol import frames
from agent.protocol.frames import CONTROL_TYPES
from agent.protocol.states import FROM_AGENT

FILE: Final = Path(__file__).resolve().parents[2] / "docs" / "asyncapi.yaml"
HEADER: Final = "# Made from agent/protocol/frames.py by `python -m tests.protocol.asyncapi`; docs/protocol.md explains it.\n"


def describe() -> dict[str, Any]:
    from_agent = {frame for _, frame in FROM_AGENT}
    sent = [name for name, cls in CONTROL_TYPES.items() if cls in from_agent]
    received = [name for name, cls in CONTROL_TYPES.items() if cls not in from_agent]
    schemas: dict[str, Any] = {}
    for name, cls in CONTROL_TYPES.items():
        schemas[name] = _schema(cls, schemas, name)
    schemas["batchHeader"] = _schema(frames._Header, schemas, None)
    messages: dict[str, Any] = {
        name: {"contentType": "application/json", "payload": {"$ref": f"#/components/schemas/{name}"}}
        for name in CONTROL_TYPES
    }
    messages["batch"] = {
        "contentType": "application/octet-stream",
        "summary": "Binary: 'GWB' NUL, u8 version 1, u32 header length, JSON header (batchHeader), payload.",
        "payload": {"type": "string", "format": "binary"},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Groundwire tunnel",
            "version": "1",
            "description": "One websocket from an agent to its relay. Text messages are control frames, binary messages are batches.",
        },
        "servers": {"relay": {"host": "relay.example", "protocol": "wss"}},
        "channels": {
            "tunnel": {
                "address": "/agent",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            "fromAgent": _operation("send", [*sent, "batch"]),
            "fromRelay": _operation("receive", received),
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _operation(action: str, names: list[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/tunnel"},
        "messages": [{"$ref": f"#/channels/tunnel/messages/{name}"} for name in names],
    }


def _schema(cls: type[Any], schemas: dict[str, Any], name: str | None) -> dict[str, Any]:
    made = TypeAdapter(cls).json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(made.pop("$defs", {}))
    made.pop("title", None)
    made.pop("description", None)
    for field in made.get("properties", {}).values():
        field.pop("title", None)
    if name is None:
        return made
    made["properties"] = {"type": {"const": name}} | made.get("properties", {})
    made["required"] = ["type", *made.get("required", [])]
    return made


def text() -> str:
    return HEADER + yaml.safe_dump(describe(), sort_keys=False, width=110)


if __name__ == "__main__":
    FILE.write_text(text())
