"""`groundwire commands`, `pause` and `resume`: by the running agent, or on its files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
import pytest

from agent.calls.commands import doubts
from agent.clock import ManualClock
from agent.outbox.store import Outbox

from .conftest import RunningAgent, Shell

BODY = orjson.dumps({"name": "create", "args": {"connection": "erp", "record": {"title": "a pump"}}})


def journal(shell: Shell, work: Callable[[Outbox], Awaitable[Any]]) -> Any:
    async def opened() -> Any:
        shell.state_dir.mkdir(exist_ok=True)
        async with await Outbox.open(shell.state_dir / "outbox.db", clock=ManualClock()) as outbox:
            return await work(outbox)

    return asyncio.run(opened())


def leave(shell: Shell, states: Mapping[str, str]) -> None:
    """Commands of an earlier agent, each in its state."""

    async def write(outbox: Outbox) -> None:
        now = ManualClock().utcnow()
        for command, state in states.items():
            await outbox.journal.receive(
                command, "h", "create", now, now, body=BODY, connection="erp", writes=True
            )
            if state != "received":
                await outbox.journal.start(command)
                await outbox.journal.finish(command, state, {"code": "no_lookup", "key": "K1"})
                await outbox.journal.acked(command, state)

    journal(shell, write)


def test_the_status_counts_the_doubts(shell: Shell) -> None:
    leave(shell, {"c1": "succeeded", "c2": "in_doubt", "c3": "in_doubt"})

    assert journal(shell, lambda outbox: doubts(outbox.journal)) == {"in_doubt": 2}


def test_a_doubt_is_found_shown_and_settled_without_an_agent(shell: Shell) -> None:
    leave(shell, {"c1": "succeeded", "c2": "in_doubt"})

    listed = shell.run("commands", "list", "--state", "in_doubt")
    shown = shell.run("commands", "show", "c2")
    settled = shell.run(
        "commands", "settle", "c2", "succeeded", "--reference", "PO-7", "--note", "asked secret-person"
    )

    assert "c2" in listed.stdout
    assert "c1" not in listed.stdout
    assert "no_lookup" in shown.stdout
    assert "a pump" in shown.stdout
    assert "groundwire commands settle c2 succeeded" in shown.stdout
    assert (settled.exit_code, settled.stdout) == (0, "c2 is settled as succeeded.\n")
    (left,) = journal(shell, lambda outbox: outbox.journal.unacked())  # told to the relay by the next agent
    assert (left.id, left.state) == ("c2", "succeeded")
    assert left.result == {"key": "K1", "settledBy": "person", "reference": "PO-7"}


def test_who_settled_what_and_how_they_knew_is_in_the_audit_log(shell: Shell) -> None:
    leave(shell, {"c1": "in_doubt"})
    shell.run("commands", "settle", "c1", "failed", "--note", "not in the list of orders")

    text = shell.run("audit", "show", "--json").stdout
    assert "command_settled" in text
    assert "not in the list of orders" in text
    assert shell.run("audit", "verify").exit_code == 0


@pytest.mark.parametrize("command", ["c1", "nobody"])
def test_only_a_doubt_is_settled(shell: Shell, command: str) -> None:
    leave(shell, {"c1": "succeeded"})

    refused = shell.run("commands", "settle", command, "failed")

    assert refused.exit_code != 0
    assert "groundwire commands list" in refused.stderr
    assert journal(shell, lambda outbox: outbox.journal.unacked()) == []


def test_a_note_without_an_end_is_refused(shell: Shell) -> None:
    leave(shell, {"c1": "in_doubt"})

    refused = shell.run("commands", "settle", "c1", "failed", "--note", "x" * 1_001)

    assert (refused.exit_code, "1000 characters" in refused.stderr) == (3, True)
    assert shell.json("commands", "show", "c1")["state"] == "in_doubt"


def test_without_an_agent_only_what_has_not_begun_is_cancelled(shell: Shell) -> None:
    leave(shell, {"c1": "received", "c2": "succeeded"})

    cancelled, late = shell.run("commands", "cancel", "c1"), shell.run("commands", "cancel", "c2")

    assert (cancelled.exit_code, cancelled.stdout) == (0, "c1 is cancelled.\n")
    assert (late.exit_code, late.stdout) == (1, "c2: too late, it is succeeded.\n")


def test_a_pause_without_an_agent_is_there_when_it_starts(shell: Shell) -> None:
    shell.write("connections/box.toml", 'system = "sandbox"\n')

    paused = shell.run("pause", "box")
    there = journal(shell, lambda outbox: outbox.paused())
    resumed = shell.run("resume", "box")

    assert (paused.exit_code, resumed.exit_code) == (0, 0)
    assert list(there) == ["box"]
    assert journal(shell, lambda outbox: outbox.paused()) == {}


def test_a_connection_that_is_not_there_cannot_be_paused(shell: Shell) -> None:
    shell.write("connections/box.toml", 'system = "sandbox"\n')

    refused = shell.run("pause", "bxo")

    assert refused.exit_code == 3
    assert "box" in refused.stderr


def test_a_running_agent_is_asked(shell: Shell, running_agent: RunningAgent) -> None:
    answers = {
        "commands": {"commands": []},
        "cancel_command": {"id": "c1", "state": "running"},
        "pause": {"connection": "erp", "paused": True},
    }
    with running_agent(**answers) as agent:
        listed = shell.run("commands", "list", "--state", "in_doubt", "--limit", "7", "--json")
        late = shell.run("commands", "cancel", "c1")
        shell.run("pause", "erp")

    assert json.loads(listed.stdout) == {"commands": []}
    assert late.exit_code == 1
    assert agent.calls == [
        ("commands", {"state": "in_doubt", "limit": 7}),
        ("cancel_command", {"id": "c1"}),
        ("pause", {"connection": "erp"}),
    ]
