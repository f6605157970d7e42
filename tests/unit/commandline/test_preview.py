"""`groundwire sync --preview`, by the running agent and without one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import apsw
import pytest

from agent.outbox.limits import OUTBOX_FILE
from tests.permissive import allow_everything

from .conftest import RunningAgent, Shell

FIXED = 'system = "sandbox"\n[options]\ntime = "fixed"\nchanges_per_minute = 0\n'


def files_of(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_without_an_agent_it_shows_plan_and_records_and_leaves_no_trace(shell: Shell) -> None:
    shell.write("connections/box.toml", FIXED)
    allow_everything(shell.folder, ["box"])
    before = files_of(shell.folder)

    result = shell.run("sync", "--preview", "--records", "2", "box/vendors")

    assert result.exit_code == 0
    assert "The first walk (window) from 2025-10-03" in result.stdout
    assert "60 records, at most 2000 a call, 1 page, about 1 call; sessions at once: 1" in result.stdout
    assert "2 of the first 2 records map" in result.stdout
    assert result.stdout.count('{"key": ') == 2
    assert files_of(shell.folder) == before


def test_a_preview_between_two_syncs_moves_nothing(shell: Shell) -> None:
    shell.write("connections/box.toml", FIXED)
    allow_everything(shell.folder, ["box"])
    first = shell.json("sync", "box/vendors")["runs"][0]
    (shown,) = shell.json("sync", "--preview", "box/vendors")["streams"]
    second = shell.json("sync", "box/vendors")["runs"][0]

    assert first["counts"]["enqueued"] == 60
    assert [read["purpose"] for read in shown["reads"]] == ["changes", "deletions"]
    assert (second["mode"], second["counts"]["enqueued"]) == ("incremental", 0)


def test_a_connection_at_rest_can_be_looked_at_before_it_is_enabled(shell: Shell) -> None:
    shell.write("connections/box.toml", "enabled = false\n" + FIXED)

    result = shell.run("sync", "--preview", "box/assets")

    assert result.exit_code == 0
    assert "Nothing would leave: no policy is in force" in result.stdout
    assert "As they are mapped:" in result.stdout


def test_a_stream_that_cannot_be_read_has_its_error_and_the_others_are_shown(shell: Shell) -> None:
    shell.write("connections/box.toml", FIXED + '[streams.vendors.read]\ntable = "suppliers"\n')

    result = shell.run("sync", "--preview", "box/vendors", "box/assets")

    assert result.exit_code == 6
    assert "the sandbox has no table 'suppliers'" in result.stdout
    assert "5 of the first 5 records map" in result.stdout


def test_the_running_agent_is_asked(shell: Shell, running_agent: RunningAgent) -> None:
    shell.write("connections/box.toml", FIXED)
    streams: list[dict[str, Any]] = []
    with running_agent(preview={"streams": streams}) as agent:
        result = shell.run("sync", "--preview", "--records", "7", "box/vendors")

    assert result.exit_code == 0
    assert agent.calls == [("preview", {"streams": ["box/vendors"], "records": 7})]
    assert "There is no stream to look at." in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--preview", "--accept-deletions"),
        ("--records", "3"),
        ("--preview", "--records", "51"),
    ],
    ids=["deletions", "records-alone", "too-many"],
)
def test_options_that_make_no_sense_together_are_refused(shell: Shell, words: tuple[str, ...]) -> None:
    assert shell.run("sync", *words).exit_code == 2


def test_a_stream_that_is_not_there_names_those_that_are(shell: Shell) -> None:
    shell.write("connections/box.toml", FIXED)

    result = shell.run("sync", "--preview", "box/vendor")

    assert result.exit_code == 3
    assert "vendors" in result.stderr


def test_a_connection_that_cannot_be_asked_does_not_hide_the_others(shell: Shell) -> None:
    shell.write("connections/box.toml", FIXED)
    shell.write("connections/lost.toml", FIXED + '[secrets]\nkey = "env:GROUNDWIRE_NOT_SET"\n')

    result = shell.run("sync", "--preview", "lost/vendors", "box/vendors")

    assert result.exit_code == 6
    assert "GROUNDWIRE_NOT_SET" in result.stdout
    assert "5 of the first 5 records map" in result.stdout


def test_beside_a_sync_that_no_agent_does_it_says_to_wait(shell: Shell) -> None:
    shell.write("connections/box.toml", FIXED)
    allow_everything(shell.folder, ["box"])
    shell.run("sync", "box/vendors")
    path = next(shell.folder.rglob(OUTBOX_FILE))
    held = apsw.Connection(str(path))
    held.execute("PRAGMA locking_mode=EXCLUSIVE")
    held.execute("BEGIN IMMEDIATE")

    result = shell.run("sync", "--preview", "box/vendors")
    held.close()

    assert result.exit_code == 4
    assert "Look again when that sync is over." in result.stdout


@pytest.mark.parametrize(
    "words", [("sync", "--preview", "--records", "1"), ("sync",)], ids=["preview", "sync"]
)
def test_a_connection_whose_file_is_wrong_is_not_left_out_in_silence(
    shell: Shell, words: tuple[str, ...]
) -> None:
    shell.write("connections/box.toml", FIXED)
    shell.write("connections/lost.toml", 'system = "sandbx"\n')
    allow_everything(shell.folder, ["box"])

    result = shell.run(*words)

    assert result.exit_code == 6
    assert "there is no system named 'sandbx'" in result.stderr
    assert "box/vendors" in result.stdout
