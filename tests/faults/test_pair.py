"""F04: agent's side and relay killed in turn, hundreds of times, over the same files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("GROUNDWIRE_PAIR_KILLS", "200"))
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the two sides are forked"),
    pytest.mark.timeout(0 if KILLS > 200 else 900),
]


def test_outbox_and_relay_killed_in_turn_lose_and_repeat_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.pair", str(tmp_path), str(KILLS), "4"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    *faults, said = done.stdout.splitlines()
    assert faults == []
    assert said.startswith(f"{KILLS} kills")
