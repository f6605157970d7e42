"""Pages with a few commands each, typed as they stand, against an agent that runs: diagnostics.md, network.md, troubleshooting.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment import Deployment

pytestmark = pytest.mark.timeout(300)

DOCS = Path(__file__).resolve().parents[2] / "docs"
FENCE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What a person does: `diagnostics` asks, and the answer is typed. `doctor` may find what this machine lacks.
TYPED = {"groundwire diagnostics --output bundle.zip": "y\n"}
MAY_FIND = ("groundwire doctor",)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Deployment(tmp_path_factory.mktemp("pages")) as deployment:
        deployment.connect("box", {"system": "sandbox", "sync": {"manual": True}})
        deployment.start_agent()
        deployment.sync("box")
        yield deployment


def commands_of(page: str) -> list[str]:
    return [
        line
        for block in FENCE.findall((DOCS / page).read_text("utf-8"))
        for line in block.splitlines()
        if line
    ]


@pytest.mark.parametrize("page", ["diagnostics.md", "network.md", "troubleshooting.md"])
def test_every_command_of_the_page_works(site: Deployment, page: str, tmp_path: Path) -> None:
    commands = commands_of(page)
    assert commands
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "agent.cli", *command.split()[1:]],
            cwd=tmp_path,
            env={**os.environ, "GROUNDWIRE_CONFIG": str(site.config), "PYTHONPATH": str(DOCS.parent)},
            input=TYPED.get(command, ""),
            capture_output=True,
            text=True,
            check=False,
        )
        allowed = {0, 1} if command in MAY_FIND else {0}
        assert done.returncode in allowed, f"{command}\n{done.stdout}\n{done.stderr}"


def test_the_bundle_of_a_running_agent_is_whole(site: Deployment, tmp_path: Path) -> None:
    target = tmp_path / "bundle.zip"
    site._groundwire("diagnostics", "--config", str(site.config), "--yes", "--output", str(target))

    with zipfile.ZipFile(target) as archive:
        manifest = archive.read("manifest.json").decode()
        assert archive.testzip() is None
        assert '"phase"' in archive.read("health.json").decode()
        assert "box/purchase_orders" in archive.read("outbox.json").decode()
    missing = set(re.findall(r'"missing": "([^"]+)"', manifest))
    assert missing <= {"there are no log files that can be read"}
