"""What the commands do where no agent runs, and as real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.canaries import canary
from tests.permissive import allow_everything

from .conftest import Shell

ROOT = Path(__file__).resolve().parents[3]
CANARY = canary("/ä&x")


def groundwire(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent.cli", *words],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_without_an_agent_sync_runs_here_once_and_resumes_there(shell: Shell) -> None:
    shell.write("connections/box.toml", 'system = "sandbox"\n')
    allow_everything(shell.folder, ["box"])

    first = groundwire("sync", "--json", "box/vendors", "--config", str(shell.folder))
    second = groundwire("sync", "--json", "box/vendors", "--config", str(shell.folder))

    runs = [json.loads(result.stdout)["runs"][0] for result in (first, second)]
    assert [run["mode"] for run in runs] == ["initial", "incremental"]
    assert [run["status"] for run in runs] == ["succeeded", "succeeded"]
    assert runs[0]["counts"]["read"] > 0
    assert "groundwire run" in first.stderr


def test_check_and_discover_work_without_an_agent(shell: Shell) -> None:
    shell.write("connections/box.toml", 'system = "sandbox"\n')

    checked, discovered = shell.run("check", "box"), shell.run("discover", "box", "vendor")

    assert (checked.exit_code, discovered.exit_code) == (0, 0)
    assert "ok    stream vendors: table vendors" in checked.stdout
    assert "ok    mapping of vendors: the first 20 records map" in checked.stdout
    assert "COLUMN" in discovered.stdout


def test_a_stream_that_does_not_exist_names_those_that_do(shell: Shell) -> None:
    shell.write("connections/box.toml", 'system = "sandbox"\n')

    result = shell.run("sync", "box/vendor")

    assert result.exit_code == 3
    assert "vendors" in result.stderr


def test_version_answers_without_the_heavy_rooms() -> None:
    script = (
        "import sys; from agent.cli import main; "
        "main(['version', '--json'], standalone_mode=False); "
        "print(sorted({'pydantic', 'pyarrow', 'structlog', 'asyncio', 'rich.table', 'apsw'} & set(sys.modules)))"
    )

    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert result.stdout.splitlines()[-1] == "[]"


def test_an_agent_that_was_never_enrolled_says_what_to_do_and_stops(shell: Shell) -> None:
    result = groundwire("run", "--config", str(shell.folder))

    assert result.returncode == 3
    assert "groundwire enroll" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_a_command_with_130(shell: Shell) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _WAITING], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=240)

    assert process.returncode == 130
    assert "Traceback" not in errors


_WAITING = """
import asyncio, click, signal
from agent.cli import main
from agent.commandline.invocation import run_async

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs tests in the background has it ignored

async def wait():
    print("waiting", flush=True)
    await asyncio.Event().wait()

@main.command()
def waiting():
    run_async(wait())

main(["waiting"])
"""


def test_no_output_of_any_command_holds_a_secret(shell: Shell) -> None:
    """A canary in every place a secret can be: by reference where it works, written out where it is refused."""
    secret = shell.write("word.secret", CANARY + "\n")
    secret.chmod(0o600)
    shell.write(
        "agent.toml",
        '[agent]\nstate_dir = "state"\n[relay]\nurl = "wss://127.0.0.1:9"\nproxy = "http://127.0.0.1:9"\n'
        f'proxy_user = "u"\nproxy_password = "file:{secret}"\n',
    )
    shell.write(
        "connections/good.toml", f'system = "sandbox"\n[secrets]\ntoken = "env:CANARY"\nb = "file:{secret}"\n'
    )
    shell.write("connections/literal.toml", f'driver = "odbc"\n[secrets]\nPwd = "{CANARY}"\n')
    shell.write("connections/option.toml", f'driver = "odbc"\n[options.connection]\nPwd = "{CANARY}"\n')
    shell.write(
        "connections/text.toml", f'driver = "odbc"\n[options]\nconnection = "Server=x;Pwd={CANARY};"\n'
    )
    shell.write("connections/typo.toml", f'driver = "odbc"\npassword = "{CANARY}"\n')
    shell.write("connections/cut.toml", f'driver = "odbc"\n[secrets]\nPwd = "{CANARY}\n')

    for words in (
        ("config", "check"),
        ("config", "show"),
        ("check",),
        ("sync", "good/vendors"),
        ("discover", "good"),
        ("run",),
        ("status",),
        ("discover", "literal"),
        ("discover", "typo"),
    ):
        result = groundwire("--debug", *words, "--config", str(shell.folder), env={"CANARY": CANARY})
        assert "canary-9c1e" not in result.stdout + result.stderr, words
