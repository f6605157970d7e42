"""What doctor says of this host's files, disk, account, versions and time zones, each fault by its real cause."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.doctor import account, configuration, credentials, disks, files, policies, versions, zones
from agent.doctor.versions import BAD, bad_ones
from agent.findings import Level
from agent.outbox.limits import MiB
from agent.secrets import Secret
from agent.vault.store import Vault
from tests.canaries import canary
from tests.premises import Premises

NOBODY = 65534
as_root = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root gives files to others and mounts"
)


@pytest.fixture
def site(tmp_path: Path) -> Premises:
    return Premises(tmp_path)


class TestFiles:
    async def test_guarded_ones_are_fine(self, site: Premises) -> None:
        assert set(await site.ask(files.CHECK)) == {"files.ok"}

    @pytest.mark.parametrize("name", ["identity.json", "outbox.db", "secrets/erp", "audit/key", "vault.key"])
    async def test_a_file_of_the_state_that_others_may_read(self, site: Premises, name: str) -> None:
        path = site.state / name
        path.parent.mkdir(exist_ok=True, mode=0o700)
        path.touch(0o600)
        path.chmod(0o640)
        found = await site.ask(files.CHECK)

        assert f"chmod 600 {path}" in found["files.exposed"].next_step
        assert "mode 640" in found["files.exposed"].evidence

    async def test_a_state_folder_that_others_may_look_into(self, site: Premises) -> None:
        site.state.chmod(0o755)
        found = await site.ask(files.CHECK)

        assert found["files.exposed"].next_step == f"`chmod 700 {site.state}`"

    async def test_a_public_key_is_for_everybody(self, site: Premises) -> None:
        (site.state / "audit").mkdir(mode=0o700)
        (site.state / "audit" / "key.pub").touch(0o644)

        assert await site.bad(files.CHECK) == set()

    async def test_a_connection_that_others_may_write(self, site: Premises) -> None:
        path = site.folder / "connections" / "box.toml"
        path.chmod(0o666)
        found = await site.ask(files.CHECK)

        assert found["files.writable"].where == str(path)
        assert f"chmod go-w {path}" in found["files.writable"].next_step

    async def test_a_secrets_file_that_others_may_read(self, site: Premises, tmp_path: Path) -> None:
        path = tmp_path / "password.secret"
        path.write_text(canary("-file"))
        path.chmod(0o644)
        site.connect(
            "erp", {"driver": "odbc", "secrets": {"Pwd": f"file:{path}"}, "options": {"connection": {}}}
        )
        found = await site.ask(files.CHECK)

        assert f"`chmod 600 {path}`" in found["files.exposed"].next_step

    @as_root
    async def test_a_file_that_a_command_of_root_left_in_the_agents_folder(self, site: Premises) -> None:
        for path in (site.state, *site.state.iterdir()):
            os.chown(path, NOBODY, NOBODY)
        left = site.state / "refused.json"
        left.touch(0o600)
        found = await site.ask(files.CHECK)

        assert found["files.owner"].where == str(left)
        assert found["files.owner"].next_step == f"`chown nobody {left}`"

    @as_root
    async def test_a_configuration_that_the_agents_user_cannot_read(self, site: Premises) -> None:
        for path in (site.state, *site.state.iterdir()):
            os.chown(path, NOBODY, NOBODY)
        path = site.folder / "connections" / "box.toml"
        path.chmod(0o600)
        found = await site.ask(files.CHECK)
        bad = [one for one in found.values() if one.code == "files.unreadable"]

        assert bad
        assert "nobody, as whom the agent runs, cannot read it" in bad[0].cause

    async def test_before_the_first_start_there_is_no_folder(self, site: Premises) -> None:
        for path in site.state.iterdir():
            path.unlink()
        site.state.rmdir()

        assert (await site.ask(files.CHECK))["files.missing"].level is Level.NOTICE


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB and a hundred files, which only root can make."""
    folder = tmp_path / "small"
    folder.mkdir()
    options = "size=1m,nr_inodes=2000,mode=700"
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class TestDisk:
    async def test_room_is_fine(self, site: Premises) -> None:
        site.write(
            "agent.toml", '[agent]\nstate_dir = "state"\n[outbox]\nhigh_water = "2MiB"\nlow_water = "1MiB"\n'
        )

        assert set(await site.ask(disks.CHECK)) == {"disk.ok"}

    async def test_less_room_than_may_have_to_wait(self, site: Premises) -> None:
        site.write("agent.toml", '[agent]\nstate_dir = "state"\n[outbox]\nhigh_water = "900000GiB"\n')
        found = await site.ask(disks.CHECK)

        assert "may have to wait here" in found["disk.low"].evidence
        assert "high_water" in found["disk.low"].next_step

    @as_root
    async def test_a_disk_that_is_full(self, site: Premises, small_disk: Path) -> None:
        site.write("agent.toml", f'[agent]\nstate_dir = "{small_disk}"\n')
        (small_disk / "fill").write_bytes(bytes(MiB))
        found = await site.ask(disks.CHECK)

        assert "No space left" in found["disk.full"].cause
        assert sorted(path.name for path in small_disk.iterdir()) == ["fill"]

    @as_root
    async def test_a_disk_that_is_mounted_read_only(self, site: Premises, small_disk: Path) -> None:
        site.write("agent.toml", f'[agent]\nstate_dir = "{small_disk}"\n')
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

        assert await site.bad(disks.CHECK) == {"disk.read_only"}

    @as_root
    async def test_a_file_system_without_room_for_more_files(self, site: Premises, small_disk: Path) -> None:
        site.write("agent.toml", f'[agent]\nstate_dir = "{small_disk}"\n')
        for number in range(1_200):
            (small_disk / str(number)).touch()

        assert "disk.inodes" in await site.bad(disks.CHECK)

    @pytest.mark.parametrize(
        ("kind", "code"), [("nfs4", "disk.network"), ("cifs", "disk.network"), ("tmpfs", "disk.volatile")]
    )
    async def test_a_disk_that_is_none(self, site: Premises, kind: str, code: str) -> None:
        (site.root / "proc/mounts").write_text(
            f"/dev/sda1 / ext4 rw 0 0\nserver:/x {site.folder} {kind} rw 0 0\n"
        )
        found = await site.ask(disks.CHECK)

        assert kind in found[code].evidence

    async def test_the_nearest_mount_point_counts(self, site: Premises) -> None:
        (site.root / "proc/mounts").write_text(
            f"tmpfs {site.folder} tmpfs rw 0 0\n/dev/sdb {site.state} ext4 rw 0 0\n"
        )

        assert "disk.volatile" not in await site.ask(disks.CHECK)

    async def test_nothing_is_left_behind(self, site: Premises) -> None:
        before = site.state.stat().st_mtime_ns, sorted(site.state.iterdir())
        await site.ask(disks.CHECK)

        assert (site.state.stat().st_mtime_ns, sorted(site.state.iterdir())) == before


