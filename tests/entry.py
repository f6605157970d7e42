"""The processes of a `Deployment`: the composition roots themselves, without the command line around them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from agent.app import App
from agent.clock import SystemClock
from agent.configuration.load import load
from agent.tunnel.enroll import enroll
from agent.version import SOFTWARE
from relay.app import run as run_relay
from relay.identities import create_tenant, create_token
from relay.settings import load_settings
from relay.store.sqlite import SqliteStore
from tests.deployment import TENANT


async def relay(file: Path) -> None:
    settings = load_settings(file)
    settings.data.mkdir(exist_ok=True)
    token = file.parent / "token"
    if not token.exists():
        store = await SqliteStore.open(settings.store_path)
        now = SystemClock().utcnow()
        await create_tenant(store, TENANT, now)
        token.write_text((await create_token(store, TENANT, "tests", now)).text)
        await store.aclose()
    await run_relay(settings)


async def agent(config: Path) -> None:
    app = App(load(config))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, app.stop)
    await app.run()


async def enrol(config: Path) -> None:
    settings = load(config)
    settings.state_dir.mkdir(mode=0o700, exist_ok=True)
    assert settings.relay.url is not None
    assert settings.relay.ca_file is not None
    code = sys.stdin.read()
    authority = Path(settings.relay.ca_file)
    await enroll(
        settings.relay.url,
        code,
        settings.agent.name,
        settings.state_dir,
        software=SOFTWARE,
        ca_file=authority,
    )


if __name__ == "__main__":
    os.umask(0o077)
    asyncio.run({"relay": relay, "agent": agent, "enrol": enrol}[sys.argv[1]](Path(sys.argv[2])))
