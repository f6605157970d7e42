"""Files of root's in the service's folder, with the real system calls; only root can give a file away."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from agent.configuration.places import Program
from agent.service.ownership import for_service, give_to_owner, service_can_read
from agent.setup.asking import Unfit
from agent.setup.machine import ThisMachine

SERVICE = 54_321

only_root = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root gives files away"
)


def state_of(folder: Path, owner: int = SERVICE) -> Path:
    state = folder / "state"
    (state / "log").mkdir(parents=True)
    (state / "outbox.db").write_text("")
    (state / "log" / "agent.log").write_text("")
    os.chown(state, owner, owner)
    return state


def owners(*paths: Path) -> list[int]:
    return [path.lstat().st_uid for path in paths]


@only_root
def test_what_root_made_in_the_services_folder_is_the_services(tmp_path: Path) -> None:
    state = state_of(tmp_path)

    give_to_owner(state)

    assert owners(state / "outbox.db", state / "log", state / "log" / "agent.log") == [SERVICE] * 3


@only_root
def test_what_is_not_of_this_folder_alone_stays_whose_it_is(tmp_path: Path) -> None:
    """The service's user may have put it there, to have it given to it."""
    state = state_of(tmp_path)
    elsewhere, folder = tmp_path / "shadow", tmp_path / "etc"
    elsewhere.write_text("root's")
    folder.mkdir()
    (folder / "file").write_text("root's")
    os.link(elsewhere, state / "second-name")
    (state / "link").symlink_to(elsewhere)
    (state / "folder").symlink_to(folder)
    (state / "somebodys").write_text("")
    os.chown(state / "somebodys", 4_242, 4_242)

    give_to_owner(state)

    assert owners(elsewhere, folder, folder / "file") == [0, 0, 0]
    assert owners(state / "somebodys") == [4_242]


@only_root
def test_a_folder_of_roots_own_is_left_alone_and_one_that_is_not_there_is_no_fault(tmp_path: Path) -> None:
    state = state_of(tmp_path, owner=0)

    give_to_owner(state)
    give_to_owner(tmp_path / "none")

    assert owners(state / "outbox.db") == [0]


@pytest.mark.skipif(sys.platform == "win32", reason="access lists there")
def test_a_file_that_the_unit_hides_or_that_others_may_not_read_is_not_the_services_to_read() -> None:
    assert service_can_read(Path("/etc/passwd"))
    assert not service_can_read(Path("/root/ca.pem"))
    assert not service_can_read(Path("/etc/shadow"))
    assert not service_can_read(Path("/etc/no-such-file"))


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (Program("linux", "root", "groundwire"), True),
        (Program("linux", "groundwire", "groundwire"), False),
        (Program("linux", "root", None), False),
        (Program("linux", "alice", "groundwire"), False),
        (Program("win32", "", "Groundwire"), False),
    ],
)
def test_set_up_is_for_the_service_where_root_runs_an_installed_program(
    program: Program, *, expected: bool
) -> None:
    assert for_service(program) is expected


@pytest.mark.skipif(sys.platform == "win32", reason="access lists there")
def test_set_up_takes_no_file_that_the_service_will_not_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("")
    machine = ThisMachine(tmp_path)
    assert machine.file_named(str(authority)) == str(authority)

    monkeypatch.setattr(machine, "_for_service", True)

    with pytest.raises(Unfit, match="Copy it into"):
        machine.file_named(str(authority))
