"""What a new version that is broken still does: leave the way back to the version that was kept aside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BROKEN = """
import sys
sys.frozen, sys.executable = True, sys.argv[1]
sys.modules["apsw"] = sys.modules["agent.upgrade.switching"] = None
from agent.cli import main
main(sys.argv[2:])
"""


@pytest.mark.skipif(os.name != "posix", reason="the program that is kept aside is a script")
@pytest.mark.parametrize("verb", ["watch", "roll-back"])
def test_a_version_that_cannot_load_its_parts_leaves_the_way_back_to_the_one_before(
    tmp_path: Path, verb: str
) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "agent.toml").write_text('[relay]\nurl = "wss://relay.example.com"\n')
    for folder, code in (("opt", 9), ("opt.previous", 7)):
        program = tmp_path / folder / "groundwire"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\necho "{folder} $@"\nexit {code}\n')
        program.chmod(0o755)

    words = [str(tmp_path / "opt" / "groundwire"), "upgrade", verb, "--config", str(config)]
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, *words], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stdout.split()[:1]) == (7, ["opt.previous"]), done.stderr
