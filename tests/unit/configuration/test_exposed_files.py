"""Who may write a file of the configuration says where credentials go: one that others may write to is not read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from agent.configuration.load import load
from agent.errors import ConfigurationError

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


def test_a_group_that_is_not_the_owners_own_counts_as_others(folder: Path) -> None:
    file = folder / "connections" / "erp.toml"
    file.chmod(0o664)
    assert load(folder, environ={}).connections.keys() == {"erp"}
    if os.geteuid() != 0:
        pytest.skip("only root gives a file to another group")
    os.chown(file, -1, SOMEBODYS_GROUP)
    file.chmod(0o664)

    assert load(folder, environ={}).connections == {}


def test_a_folder_in_which_everybody_keeps_their_own_is_no_danger(folder: Path) -> None:
    folder.chmod(0o1777)

    assert load(folder, environ={}).connections.keys() == {"erp"}
