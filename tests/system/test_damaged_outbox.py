"""K23: an agent whose outbox cannot be trusted neither loops nor hangs; it says so and ends, and leaves the file as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.workplace import Workplace, run_sql

DAMAGES = ("empty", "truncated", "lost log", "newer", "no outbox")


def damage(outbox: Path, how: str) -> None:
    match how:
        case "empty":
            outbox.write_bytes(b"")
        case "truncated":
            outbox.write_bytes(outbox.read_bytes()[: outbox.stat().st_size // 2])
        case "lost log":
            run_sql(outbox, "UPDATE state SET value = 0 WHERE name = 'closed_cleanly'")
            outbox.with_name("outbox.db-wal").unlink(missing_ok=True)
        case "newer":
            run_sql(outbox, "PRAGMA user_version = 99")
        case _:
            outbox.write_bytes(b"somebody's notes " * 1_000)


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path / "c")
    place.connect_sandbox()
    assert place.run("sync", "box/vendors").code == 0
    return place


@pytest.mark.timeout(300)
def test_an_agent_whose_outbox_cannot_be_trusted_says_so_and_ends(place: Workplace) -> None:
    outbox = place.state / "outbox.db"
    whole = outbox.read_bytes()
    for how in DAMAGES:
        outbox.write_bytes(whole)
        damage(outbox, how)
        found = outbox.read_bytes()

        answer = place.run("run")

        assert answer.code == 4, (how, answer)
        assert "outbox.db" in answer.stderr, how
        assert "What to do" in answer.stderr, how
        assert outbox.read_bytes() == found, how

    outbox.write_bytes(whole)
    with place.agent() as agent:
        assert agent.call("outbox")["pending_batches"] > 0
        assert agent.stop() == 0
