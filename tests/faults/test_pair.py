"""F04 and F27: agent's side and relay killed in turn, hundreds of times, over the same files; and PostgreSQL with them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import PostgresServer

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("GROUNDWIRE_PAIR_KILLS", "200"))
KILLS_WITH_DATABASE = 24 if KILLS == 200 else KILLS // 4
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the two sides are forked"),
    pytest.mark.timeout(0 if KILLS > 200 else 900),
]


def test_outbox_and_relay_killed_in_turn_lose_and_repeat_nothing(tmp_path: Path) -> None:
    assert lived(tmp_path, KILLS, "sqlite") == []


@pytest.mark.integration
def test_outbox_relay_and_database_killed_in_turn_lose_and_repeat_nothing(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    """`postgres_server` says whether there is one here; the one that dies is another."""
    assert lived(tmp_path, KILLS_WITH_DATABASE, "postgresql") == []


@pytest.mark.integration
def test_what_a_database_lacks_that_was_put_back_to_an_earlier_state_is_sent_again(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    assert lived(tmp_path, max(KILLS_WITH_DATABASE // 6, 4), "restored") == []


def lived(folder: Path, kills: int, form: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.pair", str(folder), str(kills), "4", form],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *faults, said = done.stdout.splitlines()
    assert said.startswith(f"{kills} kills")
    return faults
