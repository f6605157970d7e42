"""A program's folder that is kept aside while a package puts another version in its place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
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
    assert not program.with_name("groundwire.coming").exists()


@pytest.mark.parametrize("steps", range(8))
@pytest.mark.parametrize("by_file", [False, True])
def test_a_way_back_that_is_cut_anywhere_can_be_gone_on_with(
    program: Path, monkeypatch: pytest.MonkeyPatch, steps: int, *, by_file: bool
) -> None:
    """As by a power cut; with `by_file` as on Windows, where a folder in which a file is open has to stay."""
    programs.keep_aside(program)
    install(program, "new")
    (program / "_internal" / "only-new").write_text("new")
    moved: list[str] = []
    whole, one = Path.rename, Path.replace

    def rename(path: Path, target: Path) -> Path:
        if by_file and path == program:
            raise PermissionError("somebody has a file of it open")
        return step(whole, path, target)

    def step(move: Callable[[Path, Path], Path], path: Path, target: Path) -> Path:
        if len(moved) == steps:
            raise KeyboardInterrupt  # as if it had been killed there
        moved.append(str(path))
        return move(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", rename)
        patched.setattr(Path, "replace", lambda path, target: step(one, path, target))
        with suppress(KeyboardInterrupt):
            programs.put_back(program)

    programs.put_back(program)

    failed = program.with_name("groundwire.failed")
    assert (program / "groundwire").read_text() == (program / "_internal" / "base").read_text() == "old"
    assert (program / "_internal" / "link").read_text() == "old"
    assert not (program / "_internal" / "only-new").exists()
    for name in ("groundwire", "_internal/base", "_internal/only-new"):
        assert (failed / name).read_text() == "new"


def test_a_program_that_somebody_has_open_is_tried_again(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scanner that looks at each new file, a process that ends just now."""
    programs.keep_aside(program)
    install(program, "new")
    waited: list[float] = []
    monkeypatch.setattr(programs, "ATTEMPTS", 3)
    monkeypatch.setattr(programs.time, "sleep", waited.append)
    one = Path.replace

    def replace(path: Path, target: Path) -> Path:
        if len(waited) < 2:
            raise PermissionError("open")
        return one(path, target)

    def rename(path: Path, target: Path) -> Path:
        raise PermissionError("open")

    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(Path, "replace", replace)

    programs.put_back(program)

    assert (program / "groundwire").read_text() == "old"
    assert len(waited) == 2


def test_what_is_kept_is_closed_before_anything_lies_in_it(program: Path) -> None:
    """On Windows a folder beside the program's can be open to others."""
    closed: list[list[Path]] = []

    programs.keep_aside(program, lambda folder: closed.append(list(folder.iterdir())))

    assert closed == [[]]


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
