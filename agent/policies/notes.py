"""What of a policy is no fault and probably not meant, and who could change it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from agent.configuration.policy_file import ROOT, owner_of
from agent.policy.model import Policy
from agent.policy.names import OPERATIONS, nearest
from agent.settings import Settings


def agent_user(settings: Settings) -> int | None:
    """Whose state folder it is; root asks for the agent."""
    try:
        return settings.state_dir.stat().st_uid
    except OSError:
        return None  # no agent has run yet: whoever asks


def owner_notes(config_dir: Path) -> list[str]:
    owner = owner_of(config_dir)
    if owner is None or (owner.file, owner.folder) == (ROOT, ROOT):
        if owner is not None and sys.platform != "win32" and os.geteuid() == ROOT:
            return ["root owns the policy; run the agent as another user, or it could change it all the same"]
        return []
    own = [what for what, uid in (("the file", owner.file), ("its folder", owner.folder)) if uid != ROOT]
    note = (
        f"{' and '.join(own)} belong{'s' if len(own) == 1 else ''} to the agent's user and not to root, so whoever gets "
        "into the agent's account could change the policy: chown root policy.toml and its folder"
    )
    return [note]


def notes_of(found: Policy, settings: Settings) -> list[str]:
    """Held against the connections that are configured."""
    notes: list[str] = []
    known = [*settings.connections, *(one.name for one in settings.broken)]
    for name, rule in found.file.connections.items():
        if name not in known:
            notes.append(f"there is no connection {name!r}. {nearest(name, tuple(known))}")
        written = {operation for write in rule.write.values() for operation in write.operations}
        notes += [
            f"{name}: {operation} is in `operations` and not in `commands`, so it is refused"
            for operation in OPERATIONS
            if operation in written and operation not in rule.commands
        ]
    for name, connection in settings.connections.items():
        notes += [
            f"{name}/{stream.name} does not run: nothing of {stream.entity} may leave"
            for stream in connection.streams.values()
            if found.leave(name, stream.entity) is None
        ]
    return notes
