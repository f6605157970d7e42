"""An agent that starts with work left by an earlier process. Its relay is away."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.app import App
from agent.clock import SystemClock
from agent.configuration.load import load
from agent.control import ControlClient, NoAgentRunning
from agent.identity import Identity, IdentityStore
from agent.outbox.limits import OUTBOX_FILE
from agent.outbox.store import Outbox
from agent.settings import Settings
from tests.permissive import allow_everything
from tests.servers import free_port

CONNECTIONS = ("first", "second", "third")
PATIENCE_SECONDS = 60.0


def _settings(folder: Path) -> Settings:
    (folder / "connections").mkdir()
    (folder / "agent.toml").write_text('[agent]\nname = "berlin"\nstate_dir = "state"\n')
    for name in CONNECTIONS:
        (folder / "connections" / f"{name}.toml").write_text(
            'driver = "sandbox"\n[sync]\nmanual = true\n'
            '[streams.vendors]\nentity = "vendor"\n[streams.vendors.map]\nname = "NAME1"\n'
        )
    allow_everything(folder, CONNECTIONS)
    settings = load(folder, environ={})
    relay = f"wss://127.0.0.1:{free_port()}"
    settings.state_dir.mkdir(mode=0o700)
    identity = Identity("agt_1", "demo", relay, 1, Ed25519PrivateKey.generate())
    IdentityStore(settings.state_dir).save(identity)
    return settings


async def _leave_commands(settings: Settings) -> None:
    """As a process that ended right after it had written them down."""
    now = datetime.now(UTC)  # noqa: TID251 - the agent under test reads the real clock
    async with await Outbox.open(settings.state_dir / OUTBOX_FILE, clock=SystemClock()) as outbox:
        for name in CONNECTIONS:
            body = orjson.dumps({"name": "sync", "args": {"connection": name}})
            digest, deadline = hashlib.sha256(body).hexdigest(), now + timedelta(hours=1)
            await outbox.journal.receive(name, digest, "sync", now, deadline, body=body)


async def _streams_run(settings: Settings) -> set[str]:
    try:
        status = await ControlClient(settings.state_dir).ask("status")
    except NoAgentRunning:
        return set()
    return {one["name"] for one in status["connections"] if one["streams"][0]["lastRun"] is not None}


async def test_commands_left_by_an_earlier_process_find_every_connection(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    await _leave_commands(settings)
    app = App(settings)

    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        group.create_task(app.run())
        while await _streams_run(settings) != set(CONNECTIONS):
            await asyncio.sleep(0.05)  # noqa: TID251 - the real agent's own time
        app.stop()


async def test_a_connection_that_was_paused_stays_so_over_a_restart(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    await _leave_commands(settings)
    paused, *others = CONNECTIONS
    async with await Outbox.open(settings.state_dir / OUTBOX_FILE, clock=SystemClock()) as outbox:
        await outbox.pause(paused)
    app = App(settings)

    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        group.create_task(app.run())
        while await _streams_run(settings) != set(others):
            await asyncio.sleep(0.05)  # noqa: TID251 - the real agent's own time
        control = ControlClient(settings.state_dir)
        while (await control.ask("command", {"id": paused}))["finished_at"] is None:
            await asyncio.sleep(0.05)  # noqa: TID251 - as above
        refused = await control.ask("command", {"id": paused})
        status = {one["name"]: one for one in (await control.ask("status"))["connections"]}
        app.stop()

    assert (refused["state"], refused["code"]) == ("refused", "paused")
    assert (status[paused]["state"], status[paused]["streams"][0]["lastRun"]) == ("paused", None)
    assert status[others[0]]["paused"] is False


async def test_a_doubt_of_an_earlier_process_is_settled_by_the_running_agent(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    await _leave_commands(settings)
    doubted, *others = CONNECTIONS
    async with await Outbox.open(settings.state_dir / OUTBOX_FILE, clock=SystemClock()) as outbox:
        await outbox.journal.start(doubted)
        await outbox.journal.finish(doubted, "in_doubt", {"code": "no_lookup"})
    app = App(settings)

    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        group.create_task(app.run())
        while await _streams_run(settings) != set(others):
            await asyncio.sleep(0.05)  # noqa: TID251 - the real agent's own time
        control = ControlClient(settings.state_dir)
        listed = (await control.ask("commands", {"state": "in_doubt"}))["commands"]
        wanted = {"id": doubted, "state": "succeeded", "reference": "PO-1", "note": "looked"}
        settled = await control.ask("settle_command", wanted)
        app.stop()

    assert [one["id"] for one in listed] == [doubted]
    assert (settled["state"], settled["result"]) == (
        "succeeded",
        {"settledBy": "person", "reference": "PO-1"},
    )
    log = b"".join(path.read_bytes() for path in settings.state_dir.rglob("*.jsonl"))
    assert b"command_settled" in log
    assert b"looked" in log
