"""Backups of a relay at work, and what agents and readers do when one is put back."""

from __future__ import annotations

import asyncio
import json
import shutil
from functools import partial
from pathlib import Path

import httpx
import pytest

from agent.control import SOCKET_FILE, is_running
from agent.errors import AlreadyRunning, ConfigurationError, NotPermitted, StorageDamaged
from relay import backup, commands
from relay.app import RelayApp
from relay.identities import NewSecret
from relay.settings import RelaySettings, load_settings
from relay.store import copying
from relay.store.base import Agent
from relay.store.opening import log_of
from relay.store.storage import open_store
from tests.integration.relay_peer import Peer, client_of, enrolled_peer, eventually, made
from tests.unit.relay.making import NOW, Sender, orders

STREAM = "nav/purchase_orders"


class Place:
    """A relay's folder, whose relay may be started, ended and put back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "relay.toml"
        self.settings: RelaySettings
        self.token: NewSecret
        self.settings, self.token = made(folder)


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    return await asyncio.to_thread(Place, tmp_path / "relay")


def sender_of(peer: Peer) -> Sender:
    return Sender(Agent(peer.agent, "default", "plant", b"", 0, None, 1, "", NOW, None))


async def listed(client: httpx.AsyncClient) -> set[str]:
    answer = await client.get("/purchase-orders", params={"limit": 500})
    assert answer.status_code == 200, answer.text
    return {item["key"] for item in answer.json()["items"]}


async def test_a_backup_of_a_relay_at_work_holds_what_was_acked_before_it_began(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Agents go on meanwhile: what is stored between two steps of the copy is stored, and acked as ever."""
    monkeypatch.setattr(copying, "STEP_PAGES", 4)
    target = tmp_path / "backup"
    async with RelayApp(place.settings) as relay, client_of(relay, place.token) as client:
        peer = await enrolled_peer(relay, client)
        sender = sender_of(peer)
        async with peer.connected():
            for number in range(30):
                await peer.send(sender.batch(orders([f"before {number}"])))
            await peer.acked(STREAM, 30)
            backing_up = asyncio.create_task(asyncio.to_thread(commands.back_up, place.config, target))
            sent = 0
            while not backing_up.done():
                await peer.send(sender.batch(orders([f"meanwhile {sent}"])))
                sent += 1
                await peer.acked(STREAM, 30 + sent)
            done = await backing_up

    assert sent > 0
    assert done.position >= 30
    assert copying.look_at(target / "relay.db").position == done.position
    assert json.loads((target / "backup.json").read_text())["position"] == done.position
    files = {
        str(path.relative_to(target / "files")) for path in (target / "files").rglob("*") if path.is_file()
    }
    assert files >= {"ca.pem", "server.key", "server.pem", "data/webhooks.key"}
    assert {path.stat().st_mode & 0o077 for path in target.rglob("*") if path.is_file()} == {0}


async def test_a_backup_can_be_made_while_no_relay_runs(place: Place, tmp_path: Path) -> None:
    done = await asyncio.to_thread(commands.back_up, place.config, tmp_path / "backup")

    assert (done.position, done.left_out) == (0, ())
    with pytest.raises(ConfigurationError, match="already"):
        await asyncio.to_thread(commands.back_up, place.config, tmp_path / "backup")


async def test_a_relay_is_made_of_a_backup_on_a_new_host(place: Place, tmp_path: Path) -> None:
    """With its certificate, so that agents know it again, and its tokens."""
    await asyncio.to_thread(commands.back_up, place.config, tmp_path / "backup")
    shutil.rmtree(place.folder)

    done = await asyncio.to_thread(commands.restore, tmp_path / "backup", tmp_path / "new")

    settings = load_settings(tmp_path / "new" / "relay.toml")
    assert settings.gateway.tls is not None
    assert settings.gateway.tls.key.exists()
    assert done.store == settings.store_path
    settings = settings.model_copy(update={"gateway": place.settings.gateway})
    async with RelayApp(settings) as relay, client_of(relay, place.token) as client:
        assert await listed(client) == set()


async def test_a_store_that_is_there_is_moved_aside_only_when_asked_for(place: Place, tmp_path: Path) -> None:
    await asyncio.to_thread(commands.back_up, place.config, tmp_path / "backup")

    with pytest.raises(ConfigurationError, match="store here already") as caught:
        await asyncio.to_thread(commands.restore, tmp_path / "backup", place.folder)
    assert "--replace" in caught.value.hint
    done = await asyncio.to_thread(commands.restore, tmp_path / "backup", place.folder, replace=True)

    assert done.moved_away is not None
    assert (done.moved_away / "relay.db").exists()


async def test_nothing_is_put_in_the_place_of_a_store_that_a_relay_uses(place: Place, tmp_path: Path) -> None:
    """It would go on with the file that was moved away, and ack what nobody finds again."""
    await asyncio.to_thread(commands.back_up, place.config, tmp_path / "backup")
    async with RelayApp(place.settings):
        await eventually(partial(is_running, place.settings.data))
        with pytest.raises(AlreadyRunning):
            await asyncio.to_thread(commands.restore, tmp_path / "backup", place.folder, replace=True)

        assert place.settings.store_path.exists()


async def test_a_data_folder_that_takes_no_socket_costs_no_relay(place: Place) -> None:
    (place.settings.data / SOCKET_FILE).write_text("not a socket")

    async with RelayApp(place.settings) as relay, client_of(relay, place.token) as client:
        for _ in range(3):
            assert await listed(client) == set()


class CutOff(BaseException):
    """The process was killed there."""


