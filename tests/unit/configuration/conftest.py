from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.configuration.effective import Settings
from agent.configuration.load import load

AGENT = '[agent]\nname = "berlin"\nstate_dir = "state"\n'


class ConfigFolder:
    """A configuration folder that a test writes by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("agent.toml", AGENT)

    def write(self, name: str, text: str) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def load(self) -> Settings:
        return load(self.path, environ={})


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    return ConfigFolder(tmp_path / "config")


@pytest.fixture
def places(folder: ConfigFolder) -> Callable[[], list[tuple[str, str, str]]]:
    """What is wrong with the connection files: (where, message, hint) of each problem."""

    def found() -> list[tuple[str, str, str]]:
        return [(p.where, p.message, p.hint) for one in folder.load().broken for p in one.problems]

    return found
