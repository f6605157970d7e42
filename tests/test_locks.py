"""What is installed is what was locked: every package in one version, each file of it known by its hash."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PINNED = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[\w.+!-]+)(?: ; [^\\]+?)?(?: \\\s+--hash=sha256:[0-9a-f]{64})+"
)


def packages(lock: str) -> list[str]:
    """The entries of a lock file, each with the lines that go on from it."""
    return [entry for entry in re.split(r"\n(?=\S)", lock.strip()) if not entry.startswith("#")]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-fuzz.lock"])
def test_every_package_is_pinned_to_one_version_with_its_hashes(lock: str) -> None:
    """Neither a package of another's name nor one that was changed on its way passes: S22."""
    found = packages((ROOT / lock).read_text(encoding="utf-8"))

    assert found
    assert [entry for entry in found if not PINNED.fullmatch(entry)] == []


@pytest.mark.parametrize("lock", ["requirements", "requirements-dev", "requirements-fuzz"])
def test_what_the_targets_install_is_held_against_the_hashes(lock: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert re.search(rf"pip install .*--require-hashes -r {lock}\.lock$", makefile, re.MULTILINE)


@pytest.mark.parametrize(
    "entry",
    [
        "zeep==4.3.1",
        "zeep>=4.3 \\\n    --hash=sha256:" + "0" * 64,
        "zeep \\\n    --hash=sha256:" + "0" * 64,
        "zeep @ https://example.org/zeep.whl \\\n    --hash=sha256:" + "0" * 64,
        "--index-url https://example.org/simple",
    ],
)
def test_anything_else_is_noticed(entry: str) -> None:
    assert not PINNED.fullmatch(entry)
