"""The version stands in one way, and no version ends without words about it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent.version import VERSION
from tests.packaging_scripts import ROOT, script

version = script("version")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout's files of the version, with one fragment."""
    for place in (*version.PLACES, "CHANGELOG.md"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / place, tmp_path / place)
    (tmp_path / "changes").mkdir()
    (tmp_path / "changes" / "doors.fixed.md").write_text("The door closes by itself.\n")
    return tmp_path


def test_the_version_is_the_same_wherever_it_stands() -> None:
    assert version.version_of(ROOT) == VERSION


def test_every_fragment_has_its_place_in_the_notes() -> None:
    assert all(path.read_text("utf-8").endswith("\n") for path in version.fragments_of(ROOT))


def test_two_versions_are_refused(tree: Path) -> None:
    (tree / "agent" / "version.py").write_text('VERSION: Final = "9.0.0"\n')

    with pytest.raises(version.Refused, match=r"9\.0\.0"):
        version.version_of(tree)


@pytest.mark.parametrize("name", ["doors.md", "doors.mended.md", "doors.fixed.1.md"])
def test_a_fragment_that_no_list_would_have_is_refused(tree: Path, name: str) -> None:
    (tree / "changes" / name).write_text("It is so.\n")

    with pytest.raises(version.Refused, match="doors"):
        version.fragments_of(tree)


def test_a_version_of_which_nobody_said_what_is_new_does_not_end(tree: Path) -> None:
    (tree / "changes" / "doors.fixed.md").unlink()

    with pytest.raises(version.Refused, match="what is new"):
        version.begin(tree, "99.0.0")
    assert version.version_of(tree) == VERSION


def test_the_next_version_has_its_number_in_both_places_and_the_last_its_words_in_the_list(
    tree: Path,
) -> None:
    assert version.begin(tree, "99.0.0") == VERSION

    assert version.version_of(tree) == "99.0.0"
    assert f"## {VERSION}" in (tree / "CHANGELOG.md").read_text()
    assert "- The door closes by itself." in (tree / "CHANGELOG.md").read_text()
    assert version.fragments_of(tree) == []


@pytest.mark.parametrize("number", ["0.0.1", VERSION, "1.0", "v1.0.0", "01.0.0"])
def test_a_number_that_is_none_or_comes_before_is_refused(tree: Path, number: str) -> None:
    with pytest.raises(version.Refused, match=r"version|behind"):
        version.begin(tree, number)
