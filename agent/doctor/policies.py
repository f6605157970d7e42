"""The local policy: whether it can be read, and of what it lets nothing leave."""

from __future__ import annotations

from typing import Final

from agent.configuration.policy_file import read_policy
from agent.doctor.check import Check, Known, Told
from agent.doctor.files import agent_user
from agent.doctor.installation import Installation
from agent.errors import ConfigurationError
from agent.findings import Level
from agent.policy.model import POLICY_FILE
from agent.settings import problems_of

KNOWN: Final = (
    Known(
        "policy.unreadable",
        Level.PROBLEM,
        "policy.toml is wrong or not to be trusted, so nothing leaves",
        "Correct the file; `groundwire policy check` reads it again.",
    ),
    Known(
        "policy.missing",
        Level.NOTICE,
        "There is no policy.toml, so nothing leaves and no stream runs",
        "`groundwire policy suggest CONNECTION` prints the tables that let a connection's records leave; write what you allow into policy.toml.",
    ),
    Known(
        "policy.nothing_leaves",
        Level.NOTICE,
        "The policy lets nothing of a connection leave, so none of its streams run",
        "If that is not meant: `groundwire policy suggest CONNECTION` prints what would let it.",
    ),
    Known(
        "policy.partly",
        Level.NOTICE,
        "The policy lets nothing of some entities leave, so their streams do not run",
        "If that is not meant: `groundwire policy explain CONNECTION ENTITY` says which rule is missing.",
    ),
)


async def check_policy(installation: Installation, told: Told) -> None:
    if installation.settings is None:
        return
    folder = installation.config_dir
    if not (folder / POLICY_FILE).exists():
        told.found("missing", str(folder / POLICY_FILE), "nothing is allowed to leave: there is no policy")
        return
    try:
        policy = read_policy(folder, user=agent_user(installation))
    except ConfigurationError as error:
        for problem in problems_of(error):
            told.found("unreadable", problem.where or POLICY_FILE, problem.message, next_step=problem.hint)
        return
    for connection in installation.connections:
        entities = sorted({stream.entity for stream in connection.streams.values()})
        staying = [entity for entity in entities if policy.leave(connection.name, entity) is None]
        if entities and staying == entities:
            told.found(
                "nothing_leaves", connection.name, "nothing of it may leave", evidence=", ".join(entities)
            )
        elif staying:
            told.found("partly", connection.name, f"nothing of {', '.join(staying)} may leave")
        else:
            told.fine(connection.name, "all that it reads may leave, as far as the rules go")


CHECK: Final = Check("policy", "the local policy", check_policy, KNOWN)
