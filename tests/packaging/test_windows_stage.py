"""The agent as a service under Wine, with CPython for Windows and the program from its source. `make windows` runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from tests.deployment import Deployment
from tests.packaging.windows_machine import SECONDS, until
from tests.packaging.windows_python import PROGRAM, ROOT, interpreter
from tests.packaging.wine import Wine, cannot, windows_path
from tests.permissive import allow_everything

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7_200),
    pytest.mark.skipif(bool(cannot()), reason=cannot()),
]
ADMINISTRATOR = ROOT / "tests" / "packaging" / "windows_administrator.py"
SANDBOX = """
system = "sandbox"

[options]
size = { vendors = 400 }
changes_per_minute = 0
time = "fixed"
bad_records = 0
[sync]
every = "10s"
initial_window = "everything"
"""


class Administrator:
    """Of the service, inside Wine."""

    def __init__(self, wine: Wine, python: Path, folder: Path) -> None:
        self._folder = folder
        self._said = folder / "administrator.log"
        self._process: Popen[bytes] = wine.start(
            str(python), windows_path(ADMINISTRATOR), windows_path(folder), said=self._said, cwd=PROGRAM
        )

    def ask(self, word: str) -> dict[str, Any]:
        part = self._folder / "asked.part"
        part.write_text(word, "utf-8")
        part.rename(self._folder / "asked")
        return self.answer()

    def quit(self) -> None:
        (self._folder / "asked").write_text("quit", "utf-8")
        self._process.wait(SECONDS)

    def answer(self) -> dict[str, Any]:
        file = self._folder / "answer"
        until(file.exists, self._alive)
        given = json.loads(file.read_text("utf-8"))
        file.unlink()
        return dict(given)

    def _alive(self) -> str:
        assert self._process.poll() is None, self._said.read_text(errors="replace")
        return "no answer"


def events(folder: Path) -> list[str]:
    log = folder / "agent" / "state" / "log" / "agent.log"
    return [json.loads(line)["event"] for line in log.read_text("utf-8").splitlines()] if log.exists() else []


def enrolled(wine: Wine, python: Path, there: Deployment, folder: Path) -> None:
    """An agent's folder whose identity the program made under Wine, over TLS."""
    config = folder / "agent"
    (config / "connections").mkdir(parents=True)
    shutil.copy(there.relay / "ca.pem", config / "ca.pem")
    url = f"wss://127.0.0.1:{there.gateway}"
    (config / "agent.toml").write_text(
        f'[agent]\nname = "windows"\nstate_dir = "state"\nlog_format = "json"\n[relay]\nurl = "{url}"\nca_file = "ca.pem"\n'
    )
    (config / "connections" / "sandbox.toml").write_text(SANDBOX)
    allow_everything(config, ["sandbox"])
    code = there.post("/enrolment-codes", {"agentName": "windows"})["code"]
    command = (str(python), "-m", "agent.cli", "enroll", url, code, "--config", windows_path(config))
    wine.run(*command, seconds=SECONDS, cwd=PROGRAM)


def test_the_service_starts_reads_sends_and_ends_with_its_drain(tmp_path: Path) -> None:
    folder = tmp_path / "windows"
    python = interpreter()
    with Deployment(tmp_path / "relay") as there, Wine(tmp_path / "prefix") as wine:
        enrolled(wine, python, there, folder)
        administrator = Administrator(wine, python, folder)

        made = administrator.answer()
        assert len(made["steps"]) == 3, made
        assert administrator.ask("state")["state"] == "stopped"
        assert administrator.ask("start") == {"done": "start"}
        assert administrator.ask("state")["state"] == "running"
        until(
            lambda: sum(1 for _ in there.records("vendors")) == 400,
            lambda: f"{events(folder)[-20:]}",
        )

        assert administrator.ask("stop") == {"done": "stop"}
        assert administrator.ask("state") == {"state": "stopped", "exit_code": 0}
        assert [one for one in events(folder) if one.startswith("agent_")] == [
            "agent_started", "agent_stopping", "agent_stopped",
        ]  # fmt: skip

        assert administrator.ask("remove") == {"done": "remove"}
        assert administrator.ask("state")["state"] == "missing"
        assert (folder / "agent" / "state" / "identity.json").exists()
        administrator.quit()
