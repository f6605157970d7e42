"""Records that wait for the relay outlive a configuration that became wrong."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.system.workplace import Workplace


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    """With everything of one stream in the outbox, and no relay to send it to."""
    place = Workplace(tmp_path / "c")
    place.connect_sandbox()
    assert place.run("sync", "box/vendors").code == 0
    return place


def waiting(place: Workplace) -> list[tuple[int, str, int, bytes]]:
    with closing(sqlite3.connect(place.state / "outbox.db")) as outbox:
        return outbox.execute(
            "SELECT batch.seq, hash, count, payload.bytes FROM batch JOIN payload USING (seq) ORDER BY seq"
        ).fetchall()


def test_a_configuration_that_became_wrong_discards_nothing(place: Workplace) -> None:
    """K29: whichever file it is, and also when it is gone."""
    before = waiting(place)
    agent_file = (place.folder / "agent.toml").read_text()
    assert before

    place.write("agent.toml", agent_file + "\n[agent\n")
    assert place.run("run").code == 3
    assert waiting(place) == before
    place.write("agent.toml", agent_file)

    place.write("connections/box.toml", "[streams\n")
    with place.agent() as agent:
        assert agent.call("outbox")["pending_batches"] == len(before)
    (place.folder / "connections/box.toml").unlink()
    (place.folder / "policy.toml").unlink()
    with place.agent() as agent:
        assert agent.call("outbox")["pending_batches"] == len(before)
    assert waiting(place) == before
