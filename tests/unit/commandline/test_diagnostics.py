from __future__ import annotations

import base64
import json
import stat
import zipfile
from pathlib import Path

import pytest

from agent.errors import UnexpectedError
from tests.unit.commandline.conftest import RunningAgent, Shell

MANIFEST = {
    "made_at": "2026-01-05T12:00:00Z",
    "files": [{"name": "health.json", "bytes": 7, "reason": "the link", "missing": None}],
}


ANSWER = {"manifest": MANIFEST, "content": base64.b64encode(b"zip").decode()}


def test_the_list_is_shown_before_anything_is_written(
    shell: Shell, running_agent: RunningAgent, tmp_path: Path
) -> None:
    target = tmp_path / "out.zip"
    with running_agent(diagnostics=ANSWER):
        refused = shell.run("diagnostics", "--output", str(target), answer="n\n")
        assert not target.exists()
        taken = shell.run("diagnostics", "--output", str(target), answer="y\n")

    assert refused.exit_code == 1
    assert "health.json" in refused.stdout
    assert taken.exit_code == 0
    assert taken.stdout.index("health.json") < taken.stdout.index("Wrote")
    assert target.read_bytes() == b"zip"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_list_writes_nothing(
    shell: Shell, running_agent: RunningAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with running_agent(diagnostics=ANSWER):
        told = shell.json("diagnostics", "--list")

    assert told == {"manifest": MANIFEST, "bytes": 3, "file": None}
    assert not list(tmp_path.glob("*.zip"))


def test_a_file_that_is_there_is_not_written_over(
    shell: Shell, running_agent: RunningAgent, tmp_path: Path
) -> None:
    target = tmp_path / "out.zip"
    target.write_text("mine")
    with running_agent(diagnostics=ANSWER):
        done = shell.run("diagnostics", "--yes", "--output", str(target))

    assert done.exit_code == 3
    assert "Name another one with --output" in done.stderr
    assert target.read_text() == "mine"


@pytest.mark.parametrize("fault", ["no agent", "a broken agent", "a broken configuration"])
def test_it_is_made_of_the_files_where_nobody_answers(
    shell: Shell, running_agent: RunningAgent, tmp_path: Path, fault: str
) -> None:
    target = tmp_path / "out.zip"
    if fault == "a broken configuration":
        shell.write("agent.toml", "[agent]\nunknown = 1\n")
    if fault == "a broken agent":
        with running_agent(diagnostics=UnexpectedError("x")):
            done = shell.run("diagnostics", "--yes", "--output", str(target))
    else:
        done = shell.run("diagnostics", "--yes", "--output", str(target))

    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(target) as archive:
        versions = json.loads(archive.read("versions.json"))
        health = json.loads(archive.read("health.json"))
    assert versions["groundwire"]
    assert health["missing"]
    assert "health.json: " in done.stdout
