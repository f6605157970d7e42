"""What doctor says of the outbox: from outside where no agent runs, by the agent's own word where one does."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from agent.clock import ManualClock
from agent.doctor import outbox, running
from agent.findings import Level
from agent.outbox.inspecting import holder, inspect
from agent.outbox.store import BatchDraft, BatchKind, DeadLetter, Entry, Limits, Outbox
from tests.premises import Premises

MOMENT = datetime.fromisoformat("2026-01-05T12:00:00+00:00")


@pytest.fixture
def site(tmp_path: Path) -> Premises:
    return Premises(tmp_path)


async def fill(path: Path, clock: ManualClock, *, letters: int = 0, batches: int = 3) -> None:
    async with await Outbox.open(path, clock=clock, limits=Limits()) as box:
        for number in range(batches):
            await box.append(
                Entry(
                    stream="erp/orders",
                    run=f"run-{number}",
                    entity="purchase_order",
                    batches=(BatchDraft(BatchKind.RECORDS, 1, b"x" * 100),),
                    checkpoint=None,
                    dead_letters=tuple(
                        DeadLetter(f"k{one}", "orderNo", "missing", "is missing", 1, b"{}")
                        for one in range(letters if number == 0 else 0)
                    ),
                    segment=None,
                    run_record=None,
                )
            )


def content(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.is_file()
    }


async def test_one_that_is_empty_and_whole_is_fine(site: Premises) -> None:
    await fill(site.state / "outbox.db", ManualClock(), batches=0)

    assert set(await site.ask(outbox.CHECK)) == {"outbox.ok"}


async def test_what_waits_for_too_long_and_what_cannot_pass(site: Premises) -> None:
    clock = ManualClock(MOMENT)
    await fill(site.state / "outbox.db", clock, letters=2)
    soon = await site.bad(outbox.CHECK, clock=clock)
    clock.advance(timedelta(hours=2).total_seconds())
    found = await site.ask(outbox.CHECK, clock=clock)

    assert soon == {"outbox.dead_letters"}
    assert found["outbox.dead_letters"].cause == "2 records cannot pass"
    assert found["outbox.old"].cause == "the oldest batch waits since 2026-01-05 12:00 UTC"


@pytest.mark.parametrize(
    ("high_water", "code"),
    [("300B", "paused"), ("350B", "filling"), ("1MiB", "")],
    ids=["full", "nearly", "low"],
)
async def test_how_full_it_is(site: Premises, high_water: str, code: str) -> None:
    clock = ManualClock(MOMENT)
    await fill(site.state / "outbox.db", clock)
    mark = {"300B": "300", "350B": "350"}.get(high_water, high_water)
    site.write(
        "agent.toml",
        f'[agent]\nstate_dir = "state"\n[outbox]\nhigh_water = "{mark}B"\nlow_water = "1B"\n'
        if mark.isdigit()
        else '[agent]\nstate_dir = "state"\n',
    )

    assert await site.bad(outbox.CHECK, clock=clock) == ({f"outbox.{code}"} if code else set())


async def test_looking_at_it_changes_no_byte_also_with_a_log_that_a_kill_left(site: Premises) -> None:
    kill_a_writer(site.state / "outbox.db")
    before = content(site.state)
    found = await site.ask(outbox.CHECK)

    assert (site.state / "outbox.db-wal").stat().st_size
    assert "outbox.damaged" not in found
    assert "2 batches wait" in found["outbox.old"].evidence
    assert content(site.state) == before


async def test_one_whose_pages_are_spoiled(site: Premises) -> None:
    path = site.state / "outbox.db"
    await fill(path, ManualClock(), batches=40)
    raw = bytearray(path.read_bytes())
    raw[2 * 8192 : -8192] = os.urandom(len(raw) - 3 * 8192)
    path.write_bytes(raw)
    found = await site.ask(outbox.CHECK)

    assert found["outbox.damaged"].level is Level.PROBLEM
    assert "move the file away" in found["outbox.damaged"].next_step


async def test_one_whose_log_is_lost(site: Premises) -> None:
    kill_a_writer(site.state / "outbox.db")
    (site.state / "outbox.db-wal").unlink()
    found = await site.ask(outbox.CHECK)

    assert "write-ahead log outbox.db-wal is missing" in found["outbox.damaged"].cause


@pytest.mark.parametrize(
    ("pragma", "code"), [("user_version=99", "outbox.version"), ("application_id=7", "outbox.damaged")]
)
async def test_one_of_another_program(site: Premises, pragma: str, code: str) -> None:
    path = site.state / "outbox.db"
    await fill(path, ManualClock(), batches=0)
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA {pragma}")
    connection.close()

    assert await site.bad(outbox.CHECK) == {code}


async def test_one_that_a_process_holds_which_answers_nobody(site: Premises) -> None:
    with holding(site.state / "outbox.db") as process:
        found = await site.ask(outbox.CHECK)

    assert found["outbox.held"].evidence == f"process {process}"
    assert "outbox.damaged" not in found


async def test_asking_who_holds_it_takes_no_lock(site: Premises) -> None:
    path = site.state / "outbox.db"
    await fill(path, ManualClock(), batches=0)
    assert holder(path) is None
    inspect(path)
    await fill(path, ManualClock(), batches=1)

    assert inspect(path).pending_batches == 1


class TestRunning:
    """By what the running agent says: its outbox is not opened."""

    async def test_the_agents_own_word_is_taken(self, site: Premises) -> None:
        status = agents_word(pending_batches=5, pending_bytes=2**31, reading_paused=True, dead_letters=1)
        status["outbox"]["streams"] = {"erp/orders": {"dead_letters": 1}}
        found = await site.ask(outbox.CHECK, running=True, status=status)

        assert set(found) == {"outbox.paused", "outbox.dead_letters"}
        assert found["outbox.dead_letters"].evidence == "erp/orders: 1"

    async def test_a_connected_agent_is_fine(self, site: Premises) -> None:
        assert set(await site.ask(running.CHECK, running=True, status=agents_word())) == {"agent.ok"}

    async def test_no_agent_is_a_warning(self, site: Premises) -> None:
        assert await site.bad(running.CHECK) == {"agent.stopped"}

    async def test_an_agent_that_does_not_answer(self, site: Premises) -> None:
        assert await site.bad(running.CHECK, running=True) == {"agent.silent"}

    @pytest.mark.parametrize(
        ("code", "message", "finding"),
        [
            ("unreachable", "connection to relay:443: no TCP connection", "agent.unconnected"),
            ("identity_refused", "relay x: the relay refused this agent: revoked", "agent.refused"),
            ("identity_refused", "relay x: another copy of this agent has connected since: x", "agent.twin"),
            ("session_ended", "relay x: a newer session of this agent took over", "agent.twin"),
        ],
        ids=["network", "revoked", "copy", "two"],
    )
    async def test_the_link_to_the_relay(self, site: Premises, code: str, message: str, finding: str) -> None:
        status = agents_word()
        status["relay"] |= {"phase": "waiting", "error": {"code": code, "message": message, "hint": "Do it."}}
        found = await site.ask(running.CHECK, running=True, status=status)

        assert found[finding].cause == message
        assert found[finding].next_step == "Do it."

    async def test_streams_that_cannot_go_on_or_are_tried_again(self, site: Premises) -> None:
        error = {"code": "source_changed", "message": "no such column: x", "where": "box/a", "hint": "Look."}
        away = {"code": "unreachable", "message": "no answer", "hint": "Wait."}
        streams = [
            {"name": "a", "state": "needs_person", "error": error},
            {"name": "b", "state": "retrying", "error": {**away, "where": "streams.b"}},
            {"name": "d", "state": "retrying", "error": {**away, "where": "streams.b"}},
            {"name": "c", "state": "idle", "error": {"code": "policy", "message": "not allowed"}},
        ]
        status = agents_word()
        status["connections"] = [{"name": "box", "streams": streams, "paused": True}]
        found = await site.ask(running.CHECK, running=True, status=status)

        assert found["agent.stream"].where == "box/a"
        assert found["agent.stream"].cause == "no such column: x"
        assert (found["agent.retrying"].cause, found["agent.retrying"].evidence) == ("no answer", "streams.b")
        assert found["agent.retrying"].where == "box: b, d"  # one source that is away is one thing to mend
        assert found["agent.paused"].level is Level.NOTICE
        assert len(found) == 4

    async def test_writes_in_doubt_the_audit_log_and_what_the_relay_holds_back(self, site: Premises) -> None:
        status = agents_word()
        status["commands"] = {"in_doubt": 2}
        status["audit"] = {"error": {"message": "cannot be written", "hint": "Make room."}}
        status["relay"]["held_back"] = {"connections": ["box"], "reason": "too many"}
        found = await site.bad(running.CHECK, running=True, status=status)

        assert found == {"agent.in_doubt", "agent.audit", "agent.held_back"}

    async def test_an_identity_that_others_can_read(self, site: Premises) -> None:
        (site.state / "identity.json").chmod(0o644)
        found = await site.ask(running.CHECK)

        assert "chmod 600" in found["agent.identity"].next_step


def agents_word(**figures: Any) -> dict[str, Any]:
    counted = {
        "pending_batches": 0,
        "pending_bytes": 0,
        "oldest_enqueued_at": None,
        "dead_letters": 0,
        "damaged": 0,
    }
    return {
        "relay": {"phase": "connected", "since": "2026-01-05T12:00:00Z", "last_ack": None, "error": None},
        "connections": [],
        "outbox": {**counted, **figures},
    }


WRITER = """
import asyncio, sys
from datetime import datetime
from pathlib import Path
from agent.clock import ManualClock
from agent.outbox.store import BatchDraft, BatchKind, Entry, Limits, Outbox
async def hold(path):
    clock = ManualClock(datetime.fromisoformat("2026-01-05T12:00:00+00:00"))
    box = await Outbox.open(path, clock=clock, limits=Limits())
    for number in range(2):
        draft = BatchDraft(BatchKind.RECORDS, 1, b"x" * 100)
        await box.append(Entry("erp/orders", f"run-{number}", "purchase_order", (draft,)))
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(hold(Path(sys.argv[1])))
"""  # fills an outbox, and holds it open until it is killed; of the tests it loads nothing, to start quickly


class holding:  # noqa: N801 - used as a function
    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> int:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(self._path)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        assert self._process.stdout is not None
        assert any(line == b"ready\n" for line in self._process.stdout), "it ended"
        return self._process.pid

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def kill_a_writer(path: Path) -> None:
    with holding(path):
        pass


def test_figures_of_the_store_and_from_outside_have_the_same_names() -> None:
    """`agents_word` above is what the call `outbox` gives."""
    from agent.outbox.values import OutboxStats

    names = set(asdict(OutboxStats({}, 0, 0, None, 0, 0, 0, 0)))
    assert set(agents_word()["outbox"]) <= names
