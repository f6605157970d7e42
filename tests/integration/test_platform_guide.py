"""docs/platform-guide.md, word for word: every block of commands runs as it stands, in one shell, in order.

What differs is the machine and not the words: the ports are free ones, the installation is this checkout's, and what a
person copies from the screen is taken from the output.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import free_port

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "platform-guide.md"
SECONDS = 240

PRELUDE = r"""
set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
until_true() { for _ in $(seq 600); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done; echo "never true: $*"; cat *.log; exit 1; }
shows() { curl -s -H "Authorization: Bearer $TOKEN" "http://127.0.0.1:8080/api/v1/$1" | grep "$2"; }
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
    "venv/bin/groundwire run --config agent": (
        "venv/bin/groundwire run --config agent > agent.log 2>&1 &\n"
        "until_true shows inventory-items '\"key\"'\nuntil_true shows vendors '\"key\"'\n"
        "until_true shows 'purchase-orders?status=ordered' '\"key\"'\n"
        "until_true shows connections/sandbox/operations '\"create\"'"
    ),
    "python3 receiver.py": "python3 receiver.py > receiver.log 2>&1 &\nuntil_true bash -c 'echo > /dev/tcp/127.0.0.1/9090'",
}


def script(text: str) -> str:
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    made = ("pip install", "venv venv")  # the installation is there
    lines = [line for line in "".join(blocks).splitlines() if not any(word in line for word in made)]
    commands = "\n".join(lines) + "\n"
    for typed, done in BETWEEN.items():
        assert commands.count(f"{typed}\n") == 1, f"the guide no longer says {typed!r} just once"
        commands = commands.replace(f"{typed}\n", f"{done}\n")
    # A webhook is on its way when the answer to the command is there.
    told = "until_true grep 'taken sync.completed' receiver.log\nuntil_true grep 'taken command.finished' receiver.log\n"
    deliveries = 'curl -s -H "Authorization: Bearer $TOKEN" "$API/webhook-endpoints/$ENDPOINT/deliveries'
    assert commands.count(deliveries) == 1
    return PRELUDE + commands.replace(deliveries, told + deliveries)


def test_every_command_of_the_guide_works(tmp_path: Path) -> None:
    (tmp_path / "venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    (tmp_path / "groundwire").symlink_to(ROOT, target_is_directory=True)
    text = script(GUIDE.read_text())
    for port in ("8443", "8080", "9090"):
        text = text.replace(port, str(free_port()))
    (tmp_path / "guide.sh").write_text(text)
    done = subprocess.run(
        ["bash", "guide.sh"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "clients" / "python")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    logs = "".join(
        f"\n--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted(tmp_path.glob("*.log"))
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}{logs}"
    said = done.stdout
    assert '"name":"first-agent","connected":true' in said
    assert "orders; go on later with" in said
    assert '"delivered":true' in said
    assert "taken webhook.test" in (tmp_path / "receiver.log").read_text()
    assert "refused" not in (tmp_path / "receiver.log").read_text()
    assert '"type":"command.finished","state":"delivered"' in said, said[-4000:]
    assert '"state": "succeeded"' in said
    assert '"kind":"set_status"' in said
    assert '"kind":"sync"' in said
    assert said.count('"state":"succeeded","progress"') == 2, said[-4000:]
