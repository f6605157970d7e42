from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path

import pytest

from agent.configuration.starting import example
from agent.settings import load
from tests.canaries import canary

from .conftest import Shell

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", ["agent", "connection", "policy"])
def test_the_shipped_examples_are_those_of_the_repository(name: str) -> None:
    assert example(f"{name}.toml") == (ROOT / "config" / f"{name}.example.toml").read_text(encoding="utf-8")


def test_a_first_configuration_can_be_read_and_calls_nobody(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "new"

    assert shell.run("config", "init", str(folder)).exit_code == 0

    settings = load(folder, environ={})
    assert settings.broken == ()
    assert [connection.enabled for connection in settings.connections.values()] == [False]
    for file in folder.rglob("*.toml"):
        schema = file.read_text(encoding="utf-8").splitlines()[0].removeprefix("#:schema ")
        assert (file.parent / schema).is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
def test_a_first_configuration_is_nobody_elses_to_write_whatever_the_umask(
    shell: Shell, tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        assert shell.run("config", "init", str(tmp_path / "new")).exit_code == 0
        assert os.umask(0) == 0
    finally:
        os.umask(before)

    written = [tmp_path / "new", *(tmp_path / "new").rglob("*")]
    assert [path for path in written if path.stat().st_mode & 0o022] == []


def test_every_default_that_the_example_shows_is_the_default() -> None:
    lines = [line.removeprefix("# ") for line in example("agent.toml").splitlines()]
    shown = tomllib.loads(
        "\n".join(line for line in lines if line.startswith("[") or " = " in line.split("#")[0])
    )
    from agent.configuration.model import AgentFile

    assert AgentFile.model_validate({name: shown[name] for name in ("outbox", "limits")}) == AgentFile()


def test_a_configuration_is_never_written_over(shell: Shell) -> None:
    before = (shell.folder / "agent.toml").read_text()

    result = shell.run("config", "init", str(shell.folder))

    assert result.exit_code == 3
    assert "already" in result.stderr
    assert (shell.folder / "agent.toml").read_text() == before
    assert not (shell.folder / "connections").exists()


def test_a_first_connection_to_a_known_system(shell: Shell, tmp_path: Path) -> None:
    assert shell.run("config", "init", str(tmp_path / "n"), "--system", "sandbox").exit_code == 0
    assert load(tmp_path / "n", environ={}).connections["sandbox"].streams

    assert shell.run("config", "init", str(tmp_path / "m"), "--system", "no-such").exit_code == 3
    assert not (tmp_path / "m").exists()


def test_schemas_are_written_and_printed(shell: Shell, tmp_path: Path) -> None:
    assert shell.run("config", "schema", "--write", str(tmp_path / "s")).exit_code == 0

    for file in (tmp_path / "s").iterdir():
        assert file.read_text() == (ROOT / "config" / "schemas" / file.name).read_text()
        assert file.read_text() in shell.run("config", "schema").stdout


def test_the_settings_in_force_show_references_and_never_values(shell: Shell) -> None:
    shell.write(
        "connections/a.toml",
        'driver = "odbc"\n[secrets]\nPwd = "env:CANARY"\n[streams.s]\nentity = "vendor"\nsync = { lag = "9s" }\n',
    )
    env = {"CANARY": canary("-1")}

    text, document = shell.run("config", "show", env=env).output, shell.json("config", "show", env=env)

    assert tomllib.loads(text)["connections"]["a"]["secrets"] == {"Pwd": "env:CANARY"}
    assert document["connections"]["a"]["streams"]["s"]["sync"]["lag"] == "9s"
    assert canary() not in text + json.dumps(document)


def test_check_reports_files_and_mappings_together(shell: Shell) -> None:
    shell.write("connections/a.toml", 'driver = "odbc"\n[syncc]\n')
    shell.write(
        "connections/b.toml", 'driver = "odbc"\n[streams.v]\nentity = "vendor"\nmap = { nmae = "x" }\n'
    )

    result = shell.run("config", "check", "--no-drivers")
    document = shell.json("config", "check", "--no-drivers")

    assert result.exit_code == 3
    assert "connections/a.toml:2" in result.stderr
    assert "connections/b.toml:2" in result.stderr
    assert [problem["code"] for problem in document["problems"]] == ["configuration"] * len(
        document["problems"]
    )
    assert document["ok"] is False


def test_check_has_the_driver_look_at_its_options(shell: Shell) -> None:
    shell.write("connections/a.toml", 'driver = "sandbox"\n[options]\nsede = 1\n')
    shell.write("connections/good.toml", 'system = "sandbox"\n')

    result = shell.run("config", "check")

    assert result.exit_code == 3
    assert "connections/a.toml" in result.stderr
    assert "sede" in result.stderr
    assert "connections/good.toml: ok" in result.stdout


def test_a_missing_secret_is_found_by_check(shell: Shell) -> None:
    shell.write("connections/a.toml", 'driver = "sandbox"\n[secrets]\nPwd = "env:NOT_THERE_AT_ALL"\n')

    result = shell.run("config", "check")

    assert result.exit_code == 3
    assert "secrets.Pwd" in result.stderr
    assert "env:NOT_THERE_AT_ALL" in result.stderr