@pytest.mark.parametrize("moves", range(3))
async def test_a_restore_that_is_cut_off_between_its_moves_is_done_again_and_no_relay_starts_empty(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    await asyncio.to_thread(commands.back_up, place.config, tmp_path / "backup")
    store = place.settings.store_path
    log_of(store).write_bytes(b"")  # as a relay that was killed leaves one
    replace, left = Path.replace, [moves]

    def cut_off(path: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] < 0:
            raise CutOff
        return replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", cut_off)
        with pytest.raises(CutOff):
            await asyncio.to_thread(commands.restore, tmp_path / "backup", place.folder, replace=True)
    if not store.exists():
        with pytest.raises(ConfigurationError, match="cut off"):
            await open_store(place.settings)

    await asyncio.to_thread(commands.restore, tmp_path / "backup", place.folder, replace=True)

    aside = sorted(path.name for path in place.settings.data.glob("replaced-*/*"))
    assert aside == ["relay.db", "relay.db-wal"]
    async with RelayApp(place.settings) as relay, client_of(relay, place.token) as client:
        assert await listed(client) == set()


async def test_a_backup_that_fails_leaves_nothing_and_its_name_is_free(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("relay.backup._write_private", full)
        with pytest.raises(NotPermitted, match="No space left"):
            await asyncio.to_thread(commands.back_up, place.config, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()

    await asyncio.to_thread(commands.back_up, place.config, tmp_path / "backup")


@pytest.mark.parametrize("fault", ["spoilt", "missing"])
async def test_a_spoilt_backup_takes_the_place_of_nothing(place: Place, tmp_path: Path, fault: str) -> None:
    target = tmp_path / "backup"
    await asyncio.to_thread(commands.back_up, place.config, target)
    if fault == "missing":
        (target / "backup.json").unlink()
    else:
        content = bytearray((target / "relay.db").read_bytes())
        content[5_000:9_000] = bytes(4_000)
        (target / "relay.db").write_bytes(content)
    before = place.settings.store_path.read_bytes()

    with pytest.raises(StorageDamaged):
        await asyncio.to_thread(commands.restore, target, place.folder, replace=True)

    assert place.settings.store_path.read_bytes() == before


async def test_an_agent_that_is_ahead_of_a_restored_relay_is_let_in_and_sends_again(
    place: Place, tmp_path: Path
) -> None:
    """It had further sessions behind the backup, so its epoch is one that the relay has forgotten."""
    async with RelayApp(place.settings) as relay, client_of(relay, place.token) as client:
        peer = await enrolled_peer(relay, client)
        sender = sender_of(peer)
        async with peer.connected():
            await peer.send(sender.batch(orders(["before"])))
            await peer.acked(STREAM, 1)
        await asyncio.to_thread(commands.back_up, place.config, tmp_path / "backup")
        for _ in range(3):
            async with peer.connected():
                later = sender.batch(orders([f"behind {sender.seq}"]))
                await peer.send(later)
                await peer.acked(STREAM, sender.seq)
    await asyncio.to_thread(commands.restore, tmp_path / "backup", place.folder, replace=True)

    async with RelayApp(place.settings) as relay, client_of(relay, place.token) as client:
        peer.url = relay.gateway_url
        async with peer.connected() as welcomed:
            assert welcomed.positions == {STREAM: 1}
            again = sender_of(peer)
            again.seq, again.tails = 1, {STREAM: 1}
            await peer.send(again.batch(orders(["again"])))
            await peer.acked(STREAM, 2)

        async def there() -> bool:
            return await listed(client) == {"before", "again"}

        await eventually(there)
        assert await peer.refusal_of_epoch(3) == "stale_epoch"


async def test_while_the_index_is_made_anew_readers_are_told_to_wait_and_nothing_seems_gone(
    place: Place,
) -> None:
    async with RelayApp(place.settings) as relay, client_of(relay, place.token) as client:
        peer = await enrolled_peer(relay, client)
        sender = sender_of(peer)
        keys = {str(number) for number in range(40)}
        async with peer.connected():
            for key in sorted(keys):
                await peer.send(sender.batch(orders([key])))
            await peer.acked(STREAM, 40)
        await eventually(relay.caught_up)
        assert await listed(client) == keys

        made_anew = asyncio.create_task(asyncio.to_thread(commands.rebuild_index, place.config))
        statuses = set()
        for _ in range(25):
            answer = await client.get("/purchase-orders", params={"limit": 500})
            statuses.add(answer.status_code)
            if answer.status_code == 200:
                assert {item["key"] for item in answer.json()["items"]} == keys
            else:
                assert "made anew" in answer.json()["detail"]
                assert answer.headers["Retry-After"] == "5"
            assert (await client.get("/feed", params={"limit": 1})).status_code == 200
        assert await made_anew == 40
        await eventually(relay.caught_up)
        assert await listed(client) == keys

    assert statuses <= {200, 503}


async def test_an_index_that_is_begun_anew_tells_nothing_before_it_is_complete(place: Place) -> None:
    """Also across a restart, and when its file was deleted."""
    async with RelayApp(place.settings) as relay, client_of(relay, place.token) as client:
        peer = await enrolled_peer(relay, client)
        sender = sender_of(peer)
        async with peer.connected():
            await peer.send(sender.batch(orders(["1"])))
            await peer.acked(STREAM, 1)
        await eventually(relay.caught_up)
        await relay.index.reset(complete_at=2)
        answer = await client.get("/purchase-orders")
        assert answer.status_code == 503
        assert (await client.get("/dead-letters")).status_code == 503
        assert (await client.get("/sync-runs")).status_code == 503
    assert backup.CONFIG == "relay.toml"

    assert await asyncio.to_thread(commands.rebuild_index, place.config) is None
    async with RelayApp(place.settings) as relay, client_of(relay, place.token) as client:
        await eventually(relay.caught_up)
        assert await listed(client) == {"1"}
