"""A program's folder that is kept aside while a package puts another version in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import ConfigurationError
from agent.upgrade import programs


@pytest.fixture
def program(tmp_path: Path) -> Path:
    folder = tmp_path / "groundwire"
    (folder / "_internal").mkdir(parents=True)
    (folder / "groundwire").write_text("old")
    (folder / "_internal" / "base").write_text("old")
    (folder / "_internal" / "link").symlink_to("base")
    return folder


def install(program: Path, text: str) -> None:
    """As package managers do: each file beside its name, and renamed."""
    for name in ("groundwire", "_internal/base"):
        draft = program / f"{name}.dpkg-new"
        draft.write_text(text)
        draft.rename(program / name)


def test_the_old_program_comes_back_as_it_was_and_the_new_one_stays_beside_it(program: Path) -> None:
    programs.keep_aside(program)
    install(program, "new")

    programs.put_back(program)

    assert (program / "groundwire").read_text() == "old"
    assert (program / "_internal" / "link").read_text() == "old"
    assert (program.with_name("groundwire.failed") / "groundwire").read_text() == "new"
    assert (programs.previous_of(program) / "groundwire").read_text() == "old"  # for whoever runs from there
    assert not programs.is_kept(program)


def test_it_is_kept_without_being_copied(program: Path) -> None:
    programs.keep_aside(program)

    kept = programs.previous_of(program) / "groundwire"
    assert kept.stat().st_ino == (program / "groundwire").stat().st_ino


def test_a_second_upgrade_behind_a_way_back_keeps_what_runs_then(program: Path) -> None:
    programs.keep_aside(program)
    install(program, "new")
    programs.put_back(program)

    programs.keep_aside(program)
    install(program, "newer")
    programs.put_back(program)

    assert (program / "groundwire").read_text() == "old"


def test_nothing_is_left_of_it_when_it_is_forgotten(program: Path) -> None:
    programs.keep_aside(program)
    install(program, "new")
    programs.put_back(program)

    assert programs.forget(program)

    assert [path.name for path in program.parent.iterdir()] == ["groundwire"]


def test_without_one_that_was_kept_the_program_stays(program: Path) -> None:
    with pytest.raises(ConfigurationError, match="no program of before"):
        programs.put_back(program)

    assert (program / "groundwire").read_text() == "old"
