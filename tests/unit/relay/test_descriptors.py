from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")

# In a process of its own: a hard limit that was lowered cannot be raised again.
ASK = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
from relay.descriptors import make_room
print(json.dumps([make_room(1_000), resource.getrlimit(resource.RLIMIT_NOFILE)[0]]))
"""


def asked(soft: int, hard: int) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(soft), str(hard)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[int] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_low_limit_of_open_files_is_raised_until_every_session_has_one() -> None:
    assert asked(512, 4_096) == [1_000, 1_256]


def test_where_the_system_does_not_allow_it_fewer_sessions_are_taken_than_would_break_the_relay() -> None:
    assert asked(512, 768) == [512, 768]
