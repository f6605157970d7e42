"""A relay whose configuration is root's and whose data is a service's user: root's commands leave no file of root's there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import GroundwireError, NotPermitted
from relay import commands
from relay.app import RelayApp
from relay.installed import as_owner_of, data_of
from relay.settings import load_settings

SERVICE = 64_123  # a user of no name is one as well

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root acts for another user"
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Everything once as root: this test's interpreter may lie where the service's user can load nothing from."""
    folder = tmp_path_factory.mktemp("first")
    done = commands.initialise(folder / "relay", gateway_port=0, api_port=0)
    commands.add_token(done.config)
    commands.rebuild_index(done.config)
    asyncio.run(started_as_the_service(done.config))
    commands.back_up(done.config, folder / "backup")
    commands.restore(folder / "backup", folder / "relay", replace=True)


@pytest.fixture
def host(loaded: None) -> Iterator[Path]:
    """Where a package has made the two folders; pytest's own folders are closed to everybody else."""
    folder = Path(tempfile.mkdtemp(prefix="groundwire-installed-"))
    folder.chmod(0o755)
    for name, uid in (("etc", 0), ("data", SERVICE)):
        (folder / name).mkdir(mode=0o750)
        os.chown(folder / name, uid, SERVICE)
    yield folder
    shutil.rmtree(folder)


def made(host: Path) -> Path:
    """In a shell as most are: what it makes, others may read."""
    before = os.umask(0o022)
    try:
        done = commands.initialise(host / "etc", data=host / "data", gateway_port=0, api_port=0)
    finally:
        os.umask(before)
    return done.config


def strangers(data: Path) -> list[str]:
    """What the service could not write, or others could read."""
    return [
        str(path)
        for path in (data, *data.rglob("*"))
        if path.lstat().st_uid != SERVICE or path.lstat().st_mode & 0o007
    ]


def test_the_service_reads_its_configuration_and_cannot_change_it(host: Path) -> None:
    config = made(host)

    for name in ("relay.toml", "server.key", "ca.pem"):
        found = (host / "etc" / name).stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (0, SERVICE, 0o640), name
    assert strangers(host / "data") == []
    with as_owner_of(host / "data"):
        assert load_settings(config).data == host / "data"
        with pytest.raises(PermissionError):
            config.write_text("")
    assert os.geteuid() == 0


async def started_as_the_service(config: Path) -> None:
    settings = load_settings(config)
    async with RelayApp(settings):
        pass


def test_whatever_root_does_the_service_starts_afterwards(host: Path) -> None:
    config = made(host)
    data = host / "data"

    assert commands.add_token(config).text
    assert commands.add_code(config)
    assert commands.verify_audit(config, {})[0] == []
    commands.rebuild_index(config)
    backup = data / "backups" / "one"
    kept = commands.back_up(config, backup)
    with as_owner_of(data):
        asyncio.run(started_as_the_service(config))

    assert kept.left_out == ()
    assert strangers(data) == []


def test_a_backup_brings_everything_back_whoever_had_it(host: Path) -> None:
    config = made(host)
    data = host / "data"
    with as_owner_of(data):
        asyncio.run(started_as_the_service(config))  # makes the key of the webhooks' secrets
    key = (data / "webhooks.key").read_bytes()
    commands.back_up(config, data / "backup")
    shutil.move(data / "backup", host / "backup")
    for path in [*(host / "etc").iterdir(), *data.iterdir()]:
        path.unlink()

    commands.restore(host / "backup", host / "etc")

    assert (data / "webhooks.key").read_bytes() == key
    assert strangers(data) == []
    with as_owner_of(data):
        asyncio.run(started_as_the_service(config))


@pytest.mark.parametrize("planted", ["a file", "a folder"])
def test_a_link_in_a_backup_shows_the_service_nothing_of_roots(host: Path, planted: str) -> None:
    """The service's user can write in the backups that root's commands make: they are as that user's."""
    config = made(host)
    backup = host / "data" / "backup"
    commands.back_up(config, backup)
    private = host / "private"
    private.mkdir(mode=0o700)
    (private / "secret").write_text("of root")
    (private / "secret").chmod(0o600)
    if planted == "a file":
        (backup / "files" / "stolen").symlink_to(private / "secret")
    else:
        (backup / "files").rename(backup / "before")
        (backup / "files").symlink_to(private)

    with contextlib.suppress(GroundwireError):
        commands.restore(backup, host / "etc", replace=True)

    assert not [
        path for path in (host / "etc").rglob("*") if path.is_file() and path.read_bytes() == b"of root"
    ]


def test_a_configuration_that_is_a_link_is_not_restored(host: Path) -> None:
    config = made(host)
    backup = host / "data" / "backup"
    commands.back_up(config, backup)
    kept = config.rename(host / "kept")
    (backup / "relay.toml").unlink()
    (backup / "relay.toml").symlink_to(kept)

    with pytest.raises(NotPermitted):
        commands.restore(backup, host / "etc", replace=True)

    assert not config.exists()


def test_only_the_installed_relays_folder_has_its_data_elsewhere(tmp_path: Path) -> None:
    there = {"config": tmp_path / "etc", "data": tmp_path / "var"}

    assert data_of(tmp_path / "etc", **there) == Path("data")  # nothing was installed
    (tmp_path / "var").mkdir()
    assert data_of(tmp_path / "etc", **there) == tmp_path / "var"
    assert data_of(tmp_path / "srv", **there) == Path("data")
