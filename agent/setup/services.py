"""Whether this machine runs the agent as a service, and how it is started."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agent.errors import GroundwireError, Unreachable
from agent.service.plan import NAME
from agent.settings import default_config_dir
from agent.setup.machine_port import Service

UNIT: Final = "groundwire.service"
START_SECONDS: Final = 90.0  # systemd's own limit for a start
_FOLDERS: Final = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)

if sys.platform == "win32":
    from agent.clock import SystemClock
    from agent.service.access import NtfsAccess
    from agent.service.administration import Administration
    from agent.service.ports import State
    from agent.service.scm import Scm

    def _service() -> Administration:
        return Administration(Scm(), NtfsAccess(), SystemClock())

    def _is_made() -> bool:
        try:
            return _service().state()[0] is not State.MISSING
        except GroundwireError:
            return False


def unit_of(root: Path = Path("/")) -> Path | None:
    """Its file: the one that counts, where there are several."""
    files = (root / place.lstrip("/") / UNIT for place in _FOLDERS)
    return next((file for file in files if file.exists()), None)


def look(config_dir: Path, environ: Mapping[str, str], *, running: bool, root: Path = Path("/")) -> Service:
    """A unit is taken for this agent's where it is there, and systemd runs this machine; so is the service of Windows."""
    apart = "" if config_dir == default_config_dir(environ).absolute() else str(config_dir)
    run = "groundwire run" + (f" --config {shlex.quote(apart)}" if apart else "")
    if sys.platform == "win32":
        # The service reads the machine's folder; one of another folder is not this agent's.
        return Service(
            "" if apart or not _is_made() else NAME, running, "groundwire service start", run, apart
        )
    systemd = (root / "run/systemd/system").is_dir()
    if not (systemd and unit_of(root) and shutil.which("systemctl", path=environ.get("PATH"))):
        return Service(running=running, run=run, folder=apart)
    sudo = "" if sys.platform == "win32" or os.geteuid() == 0 else "sudo "
    return Service(UNIT, running, f"{sudo}systemctl enable --now {UNIT}", run, apart)


async def start(command: str) -> None:
    """Raises Unreachable with the command to be given by hand."""
    if sys.platform == "win32":
        await _service().start()
        return
    hint = f"Start it by hand: {command}"
    try:
        process = await asyncio.create_subprocess_exec(
            *shlex.split(command), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )  # fmt: skip
        try:
            async with asyncio.timeout(START_SECONDS):
                _, said = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
    except (OSError, TimeoutError) as error:
        raise Unreachable("the service was not started", where=UNIT, hint=hint) from error
    if process.returncode:
        words = said.decode("utf-8", "replace").strip().splitlines()
        raise Unreachable(
            f"the service was not started: {words[-1] if words else 'no reason given'}", where=UNIT, hint=hint
        )
