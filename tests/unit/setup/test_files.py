from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

import pytest

from agent.errors import ConfigurationError, NotPermitted
from agent.model.entities import ENTITIES
from agent.odbc_registry import offered
from agent.policy.faults import faults
from agent.policy.model import PolicyFile
from agent.setup import writing
from agent.setup.files import CAREFUL, EVERYTHING, NOTHING, agent_text, difference, policy_text
from agent.setup.services import UNIT, look
from agent.setup.writing import write_file, write_new
from agent.tunnel.named_proxies import proxies_for, proxies_here


@pytest.mark.parametrize("how", [CAREFUL, EVERYTHING])
def test_the_policy_of_every_entity_is_one_without_faults(how: str) -> None:
    text = policy_text(None, "erp", ENTITIES, how)

    assert list(faults(PolicyFile.model_validate(tomllib.loads(text)))) == []


def test_careful_masks_what_is_of_persons_and_keeps_what_people_typed() -> None:
    rule = tomllib.loads(policy_text(None, "erp", ["vendor"], CAREFUL))["connections"]["erp"]["leave"][
        "vendor"
    ]

    assert "emailAddress" in rule["mask"]
    assert "notes" in rule["except"]


def test_nothing_allows_nothing() -> None:
    assert tomllib.loads(policy_text(None, "erp", ["vendor"], NOTHING)) == {}


def test_what_a_policy_says_already_stays_letter_for_letter() -> None:
    before = "# mine\n[connections.other]\ncommands = []\n"

    after = policy_text(before, "erp", ["vendor"], EVERYTHING)

    assert after.startswith(before.rstrip())
    assert policy_text(after, "erp", ["asset"], EVERYTHING) == after


def test_a_policy_that_cannot_be_read_is_left_alone() -> None:
    assert policy_text("no toml [", "erp", ["vendor"], EVERYTHING) == "no toml ["


def test_the_same_answers_change_nothing() -> None:
    settings = {"agent.name": "plant", "relay.proxy": None, "relay.ca_file": "/etc/ca.pem"}
    once = agent_text(None, settings)

    assert agent_text(once, settings) == once


def test_a_setting_that_is_no_longer_meant_goes() -> None:
    once = agent_text(None, {"relay.proxy": "http://proxy:1"})

    assert "proxy" not in tomllib.loads(agent_text(once, {"relay.proxy": None}))["relay"]


def test_a_file_that_is_no_toml_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"agent\.toml"):
        agent_text("no toml [", {})


def test_the_difference_shows_both_sides() -> None:
    assert difference("x", "a\n", "b\n")[-2:] == ["-a", "+b"]
    assert difference("x", None, "b\n") == ["b"]


