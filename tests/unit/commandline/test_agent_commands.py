"""The commands that ask the running agent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.errors import ConfigurationError, Unreachable

from .conftest import RunningAgent, Shell


def run_of(stream: str, status: str = "succeeded", error: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "run": "r1",
        "stream": stream,
        "mode": "incremental",
        "status": status,
        "counts": {"read": 1_234, "changed": 5, "tombstones": 0, "deadLetters": 0},
        "error": error,
    }


UNREACHABLE = {
    "code": "unreachable",
    "message": "nothing answered",
    "where": "aw",
    "hint": "Look at the host.",
}


@pytest.mark.parametrize(
    "words",
    [("status",), ("outbox",), ("outbox", "dead-letters"), ("outbox", "drop", "1", "--yes", "--why", "old")],
)
def test_without_an_agent_the_command_says_so(shell: Shell, words: tuple[str, ...]) -> None:
    result = shell.run(*words)

    assert result.exit_code == 5
    assert "No agent is running" in result.stderr
    assert "groundwire run" in result.stderr


def test_sync_asks_the_agent_and_tells_of_each_run(shell: Shell, running_agent: RunningAgent) -> None:
    with running_agent(sync={"runs": [run_of("aw/orders")]}) as agent:
        agent.progress["sync"] = [run_of("aw/orders", "running")]
        result = shell.run("sync", "aw/orders")

    assert agent.calls == [("sync", {"streams": ["aw/orders"], "accept_deletions": False})]
    assert result.exit_code == 0
    assert "aw/orders  incremental  succeeded  1234" in result.stdout
    assert "aw/orders: incremental running: 1,234 read, 5 changed" in result.stderr


@pytest.mark.parametrize(
    ("runs", "code"),
    [
        ([run_of("a/x"), run_of("a/y", "failed", UNREACHABLE)], 6),
        ([run_of("a/x", "failed", UNREACHABLE)], 5),
        ([run_of("a/x", "cancelled")], 1),
        ([], 0),
    ],
)
def test_the_exit_code_of_a_sync_says_how_it_went(
    shell: Shell, running_agent: RunningAgent, runs: list[dict[str, Any]], code: int
) -> None:
    with running_agent(sync={"runs": runs}):
        result = shell.run("sync")

    assert result.exit_code == code
    assert ("Look at the host." in result.stderr) == any(run["error"] for run in runs)


def test_sync_answers_scripts_with_one_document(shell: Shell, running_agent: RunningAgent) -> None:
    with running_agent(sync={"runs": [run_of("aw/orders", "failed", UNREACHABLE)]}) as agent:
        agent.progress["sync"] = [run_of("aw/orders", "running")]
        document = json.loads(shell.run("sync", "--json").stdout)

    assert document["runs"][0]["error"] == UNREACHABLE


def test_an_error_of_the_agent_is_an_error_of_the_command(shell: Shell, running_agent: RunningAgent) -> None:
    with running_agent(sync=ConfigurationError("there is no connection named 'x'", hint="There are: aw.")):
        result = shell.run("sync", "x")
        as_json = shell.run("sync", "x", "--json")

    assert result.exit_code == as_json.exit_code == 3
    assert "There are: aw." in result.stderr
    assert json.loads(as_json.stderr)["error"]["code"] == "configuration"
    assert as_json.stdout == ""


def test_reconcile_tells_what_differed(shell: Shell, running_agent: RunningAgent) -> None:
    found = {"missing": 1, "changed": 0, "gone": 1_200, "examples": ["4500", "17"], "atSource": 5, "held": 5}
    run = run_of("aw/orders") | {"differences": found}
    with running_agent(reconcile={"runs": [run]}) as agent:
        result = shell.run("reconcile", "aw/orders")
        assert shell.run("reconcile").exit_code == 2

    assert agent.calls == [("reconcile", {"streams": ["aw/orders"], "accept_deletions": False})]
    told = "differences: 1 never sent, 1,200 gone among 5 records at the source; such as 4500, 17"
    assert f"aw/orders: {told}" in result.stdout


def test_resync_needs_streams_or_all(shell: Shell, running_agent: RunningAgent) -> None:
    with running_agent(resync={"runs": []}) as agent:
        assert shell.run("resync").exit_code == 2
        assert shell.run("resync", "aw/orders", "--all").exit_code == 2
        assert shell.run("resync", "--all", "--accept-deletions").exit_code == 0

    assert agent.calls == [("resync", {"streams": [], "accept_deletions": True})]


STATUS = {
    "relay": {
        "phase": "waiting",
        "since": "2026-01-05T12:00:00Z",
        "last_ack": None,
        "error": {"code": "unreachable", "message": "nobody there", "hint": "Open the firewall."},
    },
    "outbox": {"pending_batches": 3, "pending_bytes": 5_000_000, "dead_letters": 2},
    "connections": [
        {
            "name": "aw",
            "streams": [
                {
                    "name": "orders",
                    "state": "needs_person",
                    "lastRun": {**run_of("aw/orders", "failed"), "startedAt": "s", "finishedAt": "f"},
                    "nextRunAt": None,
                    "error": {
                        "code": "x",
                        "message": "no such column",
                        "where": "aw/orders",
                        "hint": "Add it.",
                    },
                }
            ],
        }
    ],
}


def test_status_shows_what_a_source_is_spared_and_the_pause_it_wants(
    shell: Shell, running_agent: RunningAgent
) -> None:
    (connection,) = STATUS["connections"]
    (stream,) = connection["streams"]
    limits = {
        "parallelReads": 2,
        "rowsPerCall": 500,
        "quietHours": ["22:00-05:00"],
        "timeZone": "Europe/Berlin",
        "pauseSeconds": 90,
    }
    quiet = {**stream, "quietUntil": "2026-01-06T04:00:00Z"}
    status = {**STATUS, "connections": [{**connection, "limits": limits, "streams": [quiet]}]}
    with running_agent(status=status):
        text = shell.run("status").stdout

    assert "aw: 2 streams at a time; at most 500 rows a call; quiet 22:00-05:00 Europe/Berlin" in text
    assert "aw: the source wants a pause, for 90 s more" in text
    assert "aw/orders: quiet hours until 2026-01-06T04:00:00Z" in text


def test_status_says_while_reading_is_paused_at_the_outboxes_mark(
    shell: Shell, running_agent: RunningAgent
) -> None:
    said = "Reading is paused at the outbox's high-water mark"
    for paused in (True, False):
        with running_agent(status={**STATUS, "outbox": {**STATUS["outbox"], "reading_paused": paused}}):
            assert (said in shell.run("status").stdout) is paused


def test_status_shows_the_link_the_outbox_and_what_is_wrong(
    shell: Shell, running_agent: RunningAgent
) -> None:
    with running_agent(status=STATUS):
        text, document = shell.run("status").stdout, shell.json("status")

    for part in (
        "waiting",
        "Open the firewall.",
        "3 batches",
        "4.8 MiB",
        "aw/orders",
        "\naw/orders: no such column",  # and not twice whose it is
        "Add it.",
    ):
        assert part in text
    assert document == STATUS


def test_status_says_of_a_paused_connection_that_it_is(shell: Shell, running_agent: RunningAgent) -> None:
    stream = {"name": "orders", "state": "idle", "lastRun": None, "nextRunAt": None, "error": None}
    paused = {"name": "aw", "paused": True, "state": "paused", "streams": [stream]}
    with running_agent(status={**STATUS, "connections": [paused]}):
        text = shell.run("status").stdout

    assert "aw/orders  paused" in text
    assert "groundwire resume aw" in text


def test_status_says_that_a_write_waits_for_a_person(shell: Shell, running_agent: RunningAgent) -> None:
    with running_agent(status={**STATUS, "commands": {"in_doubt": 2}}):
        assert (
            "2 commands are in doubt: `groundwire commands list --state in_doubt`"
            in shell.run("status").stdout
        )
    with running_agent(status={**STATUS, "commands": {"in_doubt": 0}}):
        assert "in doubt" not in shell.run("status").stdout


def test_dead_letters_are_listed_requeued_and_dropped(shell: Shell, running_agent: RunningAgent) -> None:
    letter = {
        "id": 7,
        "stream": "aw/orders",
        "key": "4\x1b[1m",
        "field": "dueAt",
        "message": "no date",
        "raw": "{}",
    }
    with running_agent(
        dead_letters={"dead_letters": [letter]},
        requeue={"requeued": 1, "runs": [run_of("aw/orders")]},
        drop={"dropped": 1},
    ) as agent:
        listed = shell.run("outbox", "dead-letters", "aw/orders", "--raw").stdout
        assert "dueAt" in listed
        assert "\x1b" not in listed
        assert "1 requeued" in shell.run("outbox", "requeue", "7").stdout
        assert "1 dropped" in shell.run("outbox", "drop", "7", answer="old ones\ny\n").stdout
        assert shell.run("outbox", "drop", "7", answer="old ones\nn\n").exit_code == 1

    assert [name for name, _ in agent.calls] == ["dead_letters", "requeue", "drop"]
    assert agent.calls[0][1] == {"stream": "aw/orders", "limit": 100, "after_id": 0, "raw": True}


def test_check_and_discover_ask_a_running_agent(shell: Shell, running_agent: RunningAgent) -> None:
    shell.write("connections/aw.toml", 'driver = "odbc"\n[secrets]\nPwd = "env:ONLY_THE_AGENT_HAS_IT"\n')
    table = {"name": "orders", "columns": [{"name": "id", "type": "int", "nullable": False}], "key": ["id"]}
    steps = [
        {
            "name": "login",
            "ok": False,
            "detail": "refused",
            "hint": "Change the password.",
            "code": "credentials_refused",
        }
    ]
    with running_agent(
        check={"steps": steps}, discover={"tables": [{**table, "rows": 5, "replication_key": None}]}
    ) as agent:
        checked = shell.run("check", "aw")
        tables = shell.run("discover", "aw").stdout
        columns = shell.run("discover", "aw", "ORD").stdout

    assert checked.exit_code == 4
    assert "FAIL  login: refused" in checked.stdout
    assert "Change the password." in checked.stdout
    assert "orders" in tables
    assert "int" in columns
    assert {args["connection"] for _, args in agent.calls} == {"aw"}


def test_one_connection_that_fails_does_not_hide_the_others(
    shell: Shell, running_agent: RunningAgent
) -> None:
    shell.write("connections/a.toml", 'driver = "sandbox"\n')
    shell.write("connections/broken.toml", "driver =\n")
    with running_agent(check={"steps": [{"name": "open", "ok": True, "detail": "fine", "hint": ""}]}):
        document = shell.json("check", "--no-relay")
        result = shell.run("check", "--no-relay")

    assert {part["name"]: part["ok"] for part in document["parts"]} == {"a": True, "broken": False}
    assert result.exit_code == 6
    assert "connections/broken.toml:1" in result.stdout


def test_a_name_that_is_no_connection_is_a_configuration_error(shell: Shell) -> None:
    assert shell.run("check", "nope").exit_code == 3
    assert shell.run("discover", "nope").exit_code == 3
    assert shell.run("sync", "nope").exit_code == 3


def test_an_agent_that_is_not_enrolled_is_told_how(shell: Shell) -> None:
    result = shell.run("check")

    assert result.exit_code == 3
    assert "not enrolled" in result.stdout
    assert "groundwire enroll" in result.stdout


def test_a_lost_answer_is_told_as_such(shell: Shell, running_agent: RunningAgent) -> None:
    with running_agent(status=Unreachable("the agent broke off its answer")):
        assert shell.run("status").exit_code == 5


def test_check_says_that_no_stream_runs_before_somebody_has_written_a_policy(
    shell: Shell, running_agent: RunningAgent
) -> None:
    """Everything else may be well, and still nothing travels."""
    fine = {"steps": [{"name": "open", "ok": True, "detail": "fine", "hint": ""}]}
    streams = "".join(
        f'[streams.{entity}s]\nentity = "{entity}"\n[streams.{entity}s.map]\n{field} = "x"\n'
        for entity, field in (("vendor", "name"), ("asset", "code"))
    )
    shell.write("connections/a.toml", f'driver = "sandbox"\n{streams}')
    with running_agent(check=fine):
        without = shell.run("check", "a")
        shell.write("policy.toml", "").chmod(0o600)
        empty = shell.run("check", "a")
        shell.write("policy.toml", '[connections.a.leave.vendor]\nfields = "all"\n').chmod(0o600)
        partly = shell.run("check", "a")
        shell.write("policy.toml", '[connections.a.leave.vendors]\nfields = "all"\n').chmod(0o600)
        wrong = shell.run("check", "a")

    assert "there is no policy.toml" in without.stdout
    assert "policy suggest a" in without.stdout
    assert "nothing may leave, so no stream runs" in empty.stdout
    assert "policy: vendor may leave; nothing of asset" in partly.stdout
    assert [one.exit_code for one in (without, empty, partly, wrong)] == [0, 0, 0, 3]
    assert 'Did you mean "vendor"' in wrong.stdout
