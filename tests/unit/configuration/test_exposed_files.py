"""Who may write a file of the configuration says where credentials go: one that others may write to is not read."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys
import types
from pathlib import Path

import pytest

from agent import systems
from agent.configuration.document import refuse_exposed
from agent.configuration.load import load
from agent.errors import ConfigurationError

if sys.platform != "win32":
    import grp
    import pwd

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")

SOMEBODYS_GROUP = 54_321


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "connections").mkdir()
    (tmp_path / "agent.toml").write_text('[agent]\nname = "berlin"\nstate_dir = "state"\n')
    (tmp_path / "connections" / "erp.toml").write_text('system = "sandbox"\n')
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return tmp_path


def test_a_connection_file_that_others_may_write_to_is_not_in_force(folder: Path) -> None:
    (folder / "connections" / "erp.toml").chmod(0o646)

    settings = load(folder, environ={})

    assert settings.connections == {}
    (broken,) = settings.broken
    assert "others than its owner may write" in str(broken.problems[0])
    assert "chmod go-w" in broken.problems[0].hint


@pytest.mark.parametrize("name", ["agent.toml", ".", "connections"])
def test_with_a_main_file_or_a_folder_that_others_may_write_to_nothing_is_read(
    folder: Path, name: str
) -> None:
    path = folder / name
    path.chmod(path.stat().st_mode | 0o002)

    with pytest.raises(ConfigurationError, match="others than its owner may write"):
        load(folder, environ={})


def test_a_profile_that_others_may_write_to_is_not_in_force(folder: Path) -> None:
    own = folder / "systems" / "acme"
    own.mkdir(parents=True)
    profile = own / "system.toml"
    profile.write_text('driver = "odbc"\n')
    (folder / "connections" / "erp.toml").write_text('system = "acme"\n')
    for path in (own.parent, own, profile):
        path.chmod(0o755)
        assert load(folder, environ={}).connections.keys() == {"erp"}
        path.chmod(0o757)
        assert load(folder, environ={}).connections == {}
        path.chmod(0o755)


def test_who_may_write_what_is_shipped_is_not_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = folder / "program"
    (shipped / "acme").mkdir(parents=True)
    (shipped / "acme" / "system.toml").write_text('driver = "odbc"\n')
    for path in (shipped, *shipped.rglob("*")):
        path.chmod(0o777)
    monkeypatch.setattr(systems, "SHIPPED", shipped)
    (folder / "connections" / "erp.toml").write_text('system = "acme"\n')

    assert load(folder, environ={}).connections.keys() == {"erp"}


def test_a_group_that_is_not_the_owners_own_counts_as_others(folder: Path) -> None:
    file = folder / "connections" / "erp.toml"
    if os.geteuid() != 0:
        pytest.skip("only root gives a file to another group")
    root = pwd.getpwuid(0)
    os.chown(file, 0, root.pw_gid)
    file.chmod(0o664)
    own = grp.getgrgid(root.pw_gid).gr_name == root.pw_name
    assert (load(folder, environ={}).connections.keys() == {"erp"}) == own
    os.chown(file, -1, SOMEBODYS_GROUP)
    file.chmod(0o664)

    assert load(folder, environ={}).connections == {}


def test_a_main_group_that_users_share_counts_as_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "connections" / "erp.toml").chmod(0o664)
    owner = types.SimpleNamespace(pw_name="ada", pw_gid=folder.stat().st_gid)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: owner)

    monkeypatch.setattr(grp, "getgrgid", lambda _: types.SimpleNamespace(gr_name="ada"))
    assert load(folder, environ={}).connections.keys() == {"erp"}
    monkeypatch.setattr(grp, "getgrgid", lambda _: types.SimpleNamespace(gr_name="users"))
    assert load(folder, environ={}).connections == {}


def test_numbers_without_names_are_one_owner_where_they_are_equal(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    facts = os.stat_result((stat.S_IFREG | 0o664, 0, 0, 1, 1001, 1001, 0, 0, 0, 0))
    refuse_exposed(facts, folder, name="erp")
    with pytest.raises(ConfigurationError):
        refuse_exposed(
            os.stat_result((stat.S_IFREG | 0o664, 0, 0, 1, 1001, 100, 0, 0, 0, 0)), folder, name="erp"
        )


@pytest.mark.parametrize("name", [".", "connections"])
def test_a_folder_in_which_everybody_may_add_files_is_refused(folder: Path, name: str) -> None:
    (folder / name).chmod(0o1777)

    with pytest.raises(ConfigurationError, match="others than its owner may write") as refused:
        load(folder, environ={})
    assert "chmod -R go-w" in refused.value.hint


def test_the_command_of_the_hint_opens_the_configuration_again(tmp_path: Path) -> None:
    folder = tmp_path / "of the company"
    (folder / "connections").mkdir(parents=True)
    (folder / "agent.toml").write_text("")
    (folder / "connections" / "erp.toml").write_text('system = "sandbox"\n')
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777)

    with pytest.raises(ConfigurationError) as refused:
        load(folder, environ={})
    subprocess.run(shlex.split(refused.value.hint.partition("then: ")[2]), check=True)

    assert load(folder, environ={}).connections.keys() == {"erp"}
