"""Whose the files are that lie in the folders of the Windows service before they are closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import ConfigurationError
from agent.service.administration import IDENTITY_FILE, Folders
from agent.service.ports import State
from tests.unit.service.test_windows_service import (
    PROGRAM,
    STRANGER,
    Files,
    System,
    administration,
    number_of,
)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "Groundwire", tmp_path / "Groundwire" / "state")


@pytest.mark.parametrize("planted", ["", "agent.toml", "connections/x.toml"])
def test_a_folder_in_which_a_stranger_has_put_something_is_moved_away(folders, planted):
    (folders.config / "connections").mkdir(parents=True)
    for name in ("agent.toml", "connections/x.toml"):
        (folders.config / name).touch()
    files = Files(
        owners={number_of(folders.config / planted): STRANGER}, writing={number_of(folders.config): STRANGER}
    )

    done = administration(System(), files).install(PROGRAM, folders)

    aside = folders.config.with_name("Groundwire.not-trusted-1")
    assert (aside / "connections" / "x.toml").exists()
    assert not (folders.config / "agent.toml").exists()
    assert str(aside) in done.warnings[0]


def folder_of_an_agent(folders: Folders) -> Path:
    for name in ("agent.toml", "connections/erp.toml", f"state/{IDENTITY_FILE}"):
        (folders.config / name).parent.mkdir(parents=True, exist_ok=True)
        (folders.config / name).touch()
    return folders.config / "connections" / "erp.toml"


@pytest.mark.parametrize("state", [State.STOPPED, State.MISSING])
def test_a_file_of_a_foreign_owner_in_a_closed_folder_is_taken_over_and_the_agent_stays(folders, state):
    """Somebody with rights brought it: from a backup, or under an account that the service had."""
    foreign = folder_of_an_agent(folders)
    files = Files(owners={number_of(foreign): STRANGER})

    done = administration(System(now=state), files).install(PROGRAM, folders)

    assert files.taken == [foreign]
    assert (folders.state / IDENTITY_FILE).exists()
    assert str(foreign) in done.warnings[0]


def test_an_upgrade_never_makes_an_empty_agent_of_an_enrolled_one(folders):
    """Where others could write, the file is named, and nothing is moved, closed or set."""
    foreign = folder_of_an_agent(folders)
    files = Files(owners={number_of(foreign): STRANGER}, writing={number_of(foreign.parent): STRANGER})
    system = System(now=State.STOPPED)

    with pytest.raises(ConfigurationError, match=r"erp\.toml belongs to somebody") as caught:
        administration(system, files).configure(folders)

    assert "/setowner" in caught.value.hint
    assert foreign.exists()
    assert (folders.state / IDENTITY_FILE).exists()
    assert (files.closed, files.taken, system.did) == ({}, [], [])


def test_a_link_in_a_closed_folder_is_named_and_left(folders, tmp_path):
    link = folder_of_an_agent(folders).with_name("linked.toml")
    link.symlink_to(tmp_path)

    with pytest.raises(ConfigurationError, match="a link") as caught:
        administration(System(now=State.STOPPED), Files(links=frozenset({number_of(link)}))).configure(
            folders
        )

    assert caught.value.where == str(link)
    assert link.is_symlink()


def test_a_link_is_moved_away_and_what_it_leads_to_stays_as_it_is(folders, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folders.config.symlink_to(elsewhere)
    files = Files(links=frozenset({number_of(folders.config)}))

    administration(System(), files).install(PROGRAM, folders)

    assert not folders.config.is_symlink()
    assert list(elsewhere.iterdir()) == []


def test_what_is_planted_while_the_folder_is_being_closed_stops_the_installation(folders):
    class Hurried(Files):
        def close(self, folder, access):
            planted = folder / "connections" / "evil.toml"
            planted.touch()
            self.owners[number_of(planted)] = STRANGER
            super().close(folder, access)

    system = System()
    with pytest.raises(ConfigurationError, match="evil"):
        administration(system, Hurried()).install(PROGRAM, folders)
    assert "set_recovery" not in system.did


def test_what_is_behind_a_link_is_not_looked_at(folders):
    """A junction may lead back to the folder that it is in."""
    folders.config.mkdir()
    link = folders.config / "connections"
    link.symlink_to(folders.config)
    looked = []

    class Watched(Files):
        def owner(self, path):
            looked.append(path)
            return super().owner(path)

    files = Watched(links=frozenset({number_of(link)}), writing={number_of(folders.config): STRANGER})
    done = administration(System(), files).install(PROGRAM, folders)
    assert len(done.warnings) == 1
    assert not [path for path in looked if link in path.parents]


def test_what_an_administrator_has_written_stays(folders):
    folders.config.mkdir()
    (folders.config / "agent.toml").write_text("[agent]\n")
    done = administration(System()).install(PROGRAM, folders)
    assert (folders.config / "agent.toml").read_text() == "[agent]\n"
    assert not done.warnings
