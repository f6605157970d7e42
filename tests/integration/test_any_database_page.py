"""docs/systems/any-database.md, word for word: every block of commands runs as it stands, in one shell, in order.

What differs is the machine and not the words: host, port, database, account and password are those of a server of this
test's own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.adventureworks.loader import load
from tests.servers import PostgresServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "systems" / "any-database.md"
DATABASE = "any_database"


def script(text: str, server: PostgresServer) -> str:
    commands = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    attributes = server.odbc_attributes(DATABASE)
    here = {
        'Server = "erp.example.com"': f'Server = "{attributes["Server"]}"',
        "Port = 5432": f"Port = {attributes['Port']}",
        'Database = "erp"': f'Database = "{DATABASE}"',
        'Uid = "reader"': f'Uid = "{attributes["Uid"]}"',
        "SHOP_PASSWORD=correct-horse-battery": f"SHOP_PASSWORD='{server.password}'",
    }
    for said, meant in here.items():
        assert commands.count(said) == 1, f"the page no longer says {said!r} just once"
        commands = commands.replace(said, meant)
    return f"set -euo pipefail\nexport PATH={Path(sys.executable).parent}:$PATH\n{commands}"


def test_every_command_of_the_page_works(
    postgres_server: PostgresServer, shared_dir: Path, tmp_path: Path
) -> None:
    load(postgres_server, DATABASE, shared_dir / "data" / "adventureworks")
    (tmp_path / "page.sh").write_text(script(PAGE.read_text(), postgres_server))

    done = subprocess.run(
        ["bash", "page.sh"],
        cwd=tmp_path,
        env={**os.environ, "STATE_DIRECTORY": str(tmp_path / "state")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert "Added to" in done.stdout
    assert '"status": "closed", "statusKey": "4"' in done.stdout
    assert "quiet 07:30-11:30, 13:00-17:00 Europe/Berlin" in done.stdout
    assert re.search(r"4012 records, at most 1000 a call, 5 pages", done.stdout)
    assert re.search(r"shop/purchase_orders +initial +succeeded +4012", done.stdout)
