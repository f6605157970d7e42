"""The watch over canary secrets notices whatever way one takes out of a test."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.canaries import CANARY, betrayed, canary

ROOT = Path(__file__).resolve().parents[1]
CONFTEST = """
import pytest
from tests.canaries import Canaries

def pytest_configure(config):
    config.pluginmanager.register(Canaries())
"""
LEAKS = """
import asyncio, base64, logging, subprocess, sys
from datetime import UTC, datetime
import click
import pytest
from click.testing import CliRunner
from agent.errors import Unreachable
from agent.model import payload
from agent.protocol.frames import Hello
from agent.protocol.session import AgentSession
from drivers.contract import CredentialsRefused
from tests.canaries import CANARY

def test_prints():
    print("signing in with", CANARY)

def test_prints_half_of_it():
    print(CANARY[:-5])

def test_prints_and_reads_it(capsys):
    print(base64.b64encode(f"user:{CANARY}".encode()).decode())
    capsys.readouterr()

def test_writes_to_the_descriptor(capfd):
    subprocess.run(["/bin/cat"], input=CANARY.encode(), check=True)
    capfd.readouterr()

def test_logs():
    logging.getLogger("x").warning("%r", {"password": CANARY})

def test_raises():
    Unreachable("nobody", where=f"https://me:{CANARY}@erp")

def test_a_driver_raises():
    with pytest.raises(CredentialsRefused):
        raise CredentialsRefused("no", hint=CANARY)

def test_a_command_prints():
    @click.command()
    def command():
        click.echo(CANARY, err=True)
    CliRunner().invoke(command)

def test_leaves_a_file(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "outbox.db").write_bytes(b"\\0" + CANARY.encode("utf-16-le"))

def test_runs_groundwire():
    words = [sys.executable, "-c", "import sys; print(sys.stdin.read())", "agent.cli"]
    subprocess.run(words, input=CANARY, capture_output=True, text=True, check=True)

def test_leaves_it_where_two_blocks_meet(tmp_path):
    (tmp_path / "log").write_bytes(bytes(4 * 1024 * 1024 - 7) + CANARY[:10].encode())

def test_starts_a_process():
    subprocess.run([sys.executable, "-c", "", "--password", CANARY], check=True)

def test_packs_it_into_a_batch():
    keys = [f"{CANARY}-{number % 3}" for number in range(1000)]
    packed = payload.encode_tombstones(keys, datetime.now(UTC), {"entity": "vendor"})
    assert CANARY.encode() not in packed

async def _start():
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "", CANARY)
    await process.wait()

def test_starts_a_process_in_a_loop():
    asyncio.run(_start())

def test_gives_a_driver_its_environment():
    words = [sys.executable, "-c", "", "agent.hosting.child"]
    subprocess.run(words, env={"PATH": "/bin", "ERP_PASSWORD": CANARY}, check=True)

def test_tells_the_relay():
    session = AgentSession(Hello(1, 1, CANARY, 1, "x"), sign=lambda b: b, now=0.0)
    session.messages_to_send()
"""
KEEPS = """
import os
from agent.errors import Unreachable
from agent.secrets import Secret
from tests.canaries import CANARY

def test_keeps_it(tmp_path, capsys):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "erp").write_text(CANARY)
    (tmp_path / "source.json").write_text(CANARY)
    (tmp_path / "file").write_text("***")
    print(Secret(CANARY), repr(Secret(CANARY)))
    Unreachable("nobody")
    assert "***" in capsys.readouterr().out
"""


@pytest.mark.parametrize(
    "form",
    [
        canary("/+ %"),
        quote(canary("/+ %"), safe=""),
        json.dumps({"a": canary('"\\')}),
        *(base64.b64encode(b"u" * before + b":" + CANARY.encode()).decode() for before in range(3)),
        base64.urlsafe_b64encode(f"ü:{CANARY}".encode()).decode(),
        CANARY.encode().hex(),
        CANARY.encode().hex().upper(),
        CANARY.encode("utf-16-le"),
        CANARY[:12],
        CANARY[8:],
    ],
    ids=range(12),
)
def test_a_canary_is_known_in_every_form(form: str | bytes) -> None:
    assert betrayed(b"before " + (form.encode() if isinstance(form, str) else form) + b" behind")


def test_other_text_is_no_canary() -> None:
    assert not betrayed("Zeisig und Wachtel, *** and " + base64.b64encode(bytes(range(256))).decode())


def test_whoever_lets_one_out_fails(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("leaks")
    for name, text in (("conftest", CONFTEST), ("test_leaks", LEAKS), ("test_keeps", KEEPS)):
        (folder / f"{name}.py").write_text(text)

    options = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:asyncio", "--basetemp", "made"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    leaks = LEAKS.count("def test_")
    assert f"{leaks + 1} passed, {leaks} errors" in done.stdout
    assert done.stdout.count("a canary got out") >= leaks
