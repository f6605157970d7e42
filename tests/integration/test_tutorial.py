"""docs/tutorial.md, word for word: every block of commands runs as it stands, in one shell, in order.

What differs is the machine and not the words: `sudo -u postgres` and the ports lead to a server of this test's own,
the installation is this checkout's, and what a person copies from the screen is taken from the output.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import PostgresServer, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(460)]

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
SECONDS = 400

PRELUDE = r"""
set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
until_true() { for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done; echo "never true: $*"; cat *.log; exit 1; }
nothing_waits() { groundwire status --json | grep -q '"pending_batches": *0'; }
lists() { [ "$(curl -s -H "Authorization: Bearer $TOKEN" "http://127.0.0.1:8080/api/v1/$1" | grep -c "$2")" -ge 1 ]; }
"""

# What a person does between the commands: reading the screen, changing terminals, waiting for a prompt.
BETWEEN = {
    "groundwire relay init relay": "groundwire relay init relay --gateway-port 8443 --api-port 8080 | tee init.out",
    'read -r -p "API token: " TOKEN': "TOKEN=$(sed -n 's/.*shown this once: //p' init.out)",
    "groundwire relay code create relay": "groundwire relay code create relay | tee code.out",
    'read -r -p "Enrolment code: " CODE': "CODE=$(cat code.out)",
    "venv/bin/groundwire relay run relay": (
        "venv/bin/groundwire relay run relay > relay.log 2>&1 &\nuntil_true curl -s http://127.0.0.1:8080/healthz"
    ),
    "venv/bin/groundwire run": "venv/bin/groundwire run > agent.log 2>&1 &\nuntil_true groundwire status",
    "groundwire config check": 'sed -i "s/5432/$PGPORT/" agent/connections/*.toml\ngroundwire config check',
}


class Server(PostgresServer):
    user = "postgres"


@pytest.fixture
def server(postgres_server: PostgresServer) -> Iterator[Server]:
    """`postgres_server` is asked for its skip; this one's superuser has the name that Debian gives it."""
    with Server() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, shared_dir: Path) -> Path:
    (tmp_path / "venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    (tmp_path / "groundwire").symlink_to(ROOT, target_is_directory=True)
    (tmp_path / "adventureworks-data").symlink_to(
        shared_dir / "data" / "adventureworks", target_is_directory=True
    )
    return tmp_path


def script(text: str) -> str:
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    commands = "\n".join(block for block in blocks if "pip install" not in block)
    for typed, done in BETWEEN.items():
        assert commands.count(f"{typed}\n") == 1, f"the tutorial no longer says {typed!r} just once"
        commands = commands.replace(f"{typed}\n", f"{done}\n")
    shown = "until_true lists purchase-orders '\"key\"'\nuntil_true nothing_waits\n"
    gone = "until_true lists 'purchase-orders?deleted=only' '\"8\"'\n"
    commands = commands.replace("groundwire status\n", f"groundwire status\n{shown}", 1)
    commands = commands.replace(
        "END\ngroundwire sync adventureworks\n", f"END\ngroundwire sync adventureworks\n{gone}"
    )
    newest = "until_true lists 'sync-runs?limit=1' '\"entity\":\"vendor\"'\n"
    writable = 'until_true lists connections/$CONNECTION/operations \'"create","allowed":true\'\n'
    commands = _before(commands, "sync-runs?limit=1", newest)
    commands = _before(commands, "$CONNECTION/operations", writable)
    return PRELUDE + "export PATH=$PWD/bin:$PWD/venv/bin:$PATH\n" + commands


def _before(commands: str, part: str, inserted: str) -> str:
    """What the reader waits for goes before the command that holds `part`."""
    at = commands.rindex("curl ", 0, commands.index(part))
    return commands[:at] + inserted + commands[at:]


def test_every_command_of_the_tutorial_works(server: Server, folder: Path) -> None:
    connect = f"PGHOST=127.0.0.1 PGUSER=postgres PGDATABASE=postgres PGPASSWORD={server.password}"
    (folder / "bin").mkdir()
    (folder / "bin" / "sudo").write_text(f'#!/bin/sh\nshift 2\nexec env {connect} "$@"\n')
    (folder / "bin" / "sudo").chmod(0o755)
    text = script(TUTORIAL.read_text())
    for port in ("8443", "8080"):
        text = text.replace(port, str(free_port()))
    (folder / "tutorial.sh").write_text(text)
    done = subprocess.run(
        ["bash", "tutorial.sh"],
        cwd=folder,
        env={**os.environ, "PGPORT": str(server.port)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    logs = "".join(f"\n--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted(folder.glob("*.log")))
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}{logs}"
    said = done.stdout
    assert '"orderNo": "1"' in said
    assert '"storeroomKey": "Tool Crib"' in said
    assert '"status": "rejected"' in said
    assert '"orderNo": "8"' in said
    assert '"deleted": true' in said
    assert '"trigger": "command"' in said
    assert said.count('"reference": "4013"') == 2, said[-6000:]
    assert '"totalNetValue": "324.1036"' in said
    assert "The vendor does not supply product 317" in said
