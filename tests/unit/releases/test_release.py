"""What `make release` refuses before it builds anything."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.packaging_scripts import ROOT, script

release, signing, version = script("release"), script("signing"), script("version")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    def git(*arguments: str) -> None:
        author = ["-c", "user.name=Test", "-c", "user.email=test@groundwire.example"]
        subprocess.run(["git", *author, "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    git("init")
    (tmp_path / "program.py").write_text("VERSION = 1\n")
    git("add", "program.py")
    git("commit", "-m", "A program")
    return tmp_path


def test_a_tree_as_its_commit_says_is_taken(tree: Path) -> None:
    release.refuse_dirt(tree)

    assert len(release.day_of(tree)) == len("2026-01-31")


@pytest.mark.parametrize("name", ["program.py", "new.py"])
def test_a_tree_that_no_commit_describes_is_refused(tree: Path, name: str) -> None:
    (tree / name).write_text("VERSION = 2\n")

    with pytest.raises(version.Refused, match=name):
        release.refuse_dirt(tree)


def test_a_secret_key_in_the_checkout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "owner.key").write_text("a stand-in")

    with pytest.raises(version.Refused, match="no place in the checkout"):
        signing.Keys(minisign=tmp_path / "owner.key").check(tmp_path)
    with pytest.raises(version.Refused, match="no such key file"):
        signing.Keys(minisign=tmp_path / "other.key").check(ROOT)


def test_what_is_left_out_or_unsigned_is_said_in_the_notes(tmp_path: Path) -> None:
    made = release.Release("9.9.9", tmp_path, signing.Keys(), trial=True, left_out=["the MSI: not here"])

    notes = made._notes("## 9.9.9 (2026-01-01)\n\n- A door.\n")

    assert notes.startswith("# Groundwire 9.9.9\n\n- A door.\n")
    assert "- the MSI: not here" in notes
    assert "Nobody signed these files" in notes
    assert "This is no release" in notes
