"""The user that the agent runs as, and whether this is who asks."""

from __future__ import annotations

import os
import sys
from typing import Final

from agent.audit.who import user_name
from agent.doctor.check import Check, Known, Told
from agent.doctor.files import agent_user
from agent.doctor.installation import Installation
from agent.findings import Level

ROOT: Final = 0

KNOWN: Final = (
    Known(
        "account.root",
        Level.WARNING,
        "The agent runs as root: a fault in it, or in a native driver, would have the whole host",
        "Let it run as a user of its own: `useradd --system groundwire`, `chown -R groundwire` the state folder, and `User=groundwire` in the service.",
    ),
    Known(
        "account.other",
        Level.WARNING,
        "Another user than the agent's asks, so some checks see less, or see other things than the agent does",
        "Run it as the agent's user, with the command that the finding names.",
    ),
    Known(
        "account.policy",
        Level.NOTICE,
        "The agent's user owns the policy, and could widen it: whoever gets hold of the agent decides what leaves",
        "`chown root policy.toml` and its folder; the agent only reads them. See docs/policy.md.",
    ),
)


async def check_account(installation: Installation, told: Told) -> None:
    if sys.platform == "win32":
        return
    agent, here = agent_user(installation), os.geteuid()
    if agent is None:
        told.fine("this host", f"no agent has run here yet; this is {user_name(here)}")
        return
    name, where = user_name(agent), str(installation.state_dir)
    if agent == ROOT:
        told.found("root", where, "the state folder belongs to root, so the agent runs as root")
    else:
        told.fine(where, f"the agent runs as {name}")
    if here not in {agent, ROOT}:
        cause = f"this is {user_name(here)}, and the agent runs as {name}"
        told.found(
            "other",
            where,
            cause,
            next_step=f"`sudo -u {name} groundwire doctor --config {installation.config_dir}`",
        )
    _policy(installation, agent, told)


def _policy(installation: Installation, agent: int, told: Told) -> None:
    from agent.configuration.policy_file import owner_of  # noqa: PLC0415 - loads pydantic's models

    owner = owner_of(installation.config_dir)
    if owner is not None and agent != ROOT and agent in {owner.file, owner.folder}:
        told.found("policy", "policy.toml", f"{user_name(agent)} owns it or its folder")


CHECK: Final = Check("account", "the user that the agent runs as", check_account, KNOWN)
