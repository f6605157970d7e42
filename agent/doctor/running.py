"""What the running agent says is wrong: its link to the relay, its identity there, its streams and its audit log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.doctor.check import Check, Known, Told
from agent.doctor.installation import Installation
from agent.findings import Level

MAX_STREAMS: Final = 50  # told of one by one; beyond it one finding says how many more
_COPY: Final = "another copy of this agent"
_SUPERSEDED: Final = "a newer session of this agent"

KNOWN: Final = (
    Known(
        "agent.stopped",
        Level.WARNING,
        "No agent runs here, so nothing is read or sent",
        "Start it: `groundwire run`, or the service (`systemctl start groundwire`).",
    ),
    Known(
        "agent.silent",
        Level.PROBLEM,
        "An agent runs, but did not say how it stands",
        "Look at its log; if it hangs, restart it: nothing that is stored is lost.",
    ),
    Known(
        "agent.identity",
        Level.PROBLEM,
        "The file of this agent's identity cannot be used",
        "Do what the finding says of it; else enrol again: `groundwire enroll wss://RELAY CODE --replace`.",
    ),
    Known(
        "agent.twin",
        Level.PROBLEM,
        "A second agent uses the same identity: a machine that was cloned, or a state folder that was restored elsewhere",
        "Stop one of the two. The one that stays goes on, or is enrolled anew: `groundwire enroll wss://RELAY CODE --replace`.",
    ),
    Known(
        "agent.refused",
        Level.PROBLEM,
        "The relay does not take this agent",
        "Ask the relay's operator for a new code, and enrol again: `groundwire enroll wss://RELAY CODE --replace`.",
    ),
    Known(
        "agent.unconnected",
        Level.PROBLEM,
        "The running agent has no connection to the relay",
        "See what `names`, `proxy`, `clock` and `relay` say; the agent tries again by itself.",
    ),
    Known(
        "agent.held_back",
        Level.PROBLEM,
        "The relay takes nothing of some connections",
        "Ask the relay's operator; what waits is kept.",
    ),
    Known(
        "agent.stream",
        Level.PROBLEM,
        "A stream cannot go on until somebody changes something",
        "Do what the finding says; `groundwire sync CONNECTION/STREAM` then tries it at once.",
    ),
    Known(
        "agent.retrying",
        Level.WARNING,
        "A stream failed in a way that may pass, and is tried again by itself",
        "Nothing to do if it passes; else see what `sources` says of the same connection.",
    ),
    Known(
        "agent.paused",
        Level.NOTICE,
        "Somebody paused a connection",
        "`groundwire resume CONNECTION` lets it run again.",
    ),
    Known(
        "agent.in_doubt",
        Level.WARNING,
        "Nobody knows of some writes whether the system took them",
        "`groundwire commands list --state in_doubt` lists them; look in the system, then `groundwire commands settle`.",
    ),
    Known(
        "agent.audit",
        Level.PROBLEM,
        "The audit log cannot be written, so what has to be audited is refused",
        "Make room on the disk of the state folder, or give the agent's user write access to it.",
    ),
)


async def check_agent(installation: Installation, told: Told) -> None:
    _identity(installation, told)
    if installation.settings is None:
        return
    where = str(installation.state_dir)
    if not installation.running:
        told.found("stopped", where, "no agent runs on this state folder")
        return
    status = installation.status
    if status is None:
        told.found("silent", where, "the agent did not answer")
        return
    _link(status.get("relay") or {}, told)
    names = {one.name for one in installation.connections}
    chosen = [one for one in status.get("connections") or [] if one.get("name") in names]
    for connection in chosen:
        _connection(connection, told)
    doubts = (status.get("commands") or {}).get("in_doubt", 0)
    if doubts:
        told.found("in_doubt", where, f"{doubts} commands are in doubt")
    error = (status.get("audit") or {}).get("error")
    if error:
        told.found("audit", where, error["message"], next_step=error.get("hint", ""))


def _identity(installation: Installation, told: Told) -> None:
    error = installation.identity_error
    if error is not None and "not enrolled" not in error.message:
        told.found("identity", error.where, error.message, next_step=error.hint)
    elif installation.identity is not None:
        told.fine("identity.json", f"enrolled as {installation.identity.agent}")


def _link(relay: Mapping[str, Any], told: Told) -> None:
    error, phase = relay.get("error"), relay.get("phase", "")
    evidence = f"{phase} since {relay.get('since')}; last ack {relay.get('last_ack') or 'never'}"
    if error:
        told.found(
            _code_of(error), "relay", error["message"], evidence=evidence, next_step=error.get("hint", "")
        )
    elif phase != "connected":
        told.found("unconnected", "relay", f"the link is {phase}", evidence=evidence)
    else:
        told.fine("relay", "the running agent is connected", evidence)
    held = relay.get("held_back")
    if held:
        names = ", ".join(held["connections"])
        told.found("held_back", "relay", f"the relay takes nothing of {names}", evidence=held["reason"])


def _code_of(error: Mapping[str, Any]) -> str:
    message = str(error.get("message", ""))
    if _COPY in message or _SUPERSEDED in message:
        return "twin"
    return "refused" if error.get("code") == "identity_refused" else "unconnected"


def _connection(connection: Mapping[str, Any], told: Told) -> None:
    name = connection["name"]
    if connection.get("paused"):
        told.found(
            "paused",
            name,
            "the connection is paused",
            next_step=f"`groundwire resume {name}` lets it run again.",
        )
    broken = [one for one in connection.get("streams") or [] if one.get("error")]
    for stream in broken[:MAX_STREAMS]:
        error = stream["error"]
        place = f"{name}/{stream['name']}"
        code = "retrying" if stream.get("state") == "retrying" else "stream"
        if error.get("code") in {"policy", "paused"}:
            continue  # `policy` and the line above say so
        where = f"{error['where']}: " if error.get("where") not in {None, "", place} else ""
        told.found(
            code, place, f"{where}{error.get('message') or error['code']}", next_step=error.get("hint", "")
        )
    if len(broken) > MAX_STREAMS:
        told.found("stream", name, f"{len(broken) - MAX_STREAMS} more streams have an error")
    if not broken:
        told.fine(name, "no stream has an error")


CHECK: Final = Check("agent", "what the running agent says of itself", check_agent, KNOWN)
