"""What the relay acked is there after its process is killed, whenever that is."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from agent.protocol.events import Acked
from relay import commands
from relay.identities import NewSecret
from relay.store.base import Agent
from relay.store.index import SqliteRecordIndex
from relay.store.sqlite import SqliteStore
from tests.integration.relay_peer import Peer, eventually
from tests.unit.relay.making import NOW, Sender, orders

ROOT = Path(__file__).resolve().parents[2]
STREAM = "nav/purchase_orders"
_STARTED = re.compile(r"api=(\S+).*gateway=(\S+)")
CHILD = "import sys; from pathlib import Path; from relay import commands; commands.run(Path(sys.argv[1]))"


@asynccontextmanager
async def child(config: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, str]]:
    """The relay as a process of its own; yields it with its API's and gateway's addresses."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(config), cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            while (match := _STARTED.search((await process.stdout.readline()).decode())) is None:
                assert process.returncode is None
        async with asyncio.TaskGroup() as group:
            draining = group.create_task(process.stdout.read())
            yield process, match[1], match[2]
            draining.cancel()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def made(folder: Path) -> tuple[Path, NewSecret]:
    done = commands.initialise(folder, gateway_port=0, api_port=0)
    text = done.config.read_text().replace("tls = {", "# tls = {")
    done.config.write_text(text)
    return done.config, done.token


async def enrolled(api: str, gateway: str, token: NewSecret) -> Peer:
    headers = {"Authorization": f"Bearer {token.text}"}
    async with httpx.AsyncClient(base_url=f"{api}/api/v1", headers=headers, trust_env=False) as client:
        code = (await client.post("/enrolment-codes", json={})).json()["code"]
    peer = Peer(gateway)
    assert await peer.enrol(code) == ""
    return peer


@pytest.mark.parametrize("acks_before_the_kill", [1, 7, 30])
async def test_everything_acked_survives_a_kill(tmp_path: Path, acks_before_the_kill: int) -> None:
    """I2: no false ack. The batch under way at the kill may be there or not; all acked ones are, in order, once."""
    config, token = await asyncio.to_thread(made, tmp_path / "relay")
    acked = 0
    async with child(config) as (process, api, gateway):
        peer = await enrolled(api, gateway, token)
        sender = Sender(Agent(peer.agent, "default", "plant", b"", 0, None, 1, "", NOW, None))
        async with peer.connected():
            try:
                for number in range(acks_before_the_kill + 20):
                    acked = _acked(peer)
                    if acked >= acks_before_the_kill:
                        break
                    await peer.send(sender.batch(orders([str(number)])))
                await eventually(lambda: _reached(peer, acks_before_the_kill))
                process.send_signal(signal.SIGKILL)
                await process.wait()
            except ConnectionClosed:
                pass
            acked = max(acked, _acked(peer))

    kept = await _kept(tmp_path / "relay" / "data")

    assert acked >= acks_before_the_kill
    assert kept[:acked] == list(range(1, acked + 1))


async def test_a_relay_that_is_told_to_stop_ends_by_itself(tmp_path: Path) -> None:
    config, _ = await asyncio.to_thread(made, tmp_path / "relay")
    async with child(config) as (process, _, _):
        process.send_signal(signal.SIGTERM)

        async with asyncio.timeout(25):
            assert await process.wait() == 0


def _acked(peer: Peer) -> int:
    return max((event.seq for event in peer.events if isinstance(event, Acked)), default=0)


async def _reached(peer: Peer, seq: int) -> bool:
    return _acked(peer) >= seq


async def _kept(data: Path) -> list[int]:
    """The seqs stored, after the index was opened too: neither file may be damaged."""
    store = await SqliteStore.open(data / "relay.db")
    index = await SqliteRecordIndex.open(data / "index.db")
    try:
        assert await index.position() <= await store.last_position()
        return [header.seq for header in await store.headers(0, 10_000)]
    finally:
        await index.aclose()
        await store.aclose()
