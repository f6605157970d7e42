from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.configuration.policy_file import policy_in, read_policy
from agent.configuration.problems import problems_of
from agent.errors import ConfigurationError

GOOD = '[connections.erp]\ncommands = ["sync"]\n\n[connections.erp.leave.vendor]\nfields = "all"\nexcept = ["notes"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "config"
    found.mkdir(mode=0o755)
    write(found, GOOD)
    return found


def write(folder: Path, text: str) -> None:
    (folder / "policy.toml").write_text(text)
    (folder / "policy.toml").chmod(0o644)


def test_a_policy_is_read_with_the_places_of_its_rules(folder: Path) -> None:
    policy = read_policy(folder)
    rule = policy.leave("erp", "vendor")
    assert rule is not None
    assert rule.stay == ("notes",)
    assert policy.place("connections", "erp", "leave", "vendor", "except") == (
        "policy.toml:6: connections.erp.leave.vendor.except"
    )
    assert len(policy.digest) == 64


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("[connections.erp\n", 1, "TOML"),
        ('[connections.erp]\ncomands = ["sync"]\n', 2, "commands"),
        ('[connections.erp]\ncommands = "sync"\n', 2, "list of texts"),
        ('[connections.erp.leave.vendor]\nfields = "*"\n', 2, "exact names"),
        ('[connections.erp.leave.vendor]\nfields = ["nmae"]\n', 2, "name"),
        ('[connections.erp.leave.vendor]\nexept = ["name"]\n', 2, "except"),
        ('[connections.erp.leave.vendors]\nfields = "all"\n', 1, "vendor"),
        ("[connections.erp.leave.vendor]\nrows = { code = [] }\n", 2, "at least one"),
        ('[connections.erp.write.vendor]\nper_hour = "20"\n', 2, "whole number"),
        ("[connections.erp.write.purchase_order]\nmax_amount = { EUR = 10000 }\n", 2, "text"),
        ('[connections.erp.write.purchase_order]\nmax_amount = { EUR = "1e4" }\n', 2, "amount"),
        ('[connections.erp]\nquiet_hours = ["22-5"]\n', 2, "HH:MM"),
        ('[connections.erp]\ntime_zone = "Berlin"\n', 2, "time zone"),
    ],
)
def test_a_fault_is_told_with_its_line_and_what_is_right(
    folder: Path, text: str, line: int, word: str
) -> None:
    write(folder, text)
    with pytest.raises(ConfigurationError) as caught:
        read_policy(folder)
    (problem,) = problems_of(caught.value)
    assert problem.where == f"policy.toml:{line}"
    assert word in f"{problem} {problem.hint}"


def test_a_file_that_is_not_there_or_wrong_allows_nothing_and_says_why(folder: Path) -> None:
    write(folder, "connections = 1\n")
    policy = policy_in(folder)
    assert "policy.toml:1" in policy.fault
    assert policy.leave("erp", "vendor") is None

    (folder / "policy.toml").unlink()
    assert "there is no such file" in policy_in(folder).fault


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o622])
def test_a_file_that_others_may_write_is_refused(folder: Path, mode: int) -> None:
    (folder / "policy.toml").chmod(mode)
    with pytest.raises(ConfigurationError, match="others than its owner may write to it"):
        read_policy(folder)


@pytest.mark.parametrize("mode", [0o775, 0o777, 0o1777])
def test_a_file_in_a_folder_that_others_may_write_is_refused(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    with pytest.raises(ConfigurationError, match="may write to its folder"):
        read_policy(folder)


def test_a_link_is_refused(folder: Path) -> None:
    (folder / "policy.toml").rename(folder / "other.toml")
    (folder / "policy.toml").symlink_to(folder / "other.toml")
    with pytest.raises(ConfigurationError, match="is a link"):
        read_policy(folder)


def test_a_pipe_in_its_place_is_refused_and_does_not_block(folder: Path) -> None:
    (folder / "policy.toml").unlink()
    os.mkfifo(folder / "policy.toml", 0o600)
    with pytest.raises(ConfigurationError, match="plain file"):
        read_policy(folder)


def test_a_file_of_another_user_than_root_or_the_agent_is_refused(folder: Path) -> None:
    if os.geteuid() == 0:
        os.chown(folder / "policy.toml", 12345, -1)
        with pytest.raises(ConfigurationError, match="neither root nor the agent's user"):
            read_policy(folder)
        assert read_policy(folder, user=12345).fault == ""
    else:
        with pytest.raises(ConfigurationError, match="neither root nor the agent's user"):
            read_policy(folder, user=os.geteuid() + 1)
