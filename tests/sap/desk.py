"""An operator's desk for SAP connections: `groundwire check` by the real command line, and the step that fails."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit
from click.testing import CliRunner

from agent.cli import main
from agent.clock import SystemClock
from agent.credentials.access import Access
from agent.settings import ConnectionSettings, Settings
from drivers import registry
from drivers.contract import Driver
from tests.canaries import canary

PASSWORD = canary("-4711")  # of no user anywhere


@dataclass(frozen=True)
class Case:
    """What is wrong, and what the check of the connection has to say of it."""

    name: str
    step: str  # the first that fails
    code: str
    says: tuple[str, ...]  # what is wrong, and where
    advises: tuple[str, ...]  # what to try next
    options: Mapping[str, Any] = field(default_factory=dict)  # an empty text takes one away
    user: str = ""
    password: str = ""  # instead of the right one
    spoilt: str = ""  # what of the system is

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


class Desk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._write("agent.toml", {"agent": {"name": "berlin", "state_dir": "state"}})

    def told(self, case: Case, connection: Mapping[str, Any], password: str) -> None:
        """Assert that the check says what the case wants."""
        step = self.failed_step(connection, case.password or password)
        shown = json.dumps(step, ensure_ascii=False, indent=1)
        assert (step["name"], step["code"]) == (case.step, case.code), shown
        assert [part for part in case.says if part not in step["detail"]] == [], shown
        assert [part for part in case.advises if part not in step["hint"]] == [], shown

    def failed_step(self, connection: Mapping[str, Any], password: str) -> dict[str, Any]:
        self._write("connections/sap.toml", connection)
        words = ["--config", str(self.folder), "check", "sap", "--json"]
        result = CliRunner().invoke(main, words, env={"SAP_PASSWORD": password})
        assert "Traceback" not in result.output
        assert password not in result.output
        (part,) = json.loads(result.stdout)["parts"]
        assert part["exit_code"] == result.exit_code != 0, part
        return next(dict(step) for step in part["steps"] if not step["ok"])

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(tomlkit.dumps(document), encoding="utf-8")


@asynccontextmanager
async def in_this_process(settings: Settings, connection: ConnectionSettings) -> AsyncIterator[Driver]:
    """In place of the hosting of a driver in a process of its own, whose start costs a second."""
    secrets = Access(settings.limits, settings.state_dir, SystemClock()).secrets_of(connection)
    driver = registry.create(
        connection.driver, connection=connection.name, options=connection.options, secrets=secrets
    )
    try:
        yield driver
    finally:
        await driver.aclose()
