"""The relay as a whole: starting, stopping, and what it makes of broken surroundings."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

from agent.errors import AlreadyRunning, ConfigurationError, StorageDamaged, Unreachable
from relay import commands
from relay.app import RelayApp
from relay.settings import RelaySettings, load_settings
from relay.store.base import Place, RecordFilter
from tests.integration.relay_peer import eventually, made
from tests.unit.relay.making import Sender, enrolled, orders


async def test_an_index_that_cannot_be_read_is_made_again(tmp_path: Path) -> None:
    settings, _ = await asyncio.to_thread(made, tmp_path / "relay")
    async with RelayApp(settings) as relay:
        agent = await enrolled(relay.store, "default")
        await relay.store.append_batches([Sender(agent).batch(orders(["1"]))])
    settings.index_path.write_bytes(b"no database" * 500)

    async with RelayApp(settings) as relay:
        await eventually(relay.caught_up)

        found = await relay.index.find("default", "purchase_order", RecordFilter(), Place(), 10)
        assert [record.key for record in found.records] == ["1"]


async def test_a_failing_disk_ends_the_relay_with_one_clear_error(tmp_path: Path) -> None:
    settings, _ = await asyncio.to_thread(made, tmp_path / "relay")

    async def broken(_: Any) -> Any:
        raise StorageDamaged("The disk failed to read or write.")

    with pytest.raises(StorageDamaged, match="disk failed"):
        await _store_one(settings, broken)


async def test_a_store_that_cannot_be_written_ends_the_relay_whoever_wrote(tmp_path: Path) -> None:
    """No batch need come: a command or a status meets the disk as well."""
    settings, _ = await asyncio.to_thread(made, tmp_path / "relay")

    def fails(_: apsw.Connection) -> None:
        raise apsw.IOError("fsync failed")

    async def live() -> None:
        async with RelayApp(settings) as relay:
            with suppress(StorageDamaged):
                await relay.store.database.write(fails)
            await asyncio.Event().wait()

    with pytest.raises(StorageDamaged, match="fsync failed"):
        await live()


async def _store_one(settings: RelaySettings, append: Any) -> None:
    async with RelayApp(settings) as relay:
        agent = await enrolled(relay.store, "default")
        relay.store.append_batches = append  # type: ignore[method-assign]
        relay.ingest.submit(Sender(agent).batch(orders(["1"])))
        await asyncio.Event().wait()


async def test_two_relays_do_not_share_a_folder(tmp_path: Path) -> None:
    settings, _ = await asyncio.to_thread(made, tmp_path / "relay")
    async with RelayApp(settings):
        with pytest.raises(AlreadyRunning):
            async with RelayApp(settings):
                pass


@pytest.mark.parametrize("section", ["gateway", "api"])
async def test_a_port_in_use_is_a_clear_error_and_leaves_nothing_open(tmp_path: Path, section: str) -> None:
    settings, _ = await asyncio.to_thread(made, tmp_path / "relay")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        part = getattr(settings, section).model_copy(update={"port": port})
        with pytest.raises(ConfigurationError, match="cannot listen"):
            async with RelayApp(settings.model_copy(update={section: part})):
                pass

    async with RelayApp(settings):
        pass


async def test_a_start_that_fails_half_way_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_: object) -> None:
        raise Unreachable("The database does not answer.")

    settings, _ = await asyncio.to_thread(made, tmp_path / "relay")
    monkeypatch.setattr("relay.materialise.Materialiser.prepare", away)

    with pytest.raises(Unreachable, match="does not answer"):
        async with RelayApp(settings):
            pass


def test_init_makes_private_files_once(tmp_path: Path) -> None:
    done = commands.initialise(tmp_path / "relay", hosts=["relay.example"])

    assert done.config.stat().st_mode & 0o077 == 0
    assert (tmp_path / "relay" / "server.key").stat().st_mode & 0o077 == 0
    assert load_settings(done.config).gateway.host == "0.0.0.0"
    assert done.token.text not in done.config.read_text()
    with pytest.raises(ConfigurationError, match="already"):
        commands.initialise(tmp_path / "relay")


def test_tokens_and_codes_are_made_while_the_relay_is_down(tmp_path: Path) -> None:
    done = commands.initialise(tmp_path / "relay")

    assert commands.add_token(done.config, tenant="acme").text.startswith("gwt_")
    assert len(commands.add_code(done.config, tenant="acme", agent_name="plant")) == 23
    with pytest.raises(ConfigurationError, match="no tenant"):
        commands.add_code(done.config, tenant="nobody")
