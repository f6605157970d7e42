"""Servers that nobody here wrote, from the packages of npm that `.ci/node-packages.sh` installs."""

from __future__ import annotations

import json
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PACKAGES = HERE.parents[1] / "build" / "peers"
START_SECONDS = 60.0


@contextmanager
def served(script: str, *arguments: str) -> Iterator[str]:
    """The address that one of the scripts here prints, as long as it runs. Skips the test where its packages are not."""
    node = shutil.which("node")
    if node is None or not (PACKAGES / "installed.json").is_file():
        pytest.skip("node and the packages of tests/peers are not installed (.ci/node-packages.sh)")
    process = subprocess.Popen(
        [node, str(HERE / script), str(PACKAGES), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        assert ready, "the server said nothing"
        yield json.loads(process.stdout.readline())["root"]
    finally:
        process.communicate(timeout=START_SECONDS)  # closes its standard input, at which it ends
