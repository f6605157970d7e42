"""What a check may look at: one installation, with its settings as far as they can be read."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent.clock import Clock, SystemClock
from agent.control import ControlClient, is_running
from agent.errors import GroundwireError
from agent.identity import Identity, IdentityStore
from agent.settings import ConnectionSettings, Settings, load

STATUS_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    config_dir: Path
    state_dir: Path | None  # None: agent.toml cannot be read, so nobody knows
    settings: Settings | None
    settings_error: GroundwireError | None = None
    identity: Identity | None = None
    identity_error: GroundwireError | None = None
    running: bool = False  # whether an agent answers on the state folder
    connections: tuple[
        ConnectionSettings, ...
    ] = ()  # the enabled ones that can be read, or the one asked for
    status: Mapping[str, Any] | None = None  # what the running agent says of itself
    environ: Mapping[str, str]
    clock: Clock
    root: Path = Path("/")  # below which the system's own files are


async def look_at(
    config_dir: Path,
    *,
    connection: str = "",
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    inside: bool = False,
) -> Installation:
    """Read the files; changes nothing. Nothing that is wrong with them is raised: the checks tell of it.

    `inside`: this is the agent's own process. It runs, whether its control socket answers or not: taken for one that
    does not, its outbox would be opened and closed once more here, which drops the locks that it holds.
    """
    clock, variables = clock or SystemClock(), os.environ if environ is None else environ
    try:
        settings = load(config_dir)
    except GroundwireError as error:
        return Installation(
            config_dir=config_dir,
            state_dir=None,
            settings=None,
            settings_error=error,
            environ=variables,
            clock=clock,
        )
    identity, refused = _identity(settings.state_dir)
    running = inside or await is_running(settings.state_dir)
    chosen = (
        one
        for one in settings.connections.values()
        if (one.name == connection if connection else one.enabled)
    )
    return Installation(
        config_dir=config_dir,
        state_dir=settings.state_dir,
        settings=settings,
        identity=identity,
        identity_error=refused,
        running=running,
        status=await _status(settings.state_dir) if running else None,
        connections=tuple(chosen),
        environ=variables,
        clock=clock,
    )


def _identity(state_dir: Path) -> tuple[Identity | None, GroundwireError | None]:
    try:
        return IdentityStore(state_dir).load(), None
    except GroundwireError as error:
        return None, error


async def _status(state_dir: Path) -> Mapping[str, Any] | None:
    """None where the agent does not say in time: the check of it tells."""
    try:
        async with asyncio.timeout(STATUS_SECONDS):
            found = await ControlClient(state_dir).ask("status")
    except (GroundwireError, TimeoutError):
        return None
    return found if isinstance(found, dict) else None
