"""A policy that allows everything, for tests that are about something else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tomlkit

from agent.model.entities import ENTITIES
from agent.policy.names import AGENT_COMMANDS, COMMANDS, OPERATIONS

USUAL_NAMES = ("erp", "box", "sandbox", "adventureworks")


def permissive_rule() -> dict[str, Any]:
    """One connection's table: everything may leave, be written and be done."""
    return {
        "commands": list(COMMANDS),
        "leave": {name: {"fields": "all", "raw": True} for name in ENTITIES},
        "write": {
            name: {
                "operations": list(OPERATIONS),
                "fields": "all",
                "statuses": sorted((entity.statuses or frozenset()) - {"unknown"}),
            }
            for name, entity in ENTITIES.items()
        },
    }


def allow_everything(config_dir: Path, names: Iterable[str] = USUAL_NAMES) -> None:
    """Write policy.toml; connections that it names already stay in it."""
    file = config_dir / "policy.toml"
    document: dict[str, Any] = tomlkit.parse(file.read_text()).unwrap() if file.exists() else {}
    rules = dict(document.get("connections", {}))
    missing = {name: permissive_rule() for name in names if name not in rules}
    if not missing:
        return
    config_dir.mkdir(parents=True, exist_ok=True)
    config_dir.chmod(config_dir.stat().st_mode & 0o7755)
    document = {"commands": list(AGENT_COMMANDS), "connections": rules | missing}
    file.write_text(tomlkit.dumps(document))
    file.chmod(0o600)
