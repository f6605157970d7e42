"""`groundwire doctor` as a person and a script see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.doctor.checks import CHECKS
from agent.findings import finding_from

from .conftest import Shell

QUICK = ("--only", "configuration", "--only", "policy", "--only", "agent")


@pytest.fixture
def whole(shell: Shell) -> Shell:
    shell.write("connections/box.toml", 'system = "sandbox"\n[sync]\nmanual = true\n')
    return shell


def test_problems_come_first_and_what_is_fine_is_a_count(whole: Shell) -> None:
    whole.write("connections/erp.toml", 'driver = "odbc"\nevry = 1\n')
    done = whole.run("doctor", *QUICK)
    lines = done.stdout.splitlines()

    assert done.exit_code == 1
    assert lines[0] == "Problems (1)"
    assert lines[1].startswith("  connections/erp.toml:2: ")
    assert any(line.startswith("    do:   ") for line in lines)
    assert "[configuration.connection]" in done.stdout
    assert "3 checks: 1 problem, 1 warning, 1 notice." in lines
    assert lines[-1] == "2 things are as they should be; --verbose lists them."
    assert done.stdout.index("Problems") < done.stdout.index("Warnings") < done.stdout.index("Worth knowing")


def test_verbose_lists_what_is_fine(whole: Shell) -> None:
    done = whole.run("doctor", "--only", "configuration", "--verbose")

    assert done.exit_code == 0
    assert "Fine (2)" in done.stdout
    assert "5 streams can be used" in done.stdout


def test_as_json_it_is_one_document_of_findings(whole: Shell) -> None:
    document = whole.json("doctor", *QUICK)
    findings = [finding_from(one) for one in document["findings"]]

    assert document["ok"] is True
    assert document["counts"] == {"problem": 0, "warning": 1, "notice": 1, "ok": 2}
    assert document["checks"] == ["configuration", "agent", "policy"]
    assert {one.code for one in findings} == {"configuration.ok", "agent.stopped", "policy.missing"}


def test_without_an_agent_toml_it_says_so_and_how_to_begin(tmp_path: Path, shell: Shell) -> None:
    (shell.folder / "agent.toml").unlink()
    done = shell.run("doctor", "--only", "configuration")

    assert done.exit_code == 1
    assert "groundwire config init" in " ".join(done.stdout.split())


def test_a_check_or_connection_that_there_is_not_is_an_error_of_who_asks(whole: Shell) -> None:
    assert whole.run("doctor", "--only", "weather").exit_code == 2
    assert whole.run("doctor", "--connection", "none").exit_code == 3


def test_a_connection_alone_is_looked_at_also_where_it_rests(whole: Shell) -> None:
    whole.write("connections/rest.toml", 'system = "sandbox"\nenabled = false\n')
    found = whole.json("doctor", "--only", "configuration", "--connection", "rest")["findings"]

    assert {one["where"] for one in found if "streams can be used" in one["cause"]} == {
        "connections/rest.toml"
    }


def test_the_list_has_every_check(shell: Shell) -> None:
    shown = shell.run("doctor", "--list").stdout

    assert [line.split()[0] for line in shown.splitlines()[1:]] == [check.name for check in CHECKS]


def test_looking_changes_no_file(whole: Shell) -> None:
    whole.run("doctor", *QUICK)
    before = {path: path.stat().st_mtime_ns for path in sorted(whole.folder.rglob("*"))}
    whole.run(
        "doctor", *QUICK, "--only", "files", "--only", "disk", "--only", "credentials", "--only", "outbox"
    )

    assert {path: path.stat().st_mtime_ns for path in sorted(whole.folder.rglob("*"))} == before