class TestWriting:
    def test_nobody_else_may_write_whatever_the_umask_says(self, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            write_file(tmp_path / "new" / "connections" / "erp.toml", "x = 1\n")
        finally:
            os.umask(before)

        for path in (tmp_path / "new", tmp_path / "new/connections", tmp_path / "new/connections/erp.toml"):
            assert path.stat().st_mode & 0o022 == 0

    def test_a_file_keeps_its_mode_and_a_link_stays_one(self, tmp_path: Path) -> None:
        real = tmp_path / "real.toml"
        real.write_text("a = 1\n")
        real.chmod(0o640)
        link = tmp_path / "agent.toml"
        link.symlink_to(real)

        write_file(link, "b = 2\n")

        assert link.is_symlink()
        assert real.read_text() == "b = 2\n"
        assert real.stat().st_mode & 0o777 == 0o640

    def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_left(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")

        with pytest.raises(NotPermitted, match="cannot be written"):
            write_file(tmp_path / "file" / "agent.toml", "x")

        assert [path.name for path in tmp_path.iterdir()] == ["file"]


class TestProxies:
    def test_the_environment_comes_before_the_files_and_each_is_named_once(self) -> None:
        files = {
            "/etc/environment": 'https_proxy="http://env:1"\nPATH=/bin\n',
            "/etc/apt/apt.conf": 'Acquire::http::Proxy "http://apt:2/";\n',
        }

        found = proxies_for(
            "relay.example.com", {"HTTPS_PROXY": "http://joe:p%40ss@shell:3"}, files, {"https": "env:1"}
        )

        assert [(one.url, one.where) for one in found] == [
            ("http://shell:3", "$HTTPS_PROXY"),
            ("http://env:1", "/etc/environment"),
            ("http://apt:2", "/etc/apt/apt.conf"),
        ]
        assert (found[0].user, found[0].password) == ("joe", "p@ss")

    @pytest.mark.parametrize("exceptions", ["example.com", ".example.com", "*", "other, relay.example.com"])
    def test_a_host_that_is_to_be_reached_directly_has_none(self, exceptions: str) -> None:
        assert (
            proxies_for("relay.example.com", {"https_proxy": "http://p:1", "no_proxy": exceptions}, {}, {})
            == []
        )

    @pytest.mark.parametrize("value", ["socks5://p:1", "http://", "http://p:99999", "https://p:1"])
    def test_what_is_no_http_proxy_is_not_offered(self, value: str) -> None:
        assert proxies_for("relay.example.com", {"https_proxy": value}, {}, {}) == []

    def test_this_machine_needs_none_for_itself(self) -> None:
        assert proxies_for("127.0.0.1", {"https_proxy": "http://p:1"}, {}, {}) == []

    def test_the_files_of_the_machine_are_read(self, tmp_path: Path) -> None:
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc/environment").write_text("HTTPS_PROXY=http://proxy:3128\n")

        assert [one.url for one in proxies_here("relay.example.com", {}, tmp_path)] == ["http://proxy:3128"]


def test_drivers_and_data_sources_are_read_as_unixodbc_does(tmp_path: Path) -> None:
    (tmp_path / "odbcinst.ini").write_text("[ODBC]\nTrace=no\n[FreeTDS]\nDriver=x.so\n")
    (tmp_path / "odbc.ini").write_text("[ODBC Data Sources]\nerp=FreeTDS\n[erp]\nDriver=FreeTDS\nServer=db\n")

    found = offered(
        {"ODBCSYSINI": str(tmp_path), "ODBCINI": str(tmp_path / "none"), "HOME": str(tmp_path / "no")}
    )

    assert found.drivers == ("FreeTDS",)
    assert found.sources == {"erp": "FreeTDS"}


class TestServices:
    def test_a_unit_on_a_machine_of_systemd_is_offered(self, tmp_path: Path) -> None:
        (tmp_path / "run/systemd/system").mkdir(parents=True)
        (tmp_path / "etc/systemd/system").mkdir(parents=True)
        (tmp_path / "etc/systemd/system" / UNIT).write_text("")
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/systemctl").write_text("#!/bin/sh\n")
        (tmp_path / "bin/systemctl").chmod(0o755)

        found = look(tmp_path, {"PATH": str(tmp_path / "bin")}, running=False, root=tmp_path)

        assert found.installed == UNIT
        assert "systemctl enable --now" in found.start

    def test_without_one_the_agent_is_run_by_hand_with_its_folder(self, tmp_path: Path) -> None:
        found = look(tmp_path / "my config", {}, running=False, root=tmp_path)

        assert not found.installed
        assert found.run == f"groundwire run --config '{tmp_path}/my config'"

    def test_the_usual_folder_needs_no_naming(self, tmp_path: Path) -> None:
        assert (
            look(tmp_path, {"GROUNDWIRE_CONFIG": str(tmp_path)}, running=False, root=tmp_path).run
            == "groundwire run"
        )


def test_answers_are_written_to_no_file_or_link_that_somebody_else_laid_there(tmp_path: Path) -> None:
    write_new(tmp_path / "answers.toml", "x = 1\n")
    (tmp_path / "link.toml").symlink_to(tmp_path / "elsewhere.toml")

    for name in ("answers.toml", "link.toml"):
        with pytest.raises(NotPermitted, match="cannot be written"):
            write_new(tmp_path / name, "y = 2\n")

    assert (tmp_path / "answers.toml").read_text() == "x = 1\n"
    assert not (tmp_path / "elsewhere.toml").exists()
    if os.name == "posix":
        assert (tmp_path / "answers.toml").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX'")
def test_a_file_that_this_user_may_not_write_is_not_replaced_through_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a policy of root's in a folder of the agent's."""
    policy = tmp_path / "policy.toml"
    policy.write_text("# root's")
    monkeypatch.setattr(writing.os, "access", lambda _path, mode: mode != os.W_OK)  # root may always

    with pytest.raises(NotPermitted, match="cannot be written"):
        writing.write_file(policy, "# another's")

    assert policy.read_text() == "# root's"
    assert [one.name for one in tmp_path.iterdir()] == ["policy.toml"]