class TestAccount:
    @as_root
    async def test_an_agent_that_runs_as_root(self, site: Premises) -> None:
        assert await site.bad(account.CHECK) == {"account.root"}

    @as_root
    async def test_an_agent_with_a_user_of_its_own_is_fine(self, site: Premises) -> None:
        os.chown(site.state, NOBODY, NOBODY)

        assert set(await site.ask(account.CHECK)) == {"account.ok"}

    @as_root
    async def test_a_policy_that_the_agent_could_change(self, site: Premises) -> None:
        for path in (site.state, site.folder / "policy.toml"):
            os.chown(path, NOBODY, NOBODY)

        assert (await site.ask(account.CHECK))["account.policy"].level is Level.NOTICE

    @as_root
    def test_somebody_else_who_asks_is_told_as_whom(self) -> None:
        """In a process that is nobody, and looks at root's installation."""
        program = (
            "import asyncio, os, sys\n"
            "from pathlib import Path\n"
            "from agent.doctor import account\n"
            "from agent.doctor.check import examine\n"
            "from agent.doctor.installation import look_at\n"
            "async def main():\n"
            "    found = await look_at(Path(sys.argv[1]), environ={})\n"
            "    os.seteuid(65534)\n"
            "    print((await examine(found, [account.CHECK])).findings)\n"
            "asyncio.run(main())\n"
        )
        with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to others
            Path(folder).chmod(0o755)
            site = Premises(Path(folder))
            done = subprocess.run(
                [sys.executable, "-c", program, str(site.folder)], capture_output=True, text=True, check=False
            )

        assert "account.other" in done.stdout, done.stderr
        assert "sudo -u root groundwire doctor" in done.stdout


class TestVersions:
    async def test_those_of_this_checkout_are_fine(self, site: Premises) -> None:
        found = await site.ask(versions.CHECK)

        assert set(found) == {"versions.ok"}
        assert "SQLite" in found["versions.ok"].evidence

    def test_the_bounds_of_the_table_are_the_first_bad_and_the_first_good_version(self) -> None:
        for bad in BAD:
            assert bad_ones({bad.what: bad.first}) == [(bad, bad.first)]
            assert bad_ones({bad.what: bad.mended}) == []
            assert bad.link.startswith("https://")

    @pytest.mark.parametrize(
        ("version", "bad"), [("3.51.2", True), ("3.51.10", False), ("3.6.23", False), ("3.52.0", False)]
    )
    def test_versions_are_compared_as_numbers(self, version: str, bad: bool) -> None:
        assert bool(bad_ones({"SQLite": version})) is bad


