"""What is small on the wire and huge as values is refused before it unfolds: S11, S12, K37."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.measuring import ALLOWED, MEASURABLE

pytestmark = pytest.mark.skipif(not MEASURABLE, reason="the kernel does not tell the most memory")

ROOT = Path(__file__).parents[2]
PATIENCE = 10.0  # processor seconds; the slowest takes a tenth of one
LEAST = 70
DOCUMENTED = {
    "SourceChanged",
    "BadXml",
    "PayloadError",
    "PayloadTooLarge",
    "WireFault",
    "ProtocolFault",
    "Problem",
}
# What is only long, or only told: an error's words are cut, and a long text is a text.
TAKEN = ("rfc: text", "soap: text", "odata error: ", "netsuite error: ")


def _results() -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.bombs"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_bomb_is_refused_before_it_unfolds() -> None:
    found = _results()

    assert len(found) >= LEAST
    for each in found:
        assert each["grown"] < ALLOWED, each
        assert each["seconds"] < PATIENCE, each
        assert each["outcome"] in DOCUMENTED or each["name"].startswith(TAKEN), each
