"""Where an installed program, and one that is not, look for what nobody named."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from agent.configuration.places import MARKER, Program, places, service_user, this_program

OWN = platformdirs.user_config_path("groundwire", appauthor=False)


@pytest.mark.parametrize("account", ["root", "groundwire"])
def test_root_and_the_services_user_find_the_machines_folders(account: str) -> None:
    found = places(Program("linux", account, "groundwire"))

    assert found.config == Path("/etc/groundwire")
    assert found.state == Path("/var/lib/groundwire")
    assert found.log is None  # `log` in the state folder


@pytest.mark.parametrize(
    "program",
    [Program("linux", "alice", "groundwire"), Program("linux", "root", None), Program("linux", "", None)],
    ids=["another user", "a checkout", "nobody"],
)
def test_everybody_else_has_folders_of_their_own(program: Program) -> None:
    found = places(program)

    assert found.config == OWN
    assert found.log is not None


def test_on_windows_an_installed_program_has_the_machines_folder_as_windows_says_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever starts a program chooses its environment."""
    monkeypatch.setenv("PROGRAMDATA", "/planted")
    found = places(Program("win32", "", "Groundwire", Path("/data")))

    assert found.config == Path("/data/Groundwire")
    assert found.state == Path("/data/Groundwire/state")


def test_the_marker_beside_the_executable_names_the_services_user(tmp_path: Path) -> None:
    executable = tmp_path / "groundwire"

    assert service_user(executable) is None

    (tmp_path / MARKER).write_text("groundwire\n")

    assert service_user(executable) == "groundwire"


def test_a_program_that_is_no_bundle_is_not_installed() -> None:
    assert this_program().service_user is None
