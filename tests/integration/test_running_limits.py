"""A running agent asked over its control socket: what a sync would do, and what its source is spared."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.app import App
from agent.configuration.load import load
from agent.control import ControlClient, is_running
from agent.identity import Identity, IdentityStore
from agent.settings import Settings
from tests.permissive import allow_everything
from tests.servers import free_port

PATIENCE_SECONDS = 60.0


def settings_of(folder: Path) -> Settings:
    (folder / "connections").mkdir()
    (folder / "agent.toml").write_text('[agent]\nname = "berlin"\nstate_dir = "state"\n')
    (folder / "connections" / "box.toml").write_text(
        'system = "sandbox"\n[limits]\nparallel_reads = 3\nrows_per_call = 40\n[sync]\nmanual = true\n'
    )
    allow_everything(folder, ["box"])
    settings = load(folder, environ={})
    settings.state_dir.mkdir(mode=0o700)
    relay = f"wss://127.0.0.1:{free_port()}"
    IdentityStore(settings.state_dir).save(Identity("agt_1", "demo", relay, 1, Ed25519PrivateKey.generate()))
    return settings


async def test_a_preview_is_held_to_the_limits_and_the_sync_after_it_reads_the_pages_it_foretold(
    tmp_path: Path,
) -> None:
    settings = settings_of(tmp_path)
    app = App(settings)
    control = ControlClient(settings.state_dir)

    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        group.create_task(app.run())
        while not await is_running(settings.state_dir) or not (await control.ask("status"))["connections"]:
            await asyncio.sleep(0.05)  # noqa: TID251 - the real agent's own time
        shown = await control.ask("preview", {"streams": ["box/vendors"], "records": 3})
        runs = (await control.ask("sync", {"streams": ["box"]}))["runs"]
        (status,) = (await control.ask("status"))["connections"]
        app.stop()

    (vendors,) = shown["streams"]
    first = vendors["reads"][0]
    assert vendors["error"] is None
    assert (first["rows_per_call"], first["pages"]) == (39, -(-first["rows"] // 39))
    assert len(vendors["sample"]["records"]) == 3
    assert {run["status"] for run in runs} == {"succeeded"}
    pages = {run["stream"]: run["counts"]["pages"] for run in runs}
    assert pages["box/vendors"] == first["pages"]
    assert (status["limits"]["parallelReads"], status["limits"]["rowsPerCall"]) == (3, 40)