class TestZones:
    async def test_known_ones_are_fine(self, site: Premises) -> None:
        assert set(await site.ask(zones.CHECK)) == {"zones.ok"}

    async def test_one_that_is_not_known(self, site: Premises) -> None:
        site.connect("erp", {"driver": "rfc", "options": {"client": "100", "time_zone": "Europe/Berlyn"}})
        found = await site.ask(zones.CHECK)

        assert "Europe/Berlyn" in found["zones.unknown"].cause
        assert "connections/erp.toml" in found["zones.unknown"].where


class TestConfiguration:
    async def test_whole_files_are_fine(self, site: Premises) -> None:
        assert set(await site.ask(configuration.CHECK)) == {"configuration.ok"}

    async def test_an_agent_toml_that_is_wrong_keeps_nothing_else_from_being_told(
        self, site: Premises
    ) -> None:
        site.write("agent.toml", "[agent]\nnmae = 'x'\n")
        found = await site.ask(configuration.CHECK, files.CHECK, versions.CHECK)

        assert found["configuration.agent"].where == "agent.toml:2"
        assert "versions.ok" in found

    async def test_a_connection_that_is_wrong_with_its_line(self, site: Premises) -> None:
        site.write("connections/erp.toml", 'driver = "odbc"\n[sync]\nevry = "5m"\n')
        found = await site.ask(configuration.CHECK)

        assert found["configuration.connection"].where == "connections/erp.toml:3"

    async def test_a_mapping_that_cannot_be_compiled(self, site: Premises) -> None:
        stream = {
            "entity": "purchase_order",
            "read": {"query": "select 1", "key": ["no"]},
            "map": {"orderNumber": "no"},
        }
        site.connect("erp", {"driver": "odbc", "options": {"connection": {}}, "streams": {"orders": stream}})
        found = await site.ask(configuration.CHECK)

        assert "orderNumber" in found["configuration.mapping"].cause + found["configuration.mapping"].where

    async def test_no_connection_and_one_that_rests_are_worth_knowing(self, site: Premises) -> None:
        site.connect("box", {"system": "sandbox", "enabled": False})
        resting = await site.ask(configuration.CHECK)
        (site.folder / "connections" / "box.toml").unlink()
        none = await site.ask(configuration.CHECK)

        assert resting["configuration.resting"].level is Level.NOTICE
        assert none["configuration.none"].level is Level.NOTICE


class TestPolicy:
    async def test_one_that_lets_all_leave_is_fine(self, site: Premises) -> None:
        assert set(await site.ask(policies.CHECK)) == {"policy.ok"}

    async def test_that_nothing_may_leave_is_only_worth_knowing(self, site: Premises) -> None:
        site.connect("erp", {"system": "sandbox"}, allowed=False)
        found = await site.ask(policies.CHECK)
        (site.folder / "policy.toml").unlink()
        missing = await site.ask(policies.CHECK)

        assert found["policy.nothing_leaves"].level is Level.NOTICE
        assert set(missing) == {"policy.missing"}

    async def test_one_that_is_wrong(self, site: Premises) -> None:
        (site.folder / "policy.toml").write_text("comands = []\n")
        found = await site.ask(policies.CHECK)

        assert found["policy.unreadable"].where == "policy.toml:1"


class TestCredentials:
    def connect(self, site: Premises, reference: str) -> None:
        site.connect("erp", {"driver": "odbc", "secrets": {"Pwd": reference}, "options": {"connection": {}}})

    async def test_one_that_is_set_is_fine_and_not_shown(self, site: Premises) -> None:
        secret = canary("-vault")
        vault = Vault(site.state, environ={})
        vault.put({"erp": Secret(secret)}, by="root", at=(await site.look()).clock.utcnow())
        self.connect(site, "secret:erp")
        found = await site.ask(credentials.CHECK)

        assert {code for code, one in found.items() if one.level is not Level.OK} == set()
        assert secret not in str(found)

    async def test_one_that_nobody_set(self, site: Premises) -> None:
        self.connect(site, "secret:erp-password")
        found = await site.ask(credentials.CHECK)

        assert "groundwire secret set erp-password" in found["credentials.missing"].next_step

    async def test_one_of_the_services_environment_may_be_there_all_the_same(self, site: Premises) -> None:
        self.connect(site, "env:ERP_PASSWORD")

        assert (await site.ask(credentials.CHECK))["credentials.not_here"].level is Level.NOTICE

    async def test_a_vault_that_was_damaged(self, site: Premises) -> None:
        (site.state / "vault.json").write_text("{")
        (site.state / "vault.json").chmod(0o600)

        assert await site.bad(credentials.CHECK) == {"credentials.vault"}
