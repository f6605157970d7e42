"""The service of an installed agent, as systemd's own files say: whether it starts with the machine, and as whom."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from agent.audit.who import user_name
from agent.doctor.check import Check, Known, Told
from agent.doctor.files import agent_user
from agent.doctor.installation import Installation
from agent.findings import Level
from agent.settings import default_config_dir
from agent.setup.services import UNIT, unit_of

SYSTEM: Final = "etc/systemd/system"

KNOWN: Final = (
    Known(
        "service.disabled",
        Level.WARNING,
        "The service does not start with the machine, so nothing is read after its next restart",
        f"`systemctl enable --now {UNIT}`",
    ),
    Known(
        "service.user",
        Level.PROBLEM,
        "The service runs as another user than the one whose the state is, and cannot open it",
        "Give the state folder to the service's user with the `chown` that is named, while the service is stopped.",
    ),
)


async def check_service(installation: Installation, told: Told) -> None:
    root = installation.root
    unit = unit_of(root)
    if unit is None or not (root / "run/systemd/system").is_dir():
        told.fine("this host", "no service of systemd runs the agent here")
        return
    if installation.config_dir.absolute() != default_config_dir(installation.environ).absolute():
        told.fine(str(unit), "it runs the agent of another configuration folder")
        return
    enabled = any((root / SYSTEM).glob(f"*.wants/{UNIT}"))
    if not enabled:
        told.found("disabled", UNIT, "no target of systemd wants it")
    user = _user_of(unit, root)
    owner = agent_user(installation)
    name = None if owner is None else user_name(owner)
    if user and name and user != name:
        command = f"`chown -R {user}: {installation.state_dir}`"
        told.found("user", str(installation.state_dir), f"it is {name}'s, and the service runs as {user}", next_step=command)  # fmt: skip
    elif enabled:
        told.fine(UNIT, "it starts with the machine, as the user whose the state is")


def _user_of(unit: Path, root: Path) -> str:
    """As the unit says, or the last of its drop-ins; empty: as root, or as nobody who is named."""
    files = [unit, *sorted((root / SYSTEM / f"{UNIT}.d").glob("*.conf"))]
    found = ""
    for file in files:
        try:
            lines = file.read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        found = next((line.partition("=")[2].strip() for line in reversed(lines) if line.startswith("User=")), found)  # fmt: skip
    return found if os.name == "posix" else ""


CHECK: Final = Check("service", "the service that runs the agent", check_service, KNOWN)
